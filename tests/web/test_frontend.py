"""The build of the pages: what belongs to it, and what must not be in it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from chatai import frontend
from chatai.core.settings import Settings
from chatai.frontend import ROOT, content_key, ensure_built
from chatai.frontend_build import BuildError, OwnOrigin, inline_script_hashes, without_addresses
from chatai.frontend_pdf import ADDRESS, VERSION, WORKER, fetch_pdf_renderer
from chatai.frontend_tools import ToolsError
from chatai.web.pages import PAGES


def test_the_bundle_talks_to_its_own_origin(tmp_path: Path) -> None:
    static = tmp_path / ".web" / "build" / "client"
    static.mkdir(parents=True)
    (static / "env.js").write_text('var e={EVENT:"ws://chatai.invalid/_event",PING:`http://chatai.invalid/ping`};')
    (static / "index.html").write_text("<script>a()</script>")
    OwnOrigin().post_build(static_dir=static)
    text = (static / "env.js").read_text()
    assert 'EVENT:(globalThis.location.origin.replace(/^http/,"ws")+"/_event")' in text
    assert 'PING:(globalThis.location.origin+"/ping")' in text
    assert json.loads((tmp_path / ".web" / "csp.json").read_text())["index.html"]

    (static / "env.js").write_text('var e="nothing to replace"')
    with pytest.raises(BuildError):
        OwnOrigin().post_build(static_dir=static)
    (static / "env.js").write_text('var e="http://chatai.invalid/"+name+`http://chatai.invalid/${x}`')
    with pytest.raises(BuildError):
        OwnOrigin().post_build(static_dir=static)


def test_inline_scripts_are_hashed_and_others_are_not() -> None:
    # The hash of the CSP specification's own example: https://www.w3.org/TR/CSP3/#script-src-hash-source-example
    found = inline_script_hashes("<script src='/a.js'></script><script>alert('Hello, world.');</script>")
    assert found == ["'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"]


def test_locks_name_no_registry() -> None:
    for lock in (ROOT / "reflex.lock").iterdir():
        assert not re.search(r"https?://", lock.read_text()), lock.name
    assert '"a@1", ""' in without_addresses('{"a": ["a@1", "https://registry.example/a/-/a-1.tgz", {}, "sha512-x"]}')


def test_the_key_follows_the_content(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = content_key(settings)
    assert content_key(settings) == before
    assert content_key(settings.model_copy(update={"default_language": "ru"})) != before
    assert content_key(settings.model_copy(update={"port": 4321})) == before
    (tmp_path / "rxconfig.py").write_text("changed")
    monkeypatch.setattr(frontend, "ROOT", tmp_path)
    assert content_key(settings) != before


def test_a_build_is_kept_and_found_again(settings: Settings) -> None:
    lines: list[str] = []
    built = ensure_built(settings)
    assert ensure_built(settings, lines.append) == built
    assert not lines
    client = built.folder / "build" / "client"
    for address, *_ in PAGES:
        if "[" not in address and address != "/404":
            assert (client / address.strip("/") / "index.html").is_file(), address
    text = "".join(path.read_text() for path in client.rglob("*.js"))
    assert "chatai.invalid" not in text
    assert "Built with Reflex" not in text


def test_pdf_js_is_there_and_no_page_starts_with_it(settings: Settings) -> None:
    client = ensure_built(settings).folder / "build" / "client"
    folder = client / ADDRESS.strip("/")
    for name in ("pdf.js", WORKER, "cmaps/UniGB-UCS2-H.bcmap", "standard_fonts/FoxitSerif.pfb", "LICENSE"):
        assert (folder / name).stat().st_size, name
    for script in ("pdf.js", WORKER):  # under our policy they could not make code of text
        assert not re.search(r"new Function\(|[^.\w]eval\(", (folder / script).read_text())
    for page in client.rglob("*.html"):
        assert "pdfjs" not in page.read_text(), page
    (manifest,) = (client / "assets").glob("manifest-*.js")
    found = re.search(r"=(\{.*\})", manifest.read_text(), re.DOTALL)
    assert found
    routes = json.loads(found[1])["routes"].values()
    paying = {
        route.get("path")
        for route in routes
        if any("pdf-frame" in (client / name.lstrip("/")).read_text() for name in [route["module"], *route["imports"]])
    }
    assert paying == {"documents/:document_id"}


def test_another_pdf_js_than_the_known_one_is_refused(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\necho "something else" > "$4/pdfjs-dist-{VERSION}.tgz"\n')
    npm.chmod(0o755)
    with pytest.raises(ToolsError, match="not that package"):
        fetch_pdf_renderer(tmp_path / "tools", npm)
    npm.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ToolsError, match="registry"):
        fetch_pdf_renderer(tmp_path / "tools", npm)
    assert list((tmp_path / "tools").iterdir()) == []


def test_entry_pages_stay_light(settings: Settings) -> None:
    client = ensure_built(settings).folder / "build" / "client"
    page = (client / "login" / "index.html").read_text()
    scripts = re.findall(r'rel="modulepreload" href="(/assets/[^"]+\.js)"', page)
    size = sum(len(gzip.compress((client / script.lstrip("/")).read_bytes())) for script in scripts)
    assert scripts
    assert size < 200_000, f"{size} bytes of scripts, compressed"
    assert "react-markdown" not in "".join(scripts)
