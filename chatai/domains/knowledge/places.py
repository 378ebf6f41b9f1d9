"""Where a part of a passage stands: on which page, from which to which character."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from chatai.core.statements import Runs
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.schemas import Passage


async def narrow(uow: Runs, passage: Passage, start: int, end: int) -> Passage:
    """The passage cut down to `passage.text[start:end]`, with that part's own page and offsets.

    A passage over several pages is looked up in them; if its document was read anew meanwhile, it stays as it is. What
    a person wrote stands on no page: it keeps the place of what it was written in the place of.
    """
    text = passage.text[start:end]
    if passage.edited:
        return replace(passage, text=text)
    if passage.page == passage.page_end:
        begin = passage.char_start + start
        return replace(passage, char_start=begin, char_end=begin + len(text), text=text)
    pages = await repository.page_starts(uow, passage.document_id, passage.page, passage.page_end)
    if len(pages) != passage.page_end - passage.page + 1:
        return passage
    starts = [char_start for _, char_start in pages]
    begin = starts[0] + passage.char_start + start
    first = bisect_right(starts, begin) - 1
    last = bisect_right(starts, begin + len(text) - 1) - 1
    return replace(
        passage,
        page=pages[first][0],
        page_end=pages[last][0],
        char_start=begin - starts[first],
        char_end=begin + len(text) - starts[last],
        text=text,
    )
