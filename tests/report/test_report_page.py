"""The page: what it says, what it must never say, and that the same run gives the same bytes."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_samples import EPOCHS, put

from hgesim.errors import RequestError
from hgesim.report import write_report

VOID = {"meta", "path", "use", "rect", "image", "br", "circle"}


class Page(HTMLParser):
    """Collects words, elements and attributes, and checks that elements close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.verdict = ""
        self._verdict = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attributes)
        self.links += [value or "" for name, value in attributes if name in ("href", "src", "xlink:href")]
        self._verdict = (given.get("class") or "").startswith("verdict")
        assert not any(name.startswith("on") for name in given)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style"} & set(self.open):
            self.words.append(data)
        if self._verdict:
            self.verdict += data
            self._verdict = False


def read(folder: Path) -> Page:
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert not page.open
    return page


def said(page: Page) -> str:
    return " ".join(" ".join(page.words).split())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build figures, but spare writing them as SVG."""
    monkeypatch.setattr("hgesim.report.frame.svg", lambda figure, name, alt: "<svg></svg>")


@pytest.fixture(scope="module")
def good_text(good_run: Path) -> str:
    return write_report(good_run).read_text(encoding="utf-8")


def test_good_run_shows_everything(good_text: str) -> None:
    page = Page(good_text)
    words = said(page)
    assert page.verdict.startswith("Learnt")
    assert page.tags.count("svg") == page.tags.count("figure") == 6
    assert "OR gate" in words and "hgesim learn run.toml" in words and "ngspice -n -b deck.cir" in words
    assert "Both output currents agree with those stored" in words
    assert "supplies" in words and "The network alone decides" in words
    assert "invalid" not in words


def test_page_is_self_contained(good_run: Path, good_text: str) -> None:
    page, text = Page(good_text), good_text
    assert all(link.startswith("#") for link in page.links)
    assert "@import" not in text and "script" not in page.tags
    assert str(good_run) not in text and str(good_run.parent) not in text
    assert all(target in text for target in (f'id="{link[1:]}"' for link in page.links))


def test_identifiers_are_unique(good_text: str) -> None:
    found = re.findall(r' id="([^"]+)"', good_text)
    assert len(found) == len(set(found)) > 0


def test_same_run_same_bytes(good_run: Path, good_text: str, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(good_run, copy)
    (copy / "report.html").unlink()
    assert write_report(copy).read_bytes() == good_text.encode()
    assert not list(copy.glob(".report*"))


def test_settings_can_be_run_again(good_text: str) -> None:
    block = re.search(r"<details>.*?<pre>(.*?)</pre>", good_text, re.DOTALL)
    assert block
    settings = tomllib.loads(block[1].replace("&quot;", '"'))
    assert (
        settings["task"]["gate"] == "OR" and settings["loop"]["epochs"] == 30 and settings["network"]["radius"] == 5e-8
    )
    assert "design" not in settings and "temperature" not in settings["network"]


@pytest.mark.parametrize("verdict", ["aborted", "end-not-reached", "something-new"])
def test_invalid_run_never_says_learnt(changed_run: Callable[..., Path], verdict: str) -> None:
    page = read(changed_run(verdict=verdict, learnt=True, message="timestep too small; trouble with node el_e3"))
    words = said(page)
    assert page.verdict.startswith("Not a valid simulation")
    assert "learnt" not in words.lower()
    assert "timestep too small" in words and "Compatibility" not in words
    assert words.count(f"invalid run: {verdict}") == page.tags.count("svg") > 3
    assert "No. of Data Rows" in words


def test_valid_but_not_learnt(changed_run: Callable[..., Path]) -> None:
    page = read(changed_run(learnt=False, reason="no threshold separates the outputs", railed=["el_e3"]))
    words = said(page)
    assert page.verdict.startswith("Valid simulation, but the task is not learnt")
    assert "no threshold separates the outputs" in words and "el_e3" in words
    assert "learnt after" not in words


@pytest.mark.usefixtures("undrawn")
def test_epoch_from_which_it_is_learnt(changed_run: Callable[..., Path]) -> None:
    assert f"learnt after 3 of {EPOCHS} epochs" in said(read(changed_run()))


@pytest.mark.parametrize("learnt", ["true", 1, [True], None])
@pytest.mark.usefixtures("undrawn")
def test_only_true_is_learnt(changed_run: Callable[..., Path], learnt: object) -> None:
    assert not read(changed_run(learnt=learnt)).verdict.startswith("Learnt")


@pytest.mark.usefixtures("undrawn")
def test_solved_start_is_no_demonstration(changed_run: Callable[..., Path]) -> None:
    page = read(changed_run(separation={"network": {"initial": 1e-9, "final": 2e-8}}))
    assert "no demonstration" in said(page)


@pytest.mark.usefixtures("undrawn")
def test_drawn_currents_are_held_against_the_stored_ones(changed_run: Callable[..., Path]) -> None:
    outputs = [{"inputs": [0, 0], "target": 0, "initial": 1e-9, "final": 5e-6}]
    assert "drawn and stored output currents differ" in said(read(changed_run(outputs=outputs)))


EVIL = "<script>alert(1)</script>\"'&$x_1$\u202e"


def test_hostile_words_are_escaped(changed_run: Callable[..., Path], good_run: Path) -> None:
    result = json.loads((good_run / "result.json").read_text())
    result["task"].update(gate=EVIL, inputs=[EVIL, EVIL])
    result["plan"]["carriers"][0]["channel"] = EVIL
    result["history"]["controls"] = {EVIL: result["history"]["controls"]["e1"]}
    result["signals"]["controls"] = {EVIL: "el_e1"}
    result["signals"]["inputs"] = {EVIL: "el_e2"}
    result.update(
        ideal_parts=[EVIL], technology={"mixer": EVIL}, railed=[EVIL], reason=EVIL, learnt=False, seeds={EVIL: EVIL}
    )
    result["energy_j"]["per_block"] = {EVIL: 1e-6}
    folder = changed_run(**result)
    (folder / "config.json").write_text(json.dumps({EVIL: {EVIL: EVIL}}))
    (folder / "netlist" / "deck.cir").rename(folder / "netlist" / "<img src=x onerror=y>.cir")
    page = read(folder)
    assert "script" not in page.tags and "img" not in page.tags
    assert "<script>" not in (folder / "report.html").read_text(encoding="utf-8")
    assert said(page).count("alert(1)") >= 6


KEYS = [
    "verdict", "learnt", "task", "technology", "ideal_parts", "engine", "seeds", "railed", "loss", "outputs",
    "outputs_loop", "separation", "margin", "threshold", "energy_j",
    "plan", "timeline", "history", "signals", "dither", "simulated_s",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.usefixtures("undrawn")
def test_any_key_may_be_missing_or_nonsense(changed_run: Callable[..., Path], key: str) -> None:
    folder = changed_run(**{key: None})
    read(folder)
    result = json.loads((folder / "result.json").read_text())
    (folder / "waveforms.nc").unlink()
    put(folder, {**result, key: 3})
    read(folder)


@pytest.mark.parametrize("nonsense", [[None], {"e1": [{}]}, "text", [[]], True])
@pytest.mark.usefixtures("undrawn")
def test_everything_may_be_nonsense(changed_run: Callable[..., Path], nonsense: object) -> None:
    read(changed_run(**dict.fromkeys(KEYS[1:], nonsense)))


def test_empty_folder_is_no_success(tmp_path: Path) -> None:
    words = said(read(tmp_path))
    assert "There is no result" in words and "result.json is missing" in words and "learnt" not in words.lower()


def test_broken_files_are_named(good_run: Path, tmp_path: Path) -> None:
    for name in ("result.json", "config.json", "network.json", "waveforms.nc", "engine.log"):
        (tmp_path / name).write_bytes(b"\xff{\x00nonsense" * 50)
    words = said(read(tmp_path))
    assert "result.json cannot be read" in words and "network.json cannot be read" in words
    assert "learnt" not in words.lower()


def test_half_a_result(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"verdict": "ok", "learnt": true, "loss": {"initial": NaN, "final": 1e999}}')
    read(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"report\.no-folder"):
        write_report(tmp_path / "nowhere")


def test_half_a_surrogate_pair_makes_a_page(tmp_path: Path) -> None:
    """A file name that is not UTF-8 comes as such a half, which no encoding takes."""
    (tmp_path / "config.json").write_text('{"task": {"kind": "classes", "file": "/a/\\ud800.csv"}}')
    assert "/a/?.csv" in write_report(tmp_path).read_text(encoding="utf-8")
