"""Screening leaves settings that learn takes, the same bytes every time, and rows for what cannot be looked at."""

from __future__ import annotations

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from quick_settings import AND

from hgesim.config import load_config
from hgesim.errors import HgeError, RequestError
from hgesim.experiment import Experiment, Finding, Search, screen
from hgesim.learning import averaged_run, judge_ends, proportion_interval, sort_starts

module = importlib.import_module("hgesim.experiment.screen")  # the name stands for the function too
CONFIG, _ = load_config(AND)
DEVICE, FIRST = CONFIG.network.seed, CONFIG.loop.seed
SHORT = ["loop.epochs=6"]
SMALL = ["network.dopants=8", "network.radius=30 nm", *SHORT]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Finding]]:
    out = tmp_path_factory.mktemp("screen") / "found"
    return out, screen(AND, out, Search(devices=2, starts=40), overrides=SHORT)


def test_findings_add_up(found: tuple[Path, list[Finding]]) -> None:
    out, findings = found
    assert [(one.task, one.device, one.starts) for one in findings] == [("AND", DEVICE, 40), ("AND", DEVICE + 1, 40)]
    for one in findings:
        assert one.over_range + one.solved + one.tried == 40 and one.learnt <= one.tried and not one.failure
        assert len(one.best) == min(one.learnt, 10)
        values = [figure for _, figure in one.best]
        assert values == sorted(values, reverse=True) and all(FIRST <= seed < FIRST + 40 for seed, _ in one.best)
    assert findings[0].best
    rows = list(csv.DictReader((out / "screen.csv").read_text().splitlines()))
    stored = json.loads((out / "screen.json").read_text())
    assert len(rows) == len(stored["findings"]) == 2 and stored["config"]["loop"]["epochs"] == 6
    for row, one in zip(rows, findings, strict=True):
        low, high = proportion_interval(one.learnt, one.tried)
        assert (row["tried"], row["learnt"], row["failure"]) == (str(one.tried), str(one.learnt), "")
        assert (float(row["share_low"]), float(row["share_high"])) == pytest.approx((low, high), abs=1e-4)
        assert row["best_start"] == (str(one.best[0][0]) if one.best else "")


def test_learn_takes_the_settings_found(found: tuple[Path, list[Finding]]) -> None:
    """The design of the written file is wrong at first, and the averaged equations end as was foretold."""
    out, findings = found
    files = sorted(path.name for path in out.glob("*.toml"))
    assert files == [f"and_{one.device}.toml" for one in findings if one.best]
    for one in findings:
        if not one.best:
            continue
        path = out / f"and_{one.device}.toml"
        experiment = Experiment.from_file(path)
        config = experiment.config
        assert (config.network.seed, config.loop.seed) == (one.device, one.best[0][0])
        assert (config.network.chosen_from, config.loop.chosen_from) == (2, 40)
        assert config.network.current == pytest.approx(100e-9) and config.circuit.technology == "gf180"
        assert path.read_text().startswith("# Found by hgesim screen; predicted")
        design = experiment.design
        over, solved = sort_starts(design.network, design.loop, [design.loop.start])
        assert not over[0] and not solved[0]
        path_there = averaged_run(design.network, design.loop, [design.loop.start]).path
        (end,) = judge_ends(design.network, design.loop, path_there[:, -1])
        assert not end.reason and end.value == pytest.approx(one.best[0][1], abs=1e-3)


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        screen(AND, tmp_path / name, Search(1, 15), overrides=SMALL)
    files = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"screen.csv", "screen.json"} <= files == {path.name for path in (tmp_path / "b").iterdir()}
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_files_are_named_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cases.csv").write_text("a,b,target\n-1,-1,0\n1,1,1\n-1,1,0\n")
    settings = tmp_path / "classes.toml"
    settings.write_text(
        '[network]\nseed = 6\ncurrent = "100 nA"\n[task]\nkind = "classes"\nfile = "data/cases.csv"\n'
        'offsets = ["0 V", "10 mV"]\n[loop]\nepochs = 8\n'
    )
    (found,) = screen(settings, tmp_path / "deep" / "out", Search(1, 60))
    assert found.task == "cases" and found.best
    written, folder = load_config(tmp_path / "deep" / "out" / "cases_6.toml")
    assert Path(str(written.task.file)).is_absolute() and written.task.offsets == (0.0, 0.01)
    assert Experiment.from_file(folder / "cases_6.toml").design.loop.task.targets == (0.0, 1.0, 0.0)


def test_all_gates(tmp_path: Path) -> None:
    told: list[Finding] = []
    found = screen(AND, tmp_path / "all", Search(1, 4, all_gates=True), overrides=["loop.epochs=1"], tell=told.append)
    assert [one.task for one in found] == ["AND", "OR", "NAND", "NOR", "XOR", "XNOR"] and told == found


