"""Makes a DOCX ready for docx2python: a copy in memory with only the parts that carry text, marked where it matters.

docx2python loses page breaks and writes links, pictures and note references as text of its own making. So the breaks
and note references become marks in the text here, and what is not text is taken out before. Marks are private-use
characters; the document's own are removed first.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from copy import deepcopy
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from lxml import etree

from chatai.integrations.reader.archive import check_archive
from chatai.integrations.reader.protocol import ReadFailure

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT_W = b"http://purl.oclc.org/ooxml/wordprocessingml/main"

BREAK = "\ue0f0"  # the document begins a new page here
RENDERED_BREAK = "\ue0f1"  # Word began a new page here when it last laid the document out
NOTE = "\ue0f2"  # stands on both sides of "footnote:ID" or "endnote:ID"
MARKS = re.compile("[\ue0f0-\ue0f2]")

UNWRAPPED = [f"{{{W}}}{tag}" for tag in ("hyperlink", "smartTag", "ins", "moveTo", "fldSimple", "bdo", "dir")]
REMOVED = [
    *(
        f"{{{W}}}{tag}"
        for tag in ("del", "moveFrom", "sym", "object", "commentRangeStart", "commentRangeEnd", "commentReference")
    ),
    *(f"{{{W}}}{tag}" for tag in ("footnoteRef", "endnoteRef", "separator", "continuationSeparator")),
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    "{http://schemas.openxmlformats.org/drawingml/2006/main}blip",
    "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}docPr",
    "{http://schemas.openxmlformats.org/drawingml/2006/picture}pic",
    "{urn:schemas-microsoft-com:vml}imagedata",
]
# An equation is kept as the characters that it is written with.
EQUATIONS = [f"{{http://schemas.openxmlformats.org/officeDocument/2006/math}}{tag}" for tag in ("oMath", "oMathPara")]


@dataclass
class Prepared:
    """The document for docx2python, and what it would not tell.

    `levels` maps style ids to heading levels (1 and more); `contents` are the styles of tables of contents; `lists`
    maps styles that number their paragraphs to the `w:numPr` that does it.
    """

    file: BytesIO
    levels: dict[str, int] = field(default_factory=dict)
    contents: set[str] = field(default_factory=set)
    lists: dict[str, Any] = field(default_factory=dict)


def prepare(path: Path) -> Prepared:
    """Reads the archive within the limits.

    Raises:
        ReadFailure: `damaged_file`, `archive_bomb`, `password_protected`.
    """
    check_archive(path)
    prepared = Prepared(BytesIO())
    try:
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(prepared.file, "w", zipfile.ZIP_STORED) as target:
            for entry in sorted(source.infolist(), key=lambda entry: not entry.filename.endswith("/styles.xml")):
                kind = posixpath.basename(entry.filename)
                if entry.filename.endswith(".rels"):
                    target.writestr(entry.filename, source.read(entry))
                elif entry.filename.startswith("word/") and entry.filename.endswith(".xml"):
                    data = source.read(entry).replace(STRICT_W, W.encode())
                    if kind == "styles.xml":
                        _read_styles(_parse(data), prepared)
                    elif re.match(r"(document|header|footer|footnotes|endnotes)\d*\.xml$", kind):
                        data = etree.tostring(_marked(_parse(data), prepared), encoding="utf-8")
                        target.writestr(entry.filename, data)
                    elif kind == "numbering.xml":
                        target.writestr(entry.filename, data)
    except (zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError, NotImplementedError, EOFError) as error:
        raise ReadFailure("damaged_file") from error
    return prepared


def _parse(data: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(data, parser)


def _read_styles(root: Any, prepared: Prepared) -> None:
    based: dict[str, str] = {}
    for style in root.iter(f"{{{W}}}style"):
        style_id = style.get(f"{{{W}}}styleId") or ""
        name_element = style.find(f"{{{W}}}name")
        name = ("" if name_element is None else name_element.get(f"{{{W}}}val") or "").lower()
        outline = style.find(f"{{{W}}}pPr/{{{W}}}outlineLvl")
        heading = re.fullmatch(r"heading (\d)", name)
        if heading:
            prepared.levels[style_id] = int(heading.group(1))
        elif name == "title":
            prepared.levels[style_id] = 1
        elif re.fullmatch(r"toc \d|toc heading|table of figures", name):
            prepared.contents.add(style_id)
        elif outline is not None and (outline.get(f"{{{W}}}val") or "9") in "012345678":
            prepared.levels[style_id] = int(outline.get(f"{{{W}}}val")) + 1
        numbering = style.find(f"{{{W}}}pPr/{{{W}}}numPr")
        if numbering is not None and numbering.find(f"{{{W}}}numId") is not None and style_id not in prepared.levels:
            if numbering.find(f"{{{W}}}ilvl") is None:
                etree.SubElement(numbering, f"{{{W}}}ilvl").set(f"{{{W}}}val", "0")
            prepared.lists[style_id] = numbering
        parent = style.find(f"{{{W}}}basedOn")
        if parent is not None:
            based[style_id] = parent.get(f"{{{W}}}val") or ""
    for style_id in based:
        ancestor, steps = style_id, 0
        while ancestor not in prepared.levels and ancestor in based and steps < 20:
            ancestor, steps = based[ancestor], steps + 1
        if ancestor in prepared.levels and style_id not in prepared.contents:
            prepared.levels.setdefault(style_id, prepared.levels[ancestor])


def _marked(root: Any, prepared: Prepared) -> Any:
    for properties in root.iter(f"{{{W}}}pPr"):
        style = properties.find(f"{{{W}}}pStyle")
        numbering = prepared.lists.get(style.get(f"{{{W}}}val") or "") if style is not None else None
        if numbering is not None and properties.find(f"{{{W}}}numPr") is None:
            properties.append(deepcopy(numbering))  # docx2python looks for a list's marks in the paragraph alone
    for element in root.iter(f"{{{W}}}t"):
        if element.text and MARKS.search(element.text):
            element.text = MARKS.sub("", element.text)
    for element in list(
        root.iter(f"{{{W}}}br", f"{{{W}}}lastRenderedPageBreak", f"{{{W}}}cr", f"{{{W}}}noBreakHyphen")
    ):
        local = etree.QName(element).localname
        if local == "lastRenderedPageBreak":
            _become_text(element, RENDERED_BREAK)
        elif local == "noBreakHyphen":
            _become_text(element, "-")
        elif local == "br" and element.get(f"{{{W}}}type") == "page":
            _become_text(element, BREAK)
        else:
            _become_text(element, "\n")
    for element in list(root.iter(f"{{{W}}}footnoteReference", f"{{{W}}}endnoteReference")):
        kind = etree.QName(element).localname.removesuffix("Reference")
        _become_text(element, f"{NOTE}{kind}:{element.get(f'{{{W}}}id')}{NOTE}")
    for element in root.iter(f"{{{W}}}pageBreakBefore"):
        if element.get(f"{{{W}}}val") not in {"0", "false", "off"}:
            properties = element.getparent()
            run = etree.SubElement(properties.getparent(), f"{{{W}}}r")
            properties.addnext(run)
            etree.SubElement(run, f"{{{W}}}t").text = BREAK
    etree.strip_elements(root, *REMOVED, with_tail=False)
    etree.strip_tags(root, *UNWRAPPED, *EQUATIONS)
    return root


def _become_text(element: Any, text: str) -> None:
    tail = element.tail
    element.clear()
    element.tag = f"{{{W}}}t"
    element.text, element.tail = text, tail
