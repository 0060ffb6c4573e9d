"""What is stored of a run is what ran: settings that do nothing are refused, those of another design not claimed."""

from __future__ import annotations

import dataclasses
import functools
import html
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick_settings import AND, QUICK
from small_designs import small_loop, small_star

from hgesim.config import load_config, parse_config
from hgesim.design import Design, block_set
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.experiment import Experiment, build_design
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.build import draw_start
from hgesim.learning import does_task, sort_starts
from hgesim.report.record import read_record
from hgesim.report.tables import settings

GOOD = {"verdict": "ok", "learnt": True, "message": "", "reason": ""}


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, ...]]:
    """Replace the transient by one that learns; note where it began."""
    seen: list[tuple[float, ...]] = []

    def run(self: Attempt, watch: Any = None) -> dict[str, Any]:
        seen.append(self.design.loop.start)
        return dict(GOOD)

    monkeypatch.setattr(Attempt, "run", run)
    return seen


@functools.cache
def seed_whose_first_start_is(what: str) -> int:
    design = build_design(*load_config(AND, QUICK))
    for seed in range(1000):
        start = [draw_start(seed, 0.6, 5)]
        solved = bool(does_task(design.network, design.loop, start)[0])
        over = bool(sort_starts(design.network, design.loop, start)[0][0])
        if (solved, over and not solved) == (what == "solved", what == "over range"):
            return seed
    pytest.fail(f"no first start that is {what}")


def usual() -> Experiment:
    return Experiment.from_file(AND, [*QUICK, f"loop.seed={seed_whose_first_start_is('usual')}"])


# ---- settings that do nothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "values", "key"),
    [
        ("network", {"permittivity": 11.7}, "permittivity"),
        ("network", {"screening": "20 nm"}, "screening"),
        ("network", {"counter_dopants": 4}, "counter_dopants"),
        ("network", {"coulomb": False, "permittivity": 4.0}, "permittivity"),
        ("network", {"electrode_width": 0.5}, "electrode_width"),
        ("network", {"levers": "kernel", "electrode_width": 0.9}, "electrode_width"),
        ("loop", {"base": 1e3, "carriers": [7e3, 9e3, 11e3, 13e3, 15e3, 17e3]}, "base"),
        ("loop", {"start": [0.0] * 5, "seed": 3}, "seed"),
        ("loop", {"start": [0.0] * 5, "start_range": 0.6}, "start_range"),
        ("loop", {"patience": 15}, "patience"),
        ("loop", {"restarts": 0, "patience": 4}, "patience"),
    ],
)
def test_what_does_nothing_is_refused(section: str, values: dict[str, Any], key: str) -> None:
    with pytest.raises(RequestError) as caught:
        build_design(parse_config({section: values}))
    assert (caught.value.code, caught.value.place) == ("config.conflict", f"{section}.{key}")
    assert "\n" not in str(caught.value)


def test_the_same_keys_count_where_they_do_something() -> None:
    device = {"dopants": 6, "coulomb": True, "permittivity": 4.0, "screening": "20 nm", "counter_dopants": 2}
    sections = {"network": {**device, "levers": "laplace", "electrode_width": 0.7}}
    assert build_design(parse_config({**sections, "loop": {"restarts": 2, "patience": 4}})).network.interacts


def test_an_override_drops_what_it_puts_out_of_action() -> None:
    start = "loop.start=[0.1, 0.0, 0.1, -0.2, 0.3]"
    config, _ = load_config(AND, [start])
    assert "seed" not in config.loop.model_fields_set and build_design(config).loop.start[4] == 0.3
    with pytest.raises(RequestError, match=r"config\.conflict\] loop\.seed"):
        build_design(load_config(AND, [start, "loop.seed=3"])[0])


def test_what_a_file_says_itself_is_not_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[loop]\npatience = 4\n")
    with pytest.raises(RequestError, match=r"loop\.patience"):
        build_design(load_config(tmp_path / "a.toml", ["loop.epochs=3"])[0])


def test_settings_in_the_report_can_be_learnt_from(
    tmp_path: Path, starts: list[tuple[float, ...]], osdi_engine: Engine
) -> None:
    """The page's TOML builds the same design, though it is written from settings with every default in them."""
    experiment = usual()
    experiment.run(tmp_path / "run")
    page = settings(read_record(tmp_path / "run"))
    toml = html.unescape(page.split("The same as TOML</summary><pre>")[1].split("</pre>")[0])
    assert build_design(parse_config(tomllib.loads(toml))).digest == experiment.design.digest


def test_a_start_that_does_the_task_is_taken_from_who_goes_on(
    tmp_path: Path, starts: list[tuple[float, ...]], osdi_engine: Engine
) -> None:
    """A drawn start, or controls alone, may be no demonstration; controls and threshold together are a run's end."""
    solved = list(draw_start(seed_whose_first_start_is("solved"), 0.6, 5))
    with pytest.raises(RequestError, match=r"task\.already-solved"):
        Experiment.from_file(AND, [*QUICK, f"loop.start={solved}"]).run(tmp_path / "refused")
    again = Experiment.from_file(AND, [*QUICK, f"loop.start={solved}", "loop.threshold_start=0.05"])
    again.run(tmp_path / "more")
    assert starts == [tuple(solved)] and again.design.loop.threshold_start == 0.05