def test_a_failure_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = module.screen_starts

    def fail(network: Any, loop: Any, *rest: Any) -> Any:
        if not failed:
            failed.append(network)
            raise HgeError("network.no-convergence", "off by 1 A", place="site d3")
        return look(network, loop, *rest)

    failed: list[Any] = []
    monkeypatch.setattr(module, "screen_starts", fail)
    first, second = screen(AND, tmp_path / "out", Search(2, 4), overrides=["loop.epochs=1"])
    assert first.failure == "[network.no-convergence] site d3: off by 1 A" and first.tried == 0 and not first.best
    assert not second.failure and second.over_range + second.solved + second.tried == 4
    rows = list(csv.DictReader((tmp_path / "out" / "screen.csv").read_text().splitlines()))
    assert [row["failure"] for row in rows] == [first.failure, ""]


def test_a_device_that_cannot_be_drawn_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first device of all, and one in the middle, whatever the refusal; tables are whole after each finding."""
    build, out = module.build_network, tmp_path / "out"

    def network(config: Any, *rest: Any) -> Any:
        if config.seed in (6, 8):
            raise RequestError("network.too-weak" if config.seed == 6 else "network.other", "no current")
        return build(config, *rest)

    def tell(finding: Finding) -> None:
        told.append(finding)
        rows = list(csv.DictReader((out / "screen.csv").read_text().splitlines()))
        stored = json.loads((out / "screen.json").read_text())["findings"]
        assert [row["device"] for row in rows] == [str(one.device) for one in told] and len(stored) == len(told)
        assert not list(out.glob(".*"))

    told: list[Finding] = []
    monkeypatch.setattr(module, "build_network", network)
    monkeypatch.setattr(importlib.import_module("hgesim.experiment.build"), "build_network", network)
    found = screen(AND, out, Search(3, 3), overrides=[*SMALL, "network.seed=6", "loop.epochs=1"], tell=tell)
    assert [one.failure for one in found] == ["[network.too-weak] no current", "", "[network.other] no current"]
    assert told == found


def test_a_search_that_is_cut_short_leaves_what_it_found(tmp_path: Path) -> None:
    def tell(finding: Finding) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen(AND, tmp_path / "out", Search(2, 3), overrides=[*SMALL, "loop.epochs=1"], tell=tell)
    assert len(list(csv.DictReader((tmp_path / "out" / "screen.csv").read_text().splitlines()))) == 1


@pytest.mark.parametrize(
    ("overrides", "search", "code"),
    [
        (["network.electrodes=3"], {}, "task.input-count"),
        (["loop.start=[0.0, 0.0, 0.0, 0.0, 0.0]"], {}, "screen.no-seed"),
        (["task.gate=ANDD"], {}, "task.unknown-gate"),
        (["loop.dither=-1"], {}, "loop.bad-value"),
        (["task.accuracy=0.5"], {}, "config.conflict"),
        ([], {"devices": 0}, "screen.bad-count"),
        ([], {"starts": -1}, "screen.bad-count"),
    ],
)
def test_refusals(tmp_path: Path, overrides: list[str], search: dict[str, int], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        screen(AND, tmp_path / "out", Search(**{"devices": 1, "starts": 2, **search}), overrides=overrides)
    assert caught.value.code == code and caught.value.remedy
    assert not list(tmp_path.rglob("screen.*"))


def test_an_earlier_screening_is_replaced_by_force(tmp_path: Path) -> None:
    for force in (False, True):
        screen(AND, tmp_path / "out", Search(1, 1), overrides=SHORT, force=force)
    with pytest.raises(RequestError, match=r"folder\.exists"):
        screen(AND, tmp_path / "out", Search(1, 1), overrides=SHORT)


def test_more_refusals(tmp_path: Path) -> None:
    for text, search, code in (
        ('[network]\nfile = "net.json"\n', Search(1, 1), "screen.no-seed"),
        ('[task]\nkind = "ring"\n', Search(1, 1, all_gates=True), "screen.no-gate"),
    ):
        path = tmp_path / "settings.toml"
        path.write_text(text)
        with pytest.raises(RequestError, match=code.replace(".", r"\.")):
            screen(path, tmp_path / "out", search)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(RequestError, match=r"folder\."):
        screen(AND, tmp_path / "mine", Search(1, 1))


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hgesim.cli", "screen", str(AND), "-o", str(tmp_path / "out"), "--devices", "1"]
    done = subprocess.run([*words, "--starts", "6", "--set", "loop.epochs=1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["task", "device"] and lines[1].split()[:2] == ["AND", str(DEVICE)]
    assert lines[-1].endswith("settings to learn with: " + str(tmp_path / "out") + "/*.toml")
