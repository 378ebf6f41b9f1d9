"""What the documentation names exists, and what exists is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

from chatai.cli import app
from chatai.core.settings import Settings
from tests.docs.markdown import ROOT, anchors, blocks, links, name, pages, spans, tracked

OPERATIONS = ROOT / "docs" / "operations.md"
# Capitals in code that are no settings: SQL, and variables of the Makefile and of scripts.
NO_SETTINGS = {"ARGS", "BYPASSRLS", "CHATAI_PASSWORD", "CREATE", "CREATEROLE", "EMAIL", "FORCE", "PATH", "TEST_WORKERS"}
SETTING = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)(?:[=/].*)?")
ASSIGNMENT = re.compile(r"(?:^|(?<=\s))([A-Z][A-Z0-9_]+)=")
COMMAND = re.compile(r"(?:^|(?<=[\s/]))chatai +([a-z][a-z-]*)")
TARGET = re.compile(r"(?:^|(?<=\s))make +([a-z][a-z-]*)", re.MULTILINE)
# The first words of paths in code that must exist. Patterns and addresses have other characters in them.
PATH = re.compile(r"(?:alembic|assets|bots|chatai|docs|scripts|tests)/[\w./-]*")
MACHINE = re.compile(
    r"(?<![\w.}~-])/(?:work|root|Users|home/(?!you\b))/"
    r"|(?<![\w.}~-])/tmp/\w"
    r"|--(?:extra-)?index-url[ =]+\S*://"
    r"|\"resolved\": *\"https?:"
    r"|https?://[^/\s\"']*(?:artifactory|nexus|pythonhosted|mirror)"
    r"|https?://(?:registry\.n|pypi\.o|deb\.d)"
)


def commands() -> dict[str, Any]:
    """The commands of the command line, by name."""
    found: dict[str, Any] = vars(get_command(app))["commands"]
    return found


def code(page: Path) -> list[str]:
    """Everything that stands as code on a page."""
    return blocks(pages()[page]) + spans(pages()[page])


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    existing = set(commands())
    named = {(found, name(page)) for page in pages() for part in code(page) for found in COMMAND.findall(part)}
    assert {(found, where) for found, where in named if found not in existing} == set()
    table = set(re.findall(r"^\| `chatai ([a-z-]+)", pages()[OPERATIONS], re.MULTILINE))
    assert table == existing, "the table of commands in docs/operations.md"


def test_every_option_of_a_command_that_is_named_exists() -> None:
    for line in re.findall(r"^\| `chatai .*$", pages()[OPERATIONS], re.MULTILINE):
        command = commands()[COMMAND.findall(spans(line)[0])[0]]
        existing = {option for parameter in command.params for option in parameter.opts}
        assert {word for part in spans(line) for word in re.findall(r"--[a-z-]+", part)} <= existing, line


def test_every_make_target_is_documented_and_every_documented_one_exists() -> None:
    existing = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)) - {"help"}
    named = {(found, name(page)) for page in pages() for part in code(page) for found in TARGET.findall(part)}
    assert {(found, where) for found, where in named if found not in existing} == set()
    told = {target for target, where in named if where in {"README.md", "CONTRIBUTING.md"}}
    assert existing - told == set(), "not in README.md or CONTRIBUTING.md"


def test_the_readmes_name_the_commands_to_start_and_to_test() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "ru" / "README.md"):
        lines = [line.strip() for block in blocks(pages()[page]) for line in block.splitlines()]
        assert "make up" in lines, page
        assert "make test" in lines, page


def test_every_setting_that_is_named_exists() -> None:
    settings = {field.upper() for field in Settings.model_fields}
    named: dict[str, str] = {}
    for page in pages().keys() - {ROOT / "docs" / "reference" / "settings.md"}:  # that one is made from the settings
        for span in spans(pages()[page]):
            if found := SETTING.fullmatch(span):
                named[found[1]] = name(page)
        for part in code(page):
            named |= dict.fromkeys(ASSIGNMENT.findall(part), name(page))
    assert {word: where for word, where in named.items() if word not in settings | NO_SETTINGS} == {}
    assert set(named) >= NO_SETTINGS, "exceptions that nothing needs any more"


def test_every_link_and_image_leads_somewhere() -> None:
    broken = []
    for page, text in pages().items():
        for target in links(text):
            address = urlsplit(target)
            if address.scheme:
                continue
            path = (page.parent / unquote(address.path)).resolve() if address.path else page
            if not path.exists() or not path.is_relative_to(ROOT):
                broken.append(f"{name(page)}: {target}")
            elif address.fragment and address.fragment not in anchors(path.read_text(encoding="utf-8")):
                broken.append(f"{name(page)}: {target}, no such heading")
    assert broken == []


def test_every_page_and_picture_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        if page.is_dir():
            waiting.append(page / "README.md")
        elif page.suffix == ".md":
            targets = (urlsplit(target) for target in links(pages()[page]))
            waiting += [(page.parent / unquote(t.path)).resolve() for t in targets if t.path and not t.scheme]
    documents = {path for path in tracked() if path.is_relative_to(ROOT / "docs")}
    documents -= set((ROOT / "docs" / "benchmarks").rglob("*"))  # figures, kept beside what measures them
    assert {name(path) for path in documents - seen} == set()


def test_every_path_that_is_named_exists() -> None:
    named = {(span, name(page)) for page in pages() for span in spans(pages()[page]) if PATH.fullmatch(span)}
    assert {(path, where) for path, where in named if not (ROOT / path).exists()} == set()
    assert named


@pytest.mark.parametrize("language", ["", "ru/"])
def test_the_tutorial_says_what_one_sees_at_each_step(language: str) -> None:
    text = pages()[ROOT / "docs" / f"{language}tutorial.md"]
    steps = re.split(r"^## \d+\. ", text, flags=re.MULTILINE)[1:]
    assert len(steps) == 11
    assert [step.splitlines()[0] for step in steps if not re.search(r"\*(?:You see|Вы видите)\*", step)] == []


def test_the_decisions_are_listed_and_numbered() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [file[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert links(pages()[folder / "README.md"]) == files
    for file in files:
        text = pages()[folder / file]
        assert text.startswith(f"# {int(file[:4])}. "), file
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], file


def test_no_text_speaks_of_one_machine_or_one_registry() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture, a font, a document
        found += [f"{name(path)}: {match[0]}" for match in MACHINE.finditer(text)]
    assert found == []
