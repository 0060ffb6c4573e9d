"""What a run leaves, and that its figures follow from what it stored."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from quick_settings import AND, QUICK

from hgesim.config import load_config
from hgesim.engine import Engine, read_raw, run_deck
from hgesim.errors import RequestError
from hgesim.experiment import Experiment, Run, Status, learn, netlist_folder
from hgesim.learning import case_voltages
from hgesim.network import read_network


def test_the_folder_holds_everything(quick_run: Run) -> None:
    left = {path.name for path in quick_run.folder.iterdir()}
    assert {"result.json", "config.json", "network.json", "netlist", "waveforms.nc", "engine.log"} <= left
    assert not [name for name in left if name.endswith(".part")]
    config = json.loads((quick_run.folder / "config.json").read_text())
    assert config["circuit"]["technology"] == "ideal" and config["loop"]["epochs"] == 2


def test_a_short_run_is_valid_and_not_learnt(quick_run: Run) -> None:
    result = quick_run.result
    assert quick_run.verdict == "ok" and not quick_run.learnt and quick_run.exit_code == 3
    assert result["reason"] and result["learnt_epoch"] is None
    assert result["separation"]["network"]["initial"] < 0
    assert result["engine"]["user_init"] is False
    config, _ = load_config(AND)
    assert result["seeds"] == {"network": config.network.seed, "loop": config.loop.seed}


def test_outputs_are_those_of_the_network_alone(quick_run: Run) -> None:
    network = read_network(quick_run.folder / "network.json")
    experiment = Experiment.from_file(AND, QUICK)
    end = [values[-1] for values in quick_run.result["history"]["controls"].values()]
    expected = network.output_current(case_voltages(network, experiment.design.loop.task, end))
    np.testing.assert_allclose([row["final"] for row in quick_run.outputs], expected, rtol=1e-9)
    np.testing.assert_allclose(quick_run.result["network_op"]["outputs"][1], expected, rtol=1e-5)
    assert quick_run.result["network_op"]["twin_difference"] < 1e-6


def test_loss_follows_from_the_waveforms(quick_run: Run) -> None:
    waves, line = quick_run.waveforms(), quick_run.result["timeline"]
    time, error = waves.time.values, waves["err"].values.astype(float)
    losses = []
    for epoch in range(2):
        means = []
        for case in range(4):
            begin = epoch * line["epoch"] + case * line["case"] + line["ramp"] + line["settle"]
            grid = np.linspace(begin, begin + line["window"], 20001)
            means.append(np.interp(grid, time, error).mean())
        losses.append(np.mean(np.square(means)))
    np.testing.assert_allclose([quick_run.loss["initial"], quick_run.loss["final"]], losses, rtol=1e-3)


def test_the_error_in_the_loop_is_the_networks(quick_run: Run) -> None:
    """Error, target, threshold and the network's own output close the summing node, but for the dither's curvature."""
    for row, alone in zip(quick_run.result["outputs_loop"], quick_run.outputs, strict=True):
        assert row["final"] == pytest.approx(alone["final"], abs=0.1 * quick_run.result["swing"])


def test_the_result_says_how_to_go_on(quick_run: Run) -> None:
    """Its overrides make a loop that starts where the channels ended; nothing else changes."""
    ended, history = quick_run.result["continue_with"], quick_run.result["history"]
    for label, value in zip(history["controls"], ended["start"], strict=True):
        assert value == pytest.approx(history["controls"][label][-1], abs=5e-3)
    assert ended["threshold_start"] == pytest.approx(history["threshold"][-1], abs=5e-3)
    settings, _ = load_config(AND, [*QUICK, *quick_run.continue_with])
    loop, before = (
        Experiment.from_config(one, AND.parent).design.loop for one in (settings, load_config(AND, QUICK)[0])
    )
    assert loop.start == tuple(ended["start"]) and loop.threshold_start == ended["threshold_start"] != 0
    assert loop.settings == before.settings and loop.timeline == before.timeline
    assert Run(quick_run.folder, {"verdict": "aborted"}).continue_with == ()
    assert quick_run.result["plan"]["reference"] == {"shape": "sine", "amplitude": 0.3, "lag_deg": [0.0] * 6}


def test_rate_zero_learns_nothing(tmp_path: Path, osdi_engine: Engine) -> None:
    run = learn(AND, tmp_path / "still", overrides=[*QUICK, "loop.rate=0"])
    assert run.verdict == "ok" and not run.learnt and run.exit_code == 3
    start = Experiment.from_file(AND, QUICK).design.loop.start
    for values, begun in zip(run.result["history"]["controls"].values(), start, strict=True):
        np.testing.assert_allclose(values, begun, atol=2e-3)
    assert run.result["separation"]["network"]["final"] == pytest.approx(
        run.result["separation"]["network"]["initial"], rel=0.05
    )


def test_a_decay_begins_at_the_start_and_is_exponential(tmp_path: Path, osdi_engine: Engine) -> None:
    """Nothing drives the integrators: what is left of the controls is their starts, with 10 mV of dither on top."""
    run = learn(AND, tmp_path / "decay", overrides=[*QUICK, "loop.rate=0", "loop.decay=10 ms"])
    assert run.verdict == "ok", run.result["message"]
    network, design = read_network(run.folder / "network.json"), Experiment.from_file(AND, QUICK).design
    waves, end = run.waveforms(), run.result["timeline"]["epoch"] * 2
    assert np.exp(-end / 10e-3) < 0.45 < max(map(abs, design.loop.start))
    for number, begun in zip(network.controls, design.loop.start, strict=True):
        values = waves[f"el_{network.electrode_labels[number]}"].values.astype(float)
        assert values[0] == pytest.approx(begun, abs=2e-3)
        assert np.abs(values - begun * np.exp(-waves.time.values / 10e-3)).max() < 14e-3


def test_plain_ngspice_runs_the_folder_to_the_same_end(tmp_path: Path, quick_run: Run, osdi_engine: Engine) -> None:
    folder = netlist_folder(Experiment.from_file(AND, QUICK).design, tmp_path / "deck", "osdi")
    done = subprocess.run([osdi_engine.path, "-n", "-b", "deck.cir"], cwd=folder, capture_output=True, timeout=120)
    assert done.returncode == 0
    raw, waves = read_raw(folder / "waveforms.raw"), quick_run.waveforms()
    for net in [*quick_run.result["signals"]["controls"].values(), "threshold"]:
        assert raw[f"v({net})"][-1] == pytest.approx(float(waves[net][-1]), abs=1e-6)


def test_both_dialects_end_alike(tmp_path: Path, osdi_engine: Engine) -> None:
    """A shortened run with behavioural bonds ends within 1 % of the control range of the compiled ones."""
    ends = {}
    for dialect in ("osdi", "b-source"):
        design = Experiment.from_file(
            AND, [*QUICK, "loop.epochs=1", "network.dopants=8", "network.radius=30 nm"]
        ).design
        channels = design.loop.channels(design.network)
        folder = netlist_folder(design, tmp_path / dialect, dialect)
        done = run_deck(folder, osdi_engine, end_time=design.loop.timeline.stop, timeout=300)
        assert done.ok, done.message
        raw = read_raw(done.raw)
        ends[dialect] = np.array([raw[f"v({net})"][-1] for net in (c.net for c in channels)])
    assert np.abs(ends["osdi"] - ends["b-source"]).max() < 0.01 * 1.2
    assert np.abs(ends["osdi"] - [c.start for c in channels]).max() > 1e-3


def test_the_same_settings_give_the_same_deck(quick_run: Run) -> None:
    again = Experiment.from_file(AND, QUICK).design
    assert again.netlist() == (quick_run.folder / "netlist" / "deck.cir").read_text()
    assert again.digest == quick_run.result["design"]
    assert Experiment.from_file(AND, [*QUICK, "loop.seed=42"]).design.netlist() != again.netlist()


def test_a_solved_start_is_refused(tmp_path: Path, quick_run: Run) -> None:
    wanted = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "NOR": [1, 0, 0, 0]}
    for seed in range(200):
        for gate, targets in wanted.items():
            experiment = Experiment.from_file(AND, [*QUICK, f"loop.seed={seed}", f"task.gate={gate}"])
            network, loop = experiment.design.network, experiment.design.loop
            outputs = network.output_current(case_voltages(network, loop.task, loop.start))
            if min(outputs[np.array(targets) == 1]) > max(outputs[np.array(targets) == 0]):
                with pytest.raises(RequestError, match="already does"):
                    experiment.run(tmp_path / "solved")
                assert not (tmp_path / "solved").exists()
                return
    pytest.fail("no start of this device has a gate already")


def test_progress_tells_time_and_loss(tmp_path: Path, osdi_engine: Engine) -> None:
    seen: list[Status] = []
    Experiment.from_file(AND, [*QUICK, "loop.epochs=8"]).run(tmp_path / "run", progress=seen.append)
    assert seen and seen[-1].progress.simulated_s <= seen[-1].progress.end_s
    assert any(status.loss is not None and status.epoch >= 1 for status in seen)


def test_folders_are_claimed_with_care(tmp_path: Path, quick_run: Run) -> None:
    experiment = Experiment.from_file(AND, [*QUICK, "loop.epochs=1"])
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(RequestError, match=r"folder\.exists"):
        experiment.run(precious)
    with pytest.raises(RequestError, match=r"folder\.not-a-run"):
        experiment.run(precious, force=True)
    assert (precious / "thesis.txt").read_text() == "years of work"
    with pytest.raises(RequestError, match=r"folder\.not-writable"):
        experiment.run("/proc/hgesim")


def test_an_unfinished_folder_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"run\.no-result"):
        Run.load(tmp_path)
    (tmp_path / "result.json").write_text('{"verdict": "ok"')
    with pytest.raises(RequestError, match=r"run\.no-result"):
        Run.load(tmp_path)


def test_no_convergence_names_node_and_block(tmp_path: Path, osdi_engine: Engine) -> None:
    """A block with an equation that has no solution: the run is aborted, says where, and is never scored."""
    (tmp_path / "hopeless.sp").write_text(
        ".subckt loss_hopeless e outp outn vp vn\n"
        "b1 inner 0 v = v(inner) * v(inner) + 1 + v(e) * v(e)\n"
        "r1 inner outp 1e3\nr2 outp 0 1e3\nr3 outn 0 1e3\n.ends\n"
    )
    run = learn(AND, tmp_path / "run", overrides=[*QUICK, f"circuit.loss={tmp_path / 'hopeless.sp'}"])
    assert run.verdict == "aborted" and run.exit_code == 1 and not run.learnt
    assert "loss" in run.result["message"] and "belongs to" in run.result["message"]
    assert "loss" not in run.result and "separation" not in run.result
    page = run.report().read_text()
    assert "Not a valid simulation" in page


def test_a_railed_loop_has_not_learnt(tmp_path: Path, osdi_engine: Engine) -> None:
    """The same run learns, and does not where its controls end beyond the range allowed."""
    fast = ["circuit.technology=ideal", "loop.epochs=8", "task.gate=OR"]
    free = learn(AND, tmp_path / "free", overrides=fast)
    ends = {net: abs(values[-1]) for net, values in free.result["history"]["controls"].items()}
    *_, second, largest = sorted(ends.values())
    assert free.learnt and largest > second + 0.02
    limit = (second + largest) / 2
    run = learn(AND, tmp_path / "railed", overrides=[*fast, f"loop.control_range={limit}"])
    (railed,) = run.result["railed"]
    assert run.verdict == "ok" and railed == f"el_{max(ends, key=ends.__getitem__)}"
    assert not run.learnt and railed in run.result["reason"] and run.exit_code == 3
