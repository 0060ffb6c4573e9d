"""The frame of the benchmark: pairs and ratios, targets, selection, table, JSON, exit codes; figures are made up."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hgesim import cli
from hgesim.bench import FIGURES, Bench, Figure, Pairs, Target, chosen, figure_lines, interleaved, run_bench
from hgesim.bench.child import example, hgesim_peak, peak_memory, run_child
from hgesim.errors import EngineError, HgeError, RequestError

ROOT = Path(__file__).parents[2]


# ---- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "found", "met"),
    [
        (Target(20.0), 20.0, True),
        (Target(20.0), 19.99, False),
        (Target(0.01, at_most=True), 0.01, True),
        (Target(0.01, at_most=True), 0.011, False),
        (Target(1.0), None, False),
        (Target(1.0, at_most=True), None, False),
        (Target(1.0), float("nan"), False),
        (Target(1.0, at_most=True), float("nan"), False),
        (Target(1.0), float("inf"), False),
    ],
)
def test_targets(target: Target, found: float | None, met: bool) -> None:
    assert target.met(found) is met


def test_a_figure_is_judged_by_what_its_target_is_of() -> None:
    figure = Figure("a", "b", "s", value=2.0, ratio=30.0)
    assert figure.passed is None
    for target, passed in ((Target(20.0), True), (Target(20.0, of="value"), False), (Target(3, True, "value"), True)):
        assert Figure("a", "b", "s", value=2.0, ratio=30.0, target=target).passed is passed
    assert (str(Target(20)), str(Target(0.01, at_most=True))) == ("at least 20", "at most 0.01")


def test_ratios_are_taken_pair_by_pair() -> None:
    """A slow spell of the machine that hits both of a pair leaves its ratio alone; ratios of medians would not."""
    pairs = Pairs((1.0, 10.0, 3.0), (2.0, 20.0, 12.0))
    told = pairs.compared()
    assert told == {"value": 3.0, "reference": 12.0, "ratio": 2.0, "spread": (2.0, 4.0)}
    told = pairs.compared(less=False)
    assert told["ratio"] == 0.5 and told["spread"] == (0.25, 0.5)


def test_pairs_are_measured_in_turn_and_turned_round() -> None:
    order: list[str] = []

    def measured(name: str, value: float) -> float:
        order.append(name)
        return value + len(order)

    pairs = interleaved(lambda: measured("v", 0.0), lambda: measured("r", 100.0), 3)
    assert order == ["v", "r", "r", "v", "v", "r"]
    assert pairs == Pairs((1.0, 4.0, 5.0), (102.0, 103.0, 106.0))


# ---- the choice --------------------------------------------------------------------------------------------------


def test_names_are_chosen_in_their_order() -> None:
    assert chosen([]) == list(FIGURES)
    assert chosen(["twin", "reference", "twin"]) == ["reference", "twin"]
    with pytest.raises(RequestError) as caught:
        chosen(["twin", "overhed"])
    assert caught.value.code == "bench.unknown" and 'did you mean "overhead"?' in str(caught.value)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_its_module_and_is_in_the_readme(name: str) -> None:
    assert callable(importlib.import_module(f"hgesim.bench.{name}").measure)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"`{name}`" in readme.partition("## Speed")[2].partition("\n## ")[0]


# ---- the run -----------------------------------------------------------------------------------------------------

MISSED = Figure("twin.process", "twin, against a process", "s", 1e-4, 9e-3, 90.0, (80.0, 95.0), Target(100.0), "how")
MET = Figure("finer", "final controls", "", 0.004, target=Target(0.01, at_most=True, of="value"), details={"a": (1, 2)})


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[Bench]:
    """`finer` measures what is met, `twin` what is missed, and `memory` cannot be measured."""
    seen: list[Bench] = []

    def module(name: str, found: Any) -> None:
        fake = ModuleType(f"hgesim.bench.{name}")

        def measure(bench: Bench) -> tuple[Figure, ...]:
            seen.append(bench)
            assert bench.folder.is_dir() and not [*bench.folder.iterdir()]
            bench.tell("half way")
            if isinstance(found, Exception):
                raise found
            return (found,)

        fake.measure = measure  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"hgesim.bench.{name}", fake)

    module("finer", MET)
    module("twin", MISSED)
    module("memory", EngineError("engine.not-installed", "no ngspice", remedy="install it"))
    return seen


def test_a_run_of_the_figures(made_up: list[Bench]) -> None:
    told: list[str] = []
    report = run_bench(["twin", "memory", "finer"], quick=True, tell=told.append)
    assert report.figures == (MET, MISSED) and list(report.errors) == ["memory"]
    assert "[engine.not-installed]" in report.errors["memory"]
    assert all(bench.quick and not bench.folder.exists() for bench in made_up)
    assert len({bench.folder for bench in made_up}) == 3
    assert "twin: half way" in told and f"finer: {FIGURES['finer']}" in told


def test_what_is_no_error_of_a_user_comes_through(made_up: list[Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bench: Bench) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["hgesim.bench.twin"], "measure", broken)
    with pytest.raises(ZeroDivisionError):
        run_bench(["twin"])


def test_the_record_is_json_and_says_where_it_was_measured(made_up: list[Bench]) -> None:
    report = run_bench(["twin", "finer"])
    told = json.loads(json.dumps(report.record(), allow_nan=False))
    assert [(one["name"], one["passed"]) for one in told["figures"]] == [("finer", True), ("twin.process", False)]
    assert told["figures"][1]["target"] == {"limit": 100.0, "at_most": False, "of": "ratio"}
    assert told["machine"]["cores"] >= 1 and told["versions"]["python"].startswith("3.")
    assert {"name", "version", "capabilities"} == {key for engine in told["engines"] for key in engine}
    assert not {"commit", "host", "user"} & told.keys() | {"node", "hostname"} & told["machine"].keys()


def test_the_table_shows_ratios_and_targets(made_up: list[Bench]) -> None:
    lines = figure_lines(run_bench(["twin", "memory", "finer"]))
    found = {line.split()[0]: (line, what) for line, what in itertools.pairwise(lines) if not line.startswith(" ")}
    assert found["twin.process"][0].split(maxsplit=5)[1:5] == ["100", "us", "9", "ms"]
    assert found["twin.process"][0].endswith("90 (80-95)   at least 100 missed")
    assert "0.004" in found["finer"][0] and found["finer"][0].endswith("at most 0.01 met")
    assert found["memory"][0].endswith("failed") and "no ngspice" in found["memory"][1]
    assert max(map(len, lines)) <= 80


# ---- the command line --------------------------------------------------------------------------------------------


def run_cli(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hgesim", "bench", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_missed_targets_are_no_failure(
    made_up: list[Bench], monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    out = tmp_path / "bench.json"
    assert run_cli(monkeypatch, "twin", "finer", "--out", str(out)) == 0
    shown = capsys.readouterr()
    assert "missed" in shown.out and "met" in shown.out and shown.err == ""
    assert json.loads(out.read_text())["figures"][0]["name"] == "finer" and [*tmp_path.iterdir()] == [out]
    assert run_cli(monkeypatch, "twin", "--json", "--quick") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["quick"] is True and len(told["figures"]) == 1


def test_what_cannot_be_measured_is_exit_1(made_up: list[Bench], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert run_cli(monkeypatch, "memory", "finer") == 1
    assert "failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("finner",), '[bench.unknown] there is no figure "finner"; did you mean "finer"?'),
        (("finer", "-o", "{folder}"), "[bench.not-writable]"),
        (("finer", "-o", "{folder}/none/bench.json"), "[bench.not-writable]"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_measured(
    words: tuple[str, ...],
    said: str,
    made_up: list[Bench],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    tmp_path: Path,
) -> None:
    assert run_cli(monkeypatch, *(word.format(folder=tmp_path) for word in words)) == 2
    assert said in capsys.readouterr().err and not made_up and not [*tmp_path.iterdir()]


def test_names_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["hgesim", "bench", "--list"])
    with pytest.raises(SystemExit):
        cli.main()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(FIGURES)


# ---- processes ---------------------------------------------------------------------------------------------------


def test_a_process_is_timed_and_its_words_are_kept(tmp_path: Path) -> None:
    code = "import time, pathlib; time.sleep(0.3); print(pathlib.Path.cwd().name)"
    done = run_child([sys.executable, "-c", code], folder=tmp_path)
    assert done.printed.strip() == tmp_path.name and done.wall_s >= 0.3


def test_a_process_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(EngineError) as caught:
        run_child([sys.executable, "-c", "import sys; print('one'); print('two', file=sys.stderr); sys.exit(4)"])
    assert caught.value.code == "bench.failed" and "exit status 4: one two" in str(caught.value)
    assert run_child([sys.executable, "-c", "raise SystemExit(4)"], allowed=(0, 4)).printed == ""
    with pytest.raises(EngineError) as caught:
        run_child(["/nonexistent/program"])
    assert caught.value.code == "bench.not-started"


def test_peak_memory_is_that_of_the_process_alone(tmp_path: Path) -> None:
    """A child that takes 80 MB shows them; a parent's memory does not count for its child."""
    code = (
        "from hgesim.bench.child import peak_memory; a = peak_memory(); b = b'x' * 80_000_000; print(peak_memory() - a)"
    )
    assert 75e6 < int(run_child([sys.executable, "-c", code]).printed) < 100e6
    ballast = bytearray(b"x") * 300_000_000
    assert peak_memory() > 300e6 and len(ballast)
    assert 10e6 < hgesim_peak(tmp_path / "peak", "--version") < 200e6


def test_examples_are_found_or_missed_in_words() -> None:
    assert example("xor.toml").read_text().startswith("# A network")
    with pytest.raises(HgeError) as caught:
        example("none.toml")
    assert caught.value.code == "bench.no-example"
