"""Whole runs by VACASK, from the command line to the result."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from quick_settings import AND, QUICK

from hgesim.config import Config
from hgesim.engine import Engine, compile_bond, read_raw
from hgesim.errors import RequestError
from hgesim.experiment import Experiment, Run, point_cost
from hgesim.netlist import DECK, VACASK_DECK

SETS = ["--engine", "vacask", *(word for setting in QUICK for word in ("--set", setting))]


def hgesim(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hgesim.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, vacask: Engine) -> Run:
    folder = tmp_path_factory.mktemp("vacask") / "run"
    done = hgesim("learn", AND, "--out", folder, *SETS)
    assert done.returncode == 3, done.stderr  # at this rate nothing is learnt
    return Run.load(folder)


def test_a_run_by_vacask_is_as_one_by_ngspice(run: Run, quick_run: Run, vacask: Engine) -> None:
    about = {"name": "vacask", "version": vacask.version, "user_init": False, "dialect": "vacask"}
    assert run.result["engine"] == about
    assert run.verdict == "ok" and run.result["network_op"]["twin_difference"] < 1e-6
    assert run.loss == pytest.approx(quick_run.loss, rel=2e-3)
    assert run.result["timepoints"] == pytest.approx(quick_run.result["timepoints"], rel=0.05)
    mine, others = run.waveforms(), quick_run.waveforms()
    assert set(mine) == set(others) and mine.attrs.keys() == others.attrs.keys()
    for name in mine:
        assert mine[name].attrs == others[name].attrs
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "vacask deck.sim" in page and f"vacask {vacask.version}" in page


def test_the_netlist_folder_runs_by_itself(vacask: Engine, tmp_path: Path) -> None:
    done = hgesim("netlist", AND, "-o", tmp_path / "deck", *SETS, "--set", "loop.epochs=1")
    assert done.returncode == 0 and "vacask deck.sim" in done.stdout
    assert {path.name for path in (tmp_path / "deck").iterdir()} == {VACASK_DECK, "bond.va", "bond.osdi"}
    moved = shutil.move(tmp_path / "deck", tmp_path / "elsewhere")
    done = subprocess.run([vacask.path, VACASK_DECK], cwd=moved, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0
    stop = Experiment.from_file(AND, [*QUICK, "loop.epochs=1"]).design.loop.timeline.stop
    assert np.array(read_raw(Path(moved, "waveforms.raw"))["time"])[-1] == pytest.approx(stop)


def test_the_deck_goes_to_standard_output() -> None:
    design = Experiment.from_file(AND, QUICK).design
    assert hgesim("netlist", AND, *SETS).stdout == design.netlist("vacask")


def test_a_dialect_of_ngspice_is_refused(tmp_path: Path) -> None:
    experiment = Experiment.from_file(AND, [*QUICK, "engine.name=vacask", "engine.dialect=osdi"])
    with pytest.raises(RequestError, match="wrong-dialect"):
        experiment.engine()
    assert Experiment(experiment.design, Config()).dialects == ("osdi", "b-source")


def test_what_vacask_cannot_carry_is_refused_before_a_folder_is_made(vacask: Engine, tmp_path: Path) -> None:
    block = tmp_path / "mixer.sp"
    block.write_text(
        "* mixer\n.subckt mixer_mine xp xn lo outp outn vp vn\ne1 outp 0 xp xn 1\nr1 outn 0 1\n.ends mixer_mine\n"
    )
    settings = [*QUICK, "engine.name=vacask", f"circuit.mixer={json.dumps(str(block))}"]
    with pytest.raises(RequestError, match="not-for-vacask"):
        Experiment.from_file(AND, settings).run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_cost_of_a_time_point(osdi_engine: Engine, vacask: Engine, tmp_path: Path) -> None:
    design = Experiment.from_file(AND, QUICK).design
    costs = [
        point_cost(design, engine, dialect, tmp_path / dialect, epochs=2)
        for engine, dialect in ((osdi_engine, "osdi"), (vacask, "vacask"))
    ]
    for cost in costs:
        assert cost.points == pytest.approx(design.loop.timeline.stop / 2 / design.loop.plan.step, rel=0.1)
        assert 0 < cost.per_point < 1 and 1 < cost.iterations < 20
    assert costs[1].start > 0
    assert compile_bond((tmp_path / "vacask" / "1" / "bond.va").read_text()).is_file()
    assert (tmp_path / "osdi" / "2" / DECK).is_file()


def test_cost_takes_two_lengths(osdi_engine: Engine, tmp_path: Path) -> None:
    design = Experiment.from_file(AND, QUICK).design
    with pytest.raises(RequestError, match=r"engine\.bad-value\] epochs: 1; a whole number, at least 2"):
        point_cost(design, osdi_engine, "osdi", tmp_path, epochs=1)
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_a_gate_is_learnt_with_the_foundrys_transistors(vacask: Engine, tmp_path: Path) -> None:
    made = Experiment.from_file(AND, ["engine.name=vacask"]).run(tmp_path / "run")
    assert made.verdict == "ok" and made.learnt
