"""Each figure's measurement in a tiny setting, against what is known beforehand."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hgesim.bench import Bench, finer, memory, newton, overhead, playback, reference, twin, workers
from hgesim.bench.child import example, hgesim_peak, run_hgesim
from hgesim.bench.newton import newton_current
from hgesim.engine import Engine, Verdict, read_raw, run_deck
from hgesim.errors import HgeError
from hgesim.experiment import Experiment, Run, netlist_folder
from hgesim.network import Network, dopant_disc
from hgesim.study import read_study

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "examples" / "reference"


def tiny(seed: int = 3) -> Network:
    return dopant_disc(seed, dopants=6, electrodes=4, inputs=(1, 2), radius=20e-9)


# ---- the reference -----------------------------------------------------------------------------------------------


def test_the_reference_is_the_example_in_numbers() -> None:
    """What is kept in examples/reference is what the script reads and writes for examples/xor.toml."""
    told = json.loads(json.dumps(reference.problem_of(Experiment.from_file(example("xor.toml")).design)))
    kept = json.loads((REFERENCE / "xor.json").read_text())
    assert kept == told, "write it anew from hgesim.bench.reference.problem_of"
    words = [sys.executable, "learn_with_pyspice.py", "xor.json", "../../circuits/gf180", "models", "--deck"]
    done = subprocess.run(words, cwd=REFERENCE, capture_output=True, text=True, check=True)
    assert done.stdout == (REFERENCE / "xor.cir").read_text(), f"write it anew: {' '.join(words[1:])} > xor.cir"


def test_the_reference_has_one_b_source_a_bond_and_the_same_blocks() -> None:
    design = Experiment.from_file(example("xor.toml")).design
    deck = (REFERENCE / "xor.cir").read_text()
    lines = deck.splitlines()
    bonds = [line for line in lines if line.startswith("B") and not line.startswith("Beps_")]
    assert len(bonds) == design.network.n_bonds == 117
    blocks = [line.split()[-2 if "=" in line else -1] for line in lines if line.startswith("X")]
    placed = [line.split() for line in design.netlist().splitlines() if line.startswith("x_")]
    assert sorted(blocks) == sorted(word for words in placed for word in words if word.endswith("_gf180"))
    assert "OSDI" not in deck and "num_threads" not in deck and "klu" not in deck.lower() and ".save" not in deck
    assert f".tran {design.loop.plan.step} {design.loop.timeline.stop} 0 {design.loop.plan.step}" in lines


def test_bond_currents_of_the_reference_are_the_networks(tmp_path: Path, ngspice: Engine) -> None:
    """Its B-sources alone, at the exact potentials: the currents into the electrodes are the exact ones."""
    design = Experiment.from_file(example("xor.toml")).design
    network, volts = design.network, np.array([0.0, 0.2, -0.3, 0.1, -0.2, 0.3, 0.0, 0.15])
    solution = network.solve(volts)
    lines = [line for line in (REFERENCE / "xor.cir").read_text().splitlines() if line.startswith("B")]
    lines += [f"v{k} mu_{label} 0 {v!r}" for k, (label, v) in enumerate(held(network.site_labels, solution.potentials))]
    lines += [f"ve_{label} el_{label} 0 {v!r}" for label, v in held(network.electrode_labels, volts)]
    lines += [f".save {' '.join(f'i(ve_{label})' for label in network.electrode_labels)}", ".op"]
    control = ["set filetype=binary", "set num_threads=1", "run waveforms.raw", "quit"]
    text = "\n".join(["* bonds of the reference", *lines, ".control", *control, ".endc", ".end"]) + "\n"
    (tmp_path / "deck.cir").write_text(text)
    ran = run_deck(tmp_path, ngspice, end_time=0.0, timeout=60)
    assert ran.verdict == Verdict.OK, ran.message
    raw = read_raw(ran.raw)
    found = np.array([raw[f"i(ve_{label})"][0] for label in network.electrode_labels])
    assert found == pytest.approx(solution.currents, abs=1e-5 * np.abs(solution.currents).max())


def held(labels: tuple[str, ...], values: np.ndarray) -> list[tuple[str, float]]:
    return list(zip(labels, values.tolist(), strict=True))


def test_a_pace_is_a_slope_and_what_is_there_once() -> None:
    """3 s once and 20 ms a point: 100 points take 5 s, 600 take 15, and a run of 10,000 would take 203."""
    told = [{"points": 100, "wall_s": 5.0}, {"points": 600, "wall_s": 15.0}]
    pace = reference.Pace.of(told)
    assert (pace.start_s, pace.point_s) == pytest.approx((3.0, 0.02))
    assert pace.whole(10_000) == pytest.approx(203.0)
    assert reference.Pace.of([{"points": 100, "wall_s": 1.0}, {"points": 200, "wall_s": 3.0}]).start_s == 0.0


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory, osdi_engine: Engine) -> Run:
    """One epoch with ideal blocks."""
    folder = tmp_path_factory.mktemp("short") / "run"
    changes = ["circuit.technology=ideal", "loop.epochs=1"]
    return Experiment.from_file(example("xor.toml"), changes).run(folder)


def test_differences_are_seen_where_the_windows_are(short_run: Run, tmp_path: Path) -> None:
    design = Experiment.from_file(example("xor.toml")).design
    waves, line = short_run.waveforms(), design.loop.timeline
    time = waves["time"].values
    inside = time % line.case > line.pause
    nets = ["err", *(channel.net for channel in design.loop.channels(design.network))]
    stored = {net: waves[net].values.astype(float) for net in nets}
    stored["err"] = stored["err"] + np.where(inside, 0.01, 0.5)
    stored["el_e3"] = stored["el_e3"] - 0.024
    np.savez(tmp_path / "reference.npz", time=time, **stored)
    found = reference.differences(tmp_path / "reference.npz", short_run, design)
    assert found["el_e3"] == pytest.approx(0.02, rel=1e-6)
    assert found["err"] == pytest.approx(0.01 / np.abs(stored["err"]).max(), rel=1e-6)
    assert max(found[net] for net in nets if net not in ("err", "el_e3")) < 1e-9


@pytest.mark.slow
def test_the_reference_simulates_the_same_thing(tmp_path: Path, osdi_engine: Engine) -> None:
    """Waveforms of the first quarter of a case agree to a thousandth of full scale, whatever it takes."""
    (figure,) = reference.measure(Bench(tmp_path, True, lambda line: None))
    assert max(figure.details["difference"].values()) < 2e-3
    assert figure.target is None and figure.ratio == pytest.approx(figure.reference / figure.value)
    assert figure.details["points"] > 2300
    assert "one epoch" in figure.method and "a quarter of the first case" in figure.method


# ---- a finer step ------------------------------------------------------------------------------------------------


def test_ends_are_compared_over_the_control_range(short_run: Run) -> None:
    past = short_run.result["history"]["controls"]
    moved = {**past, "e3": [past["e3"][-1] + 0.024]}
    other = dataclasses.replace(short_run, result={**short_run.result, "history": {"controls": moved}})
    found = finer.apart(short_run, other)
    assert found["e3"] == pytest.approx(0.02) and max(v for k, v in found.items() if k != "e3") == 0.0
    bad = dataclasses.replace(short_run, result={**short_run.result, "verdict": "aborted", "message": "at 1 ms"})
    with pytest.raises(HgeError, match="aborted"):
        finer.apart(short_run, bad)


def test_the_quick_run_leaves_the_finer_step_out(tmp_path: Path) -> None:
    assert finer.measure(Bench(tmp_path, True, lambda line: None)) == ()


# ---- overhead and memory -----------------------------------------------------------------------------------------


def test_the_allowance_is_two_seconds_and_a_twentieth() -> None:
    assert overhead.allowance(0.0) == 2.0 and overhead.allowance(100.0) == pytest.approx(7.0)


@pytest.mark.slow
def test_overhead(tmp_path: Path, osdi_engine: Engine) -> None:
    (figure,) = overhead.measure(Bench(tmp_path, True, lambda line: None))
    learn, bare = figure.details["learn_s"][0], figure.details["bare_s"][0]
    assert figure.value == pytest.approx(learn - bare) and figure.reference == pytest.approx(2 + 0.05 * bare)
    assert learn > bare > 0 and figure.details["points"] > 9000 and figure.details["import_s"] < learn


@pytest.fixture
def played(tmp_path: Path, osdi_engine: Engine) -> dict[str, str]:
    script = playback.write_script(tmp_path / "ngspice")
    return {**os.environ, playback.ENGINE: str(osdi_engine.path), "HGESIM_NGSPICE": str(script)}


def test_playback_writes_what_the_deck_asks_for(tmp_path: Path, osdi_engine: Engine) -> None:
    design = Experiment.from_file(example("xor.toml"), ["circuit.technology=ideal", "loop.epochs=2"]).design
    folder = netlist_folder(design, tmp_path / "deck", "osdi")
    rows = playback.play((folder / "deck.cir").read_text(), folder / "waveforms.raw")
    raw = read_raw(folder / "waveforms.raw")
    assert raw.complete and len(raw.values) == rows == round(design.loop.timeline.stop / design.loop.plan.step) + 1
    assert raw["time"][-1] == pytest.approx(design.loop.timeline.stop) and (np.diff(raw["time"]) > 0).all()
    assert set(raw.names) == {"time", *(p if p.startswith("i(") else f"v({p})" for p in design.circuit.probes)}
    for channel in design.loop.channels(design.network):
        assert raw[f"v({channel.net})"][0] == pytest.approx(channel.start, abs=1e-9)


def test_a_run_that_is_played_back_is_a_run(played: dict[str, str], tmp_path: Path) -> None:
    """Everything but the transient is real: the verdict is good, and nothing was learnt as nothing moved."""
    words = ("--set", "circuit.technology=ideal", "--set", "loop.epochs=2", "--no-report", "-o", tmp_path / "run")
    run_hgesim("learn", example("xor.toml"), *words, environment=played)
    run = Run.load(tmp_path / "run")
    assert run.verdict == "ok" and not run.learnt and run.result["timepoints"] == 4601
    assert run.result["network_op"]["twin_difference"] < 1e-3


@pytest.mark.slow
def test_a_million_points_in_less_than_400_megabytes(played: dict[str, str], tmp_path: Path) -> None:
    words = ("--set", "circuit.technology=ideal", "--set", f"loop.epochs={memory.EPOCHS}", "-o", tmp_path / "run")
    peak = hgesim_peak(tmp_path / "peak", "learn", example("xor.toml"), *words, environment=played)
    run = Run.load(tmp_path / "run")
    assert run.result["timepoints"] > 1_000_000 and run.verdict == "ok" and (run.folder / "report.html").is_file()
    assert run.waveforms().sizes["time"] == run.result["timepoints"]
    assert peak < 400e6


# ---- many runs ---------------------------------------------------------------------------------------------------


def test_the_study_is_one_of_equal_runs(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(workers.study_text(8, 10))
    study = read_study(tmp_path / "study.toml")
    settings = [study.settings_of(run) for run in study.runs]
    assert len(settings) == 8 and len({one["loop"]["dither"] for one in settings}) == 8
    assert all(one["loop"]["epochs"] == 10 and one["circuit"]["technology"] == "gf180" for one in settings)


@pytest.mark.slow
def test_studies_and_restarts_by_two(tmp_path: Path, osdi_engine: Engine) -> None:
    study, restarts = workers.measure(Bench(tmp_path, True, lambda line: None))
    for figure in (study, restarts):
        assert figure.target is None and figure.ratio == pytest.approx(figure.reference / figure.value)
        assert figure.details["end_to_end"] > 0
    assert "of 2 and of 4 GF180 transients of 1 epochs" in study.method and "of 2 and of 4 starts" in restarts.method
    tables = [path.read_text() for path in tmp_path.glob("run*/table.csv")]
    assert sorted(text.count("ok") for text in tables) == [2, 2, 4, 4]
    runs = [Run.load(path.parent) for path in tmp_path.glob("run*/result.json")]
    attempts = sorted([(one["draw"], one["given_up"]) for one in run.result["attempts"]] for run in runs)
    assert list(map(len, attempts)) == [2, 2, 4, 4] and attempts[0] == attempts[1] and attempts[2] == attempts[3]


# ---- the exact solution ------------------------------------------------------------------------------------------


def test_every_way_finds_the_exact_current(tmp_path: Path, osdi_engine: Engine) -> None:
    network = tiny()
    volts = np.random.default_rng(1).uniform(-0.4, 0.4, (3, network.n_electrodes))
    exact = network.output_current(volts)
    for name, (_, way) in twin.ways().items():
        (tmp_path / name).mkdir()
        found, took = way(network, volts, tmp_path / name)
        assert twin.agreement(found, exact, exact) < 1e-4 and took > 0


def test_ways_that_differ_are_an_error() -> None:
    exact = np.array([1e-7, -2e-8])
    assert twin.agreement(exact + 1e-12, exact, exact) == pytest.approx(1e-5)
    for wrong in (exact + 1e-10, np.array([1e-7, np.nan])):
        with pytest.raises(HgeError) as caught:
            twin.agreement(wrong, exact, exact)
        assert caught.value.code == "bench.differs"


@pytest.mark.parametrize("direct", [0, 200])
def test_newton_with_scipy(direct: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sparse and dense; what it takes for an operating point is one of the exact solution's."""
    monkeypatch.setattr(newton, "DIRECT_SITES", direct)
    network = twin.draw(8)
    volts = np.random.default_rng(2).uniform(-0.6, 0.6, (2, network.n_electrodes))
    found = [newton_current(network, row) for row in volts]
    assert found == pytest.approx(network.output_current(volts).tolist(), rel=1e-7)
    with pytest.raises(HgeError, match="in 2 iterations"):
        newton_current(network, volts[0], most=2)


@pytest.mark.slow
def test_twin(tmp_path: Path, osdi_engine: Engine) -> None:
    """The exact solution is at least a hundred times faster than a process per operating point, and all agree."""
    figures = {figure.name: figure for figure in twin.measure(Bench(tmp_path, True, lambda line: None))}
    assert list(figures) == ["twin.process", "twin.op", "twin.scipy"]
    for figure in figures.values():
        assert figure.details["difference"] < 1e-4 and "batches of 1000," in figure.method
    assert figures["twin.process"].ratio > 100
