"""Where a passage stands among the pieces that a PDF's page is drawn of: the page's own JavaScript, run by Node.js."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from chatai.frontend import ROOT
from chatai.frontend_tools import prepare_node

RUN = """
import { placesOf } from "./pdf-marks.mjs";
const [pieces, before, passage, after] = JSON.parse(process.argv[2]);
const found = placesOf(pieces, before, passage, after);
console.log(JSON.stringify(found && [...found].map(([number, parts]) =>
  parts.map(([start, end]) => [number, pieces[number].slice(start, end)])).flat()));
"""


@pytest.fixture
def marked(tmp_path: Path) -> object:
    node = prepare_node(tmp_path / "tools") / "node"
    (tmp_path / "pdf-marks.mjs").write_text((ROOT / "assets" / "parts" / "pdf-marks.js").read_text())
    (tmp_path / "run.mjs").write_text(RUN)

    def run(pieces: list[str], passage: str, before: str = "", after: str = "") -> list[list[object]] | None:
        question = json.dumps([pieces, before, passage, after])
        done = subprocess.run(
            [str(node), str(tmp_path / "run.mjs"), question], capture_output=True, text=True, check=True
        )
        found: list[list[object]] | None = json.loads(done.stdout)
        return found

    return run


def test_spaces_hyphens_ligatures_and_accents_do_not_matter(marked: object) -> None:
    assert callable(marked)
    pieces = ["Der e\ufb03ziente Auf-", "bau  der Geome", "trie ist", " ", "\u00fcberall gleich. Ende."]
    assert marked(pieces, "effiziente Aufbau der Geometrie ist\nu\u0308berall gleich.") == [
        [0, "e\ufb03ziente Auf-"],
        [1, "bau  der Geome"],
        [2, "trie ist"],
        [3, " "],
        [4, "\u00fcberall gleich."],
    ]
    assert marked(["Ещё не", "льзя: мой йод"], "еще нельзя: МОИ\u0306 и\u0306од") == [
        [0, "Ещё не"],
        [1, "льзя: мой йод"],
    ]


def test_of_several_places_the_one_that_was_cited_is_marked(marked: object) -> None:
    assert callable(marked)
    pieces = ["Price 10. ", "Another text. ", "Price 10. ", "The last text."]
    assert marked(pieces, "Price 10.", "", "Another text. Price 10. The last text.") == [[0, "Price 10."]]
    assert marked(pieces, "Price 10.", "Price 10. Another text.", "The last text.") == [[2, "Price 10."]]


def test_what_comes_in_another_order_is_marked_in_pieces(marked: object) -> None:
    assert callable(marked)
    pieces = ["left column begins here", "right column begins there", "and goes on to its end", "with more words"]
    text = "left column begins here\nand goes on to its end\nright column begins there\nwith more words"
    assert marked(pieces, text) == [[number, piece] for number, piece in enumerate(pieces)]
    assert marked(pieces, "and goes on to its end RUNNING HEAD right column begins there") == [
        [1, "right column begins there"],
        [2, "and goes on to its end"],
    ]


def test_what_is_not_on_the_page_is_not_marked(marked: object) -> None:
    assert callable(marked)
    assert marked(["Delivery takes five days."], "Warranty lasts two years.") is None
    assert (
        marked(["Delivery takes five days."], "Delivery to the moon and back is what nobody here has promised") is None
    )
    assert marked([], "Anything") is None
    assert marked(["Text"], " -- ") is None
