"""Draws one page of a PDF and reads the picture: `pdftoppm` into `tesseract`, both under the child's limits.

    python -m chatai.integrations.reader.recognition_child PATH PAGE LANGUAGES MEMORY_MB SECONDS

The text goes to standard output. Nothing is written to the disk.
"""

from __future__ import annotations

import os
import subprocess
import sys

from chatai.integrations.reader.child import limit

LONG_SIDE = 3508  # pixels: A4 at 300 dpi, and no more for a page of any size


def main(arguments: list[str]) -> int:
    path, page, languages, memory_mb, seconds = arguments
    limit(int(memory_mb), int(seconds))
    os.environ["OMP_THREAD_LIMIT"] = "1"  # tesseract's threads spin against each other on small machines
    draw = ["pdftoppm", "-f", page, "-l", page, "-scale-to", str(LONG_SIDE), "-gray", "-singlefile", path]
    with subprocess.Popen(draw, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as drawing:
        read = subprocess.run(
            ["tesseract", "stdin", "stdout", "-l", languages, "--psm", "1", "--dpi", "300", "-c", "page_separator="],  # noqa: S607
            stdin=drawing.stdout,
            check=False,
        )
    return drawing.returncode or read.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
