"""`chatai up`: everything on one machine, from one command, under supervision.

`checks` looks before anything starts, `engines` runs the embedded servers, `service` keeps one process alive and
well, `run` puts them in order, `console` is the one place where lines come out.
"""

from chatai.launcher.checks import LaunchError
from chatai.launcher.run import up

__all__ = ["LaunchError", "up"]