# ---- designs made in Python --------------------------------------------------------------------------------------


def made(**settings: Any) -> Experiment:
    network = small_star()
    design = Design(network, small_loop(network, "XOR", target=20e-9, threshold_resistance=3e6), block_set("ideal"))
    return Experiment(design, parse_config(settings))


def test_a_design_made_in_python_is_stored_as_what_it_is(
    tmp_path: Path, starts: list[tuple[float, ...]], osdi_engine: Engine
) -> None:
    run = made(engine={"timeout": 77.0}, network={"seed": 5}).run(tmp_path / "run")
    config = json.loads((run.folder / "config.json").read_text())
    assert config["given"] is False and "network" not in config and "seed" not in config["loop"]
    assert (config["task"]["target"], config["loop"]["threshold_resistance"]) == (20e-9, 3e6)
    assert config["circuit"]["readout"] == "ideal" and config["engine"]["timeout"] == 77.0
    assert run.result["seeds"] is None and run.result["chosen_from"] == {}
    page = settings(read_record(run.folder))
    assert "Made in Python" in page and "hgesim learn run.toml" not in page and "TOML" not in page


def test_settings_of_another_design_are_not_claimed(
    tmp_path: Path, starts: list[tuple[float, ...]], osdi_engine: Engine
) -> None:
    told = usual()
    assert told.told and told.run(tmp_path / "told").result["seeds"]
    assert json.loads((tmp_path / "told" / "config.json").read_text())["given"] is True
    loop = dataclasses.replace(told.design.loop, start=(0.05,) * 5)
    other = dataclasses.replace(told, design=told.design.replace(loop=loop))
    assert not other.told and other._origin(*other.engine())["seeds"] is None


def test_starts_of_a_design_made_in_python_are_not_drawn_anew(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"config\.conflict\] loop\.restarts.*from_config"):
        made(loop={"restarts": 2}).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "call",
    [
        lambda: Experiment(3),  # type: ignore[arg-type]
        lambda: Experiment(made().design, {}),  # type: ignore[arg-type]
        lambda: Experiment.from_config({}),  # type: ignore[arg-type]
        lambda: Experiment.from_file(3),  # type: ignore[arg-type]
    ],
)
def test_no_experiment(call: Any) -> None:
    with pytest.raises(RequestError):
        call()


# ---- the first start ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "why"), [("solved", "does the task already"), ("over range", "has an output over range")]
)
def test_a_first_start_without_worth_is_passed_over(
    what: str, why: str, tmp_path: Path, starts: list[tuple[float, ...]], osdi_engine: Engine
) -> None:
    seed = seed_whose_first_start_is(what)
    run = Experiment.from_file(AND, [*QUICK, f"loop.seed={seed}", "loop.restarts=1"]).run(tmp_path / "run", workers=1)
    passed, (attempt,) = run.result["passed_over"], run.result["attempts"]
    assert (passed[0]["draw"], passed[0]["why"]) == (0, why) and attempt["draw"] == len(passed) > 0
    for number, one in enumerate(passed):
        assert tuple(one["start"]) == draw_start(seed, 0.6, 5, number)
    assert starts == [draw_start(seed, 0.6, 5, len(passed))]
    design = build_design(*load_config(AND, QUICK))
    assert not np.any(sort_starts(design.network, design.loop, starts))


# ---- files from elsewhere, ranges --------------------------------------------------------------------------------


def test_files_are_stored_by_whole_names(
    tmp_path: Path, starts: list[tuple[float, ...]], osdi_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cases.csv").write_text("a,b,target\n-1,-1,0\n1,1,1\n-1,1,0\n")
    (tmp_path / "run.toml").write_text(
        '[task]\nkind = "classes"\nfile = "cases.csv"\n[circuit]\ntechnology = "ideal"\n'
    )
    experiment = Experiment.from_file(tmp_path / "run.toml", ["loop.restarts=1"])
    run = experiment.run(tmp_path / "run")
    stored = json.loads((run.folder / "config.json").read_text())
    assert stored["task"]["file"] == str((tmp_path / "cases.csv").resolve())
    monkeypatch.chdir("/")
    assert str((tmp_path / "cases.csv").resolve()) in settings(read_record(run.folder))
    assert Experiment.from_config(experiment.config).design.digest == experiment.design.digest


@pytest.mark.parametrize("span", ["1e300 V", "1.5 V"])
def test_a_range_beyond_the_integrators(span: str) -> None:
    with pytest.raises(RequestError, match=r"loop\.out-of-range\] loop\.start_range"):
        build_design(parse_config({"loop": {"start_range": span}}))
