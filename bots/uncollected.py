"""Imported before everything else by the processes that bots wait for: it puts off the search for garbage.

What is imported stays; looking through it for garbage again and again takes a fifth of the time that importing takes.
`heap.keep_for_good` ends it.
"""

from __future__ import annotations

import gc

gc.disable()
