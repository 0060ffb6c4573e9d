"""Learning in leaps: the end of the whole transient in a part of its time, and a result that says how it was made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick_settings import AND, STARTS

from hgesim.config import load_config
from hgesim.engine import Engine, RunResult, Verdict, run_deck
from hgesim.errors import HgeError, RequestError
from hgesim.experiment import Experiment, Run, Status, learn, measure_along
from hgesim.experiment.bursts import Bursts
from hgesim.experiment.multirate import Multirate, _Work, refuse_leaps
from hgesim.report import summary_figure
from hgesim.report.record import read_record
from hgesim.report.words import headline, reason
from hgesim.study.table import outcome
from hgesim.terminal import tell_run
from hgesim.units import show_quantity

SMALL = [
    "circuit.technology=ideal",
    *(f"network.{key}" for key in ("seed=9", "dopants=5", "electrodes=5")),
    *(f"loop.{key}" for key in ("seed=44", "rate=0.1", "epochs=45")),
]
LEAPS = [*SMALL, "engine.multirate=true"]


def channels(run: Run) -> np.ndarray:
    ends = run.result["continue_with"]
    return np.array([*ends["start"], ends["threshold_start"]])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, osdi_engine: Engine) -> Run:
    return learn(AND, tmp_path_factory.mktemp("leaps") / "whole", overrides=SMALL)


@pytest.fixture(scope="module")
def leapt(tmp_path_factory: pytest.TempPathFactory, osdi_engine: Engine) -> Run:
    return learn(AND, tmp_path_factory.mktemp("leaps") / "leapt", overrides=LEAPS)


# ---- the same end, sooner ----------------------------------------------------------------------------------------


def test_the_end_is_that_of_the_whole_transient(whole: Run, leapt: Run) -> None:
    told = leapt.result["multirate"]
    off = np.abs(channels(leapt) - channels(whole)).max()
    moved = np.abs(channels(whole)[:-1] - whole.result["attempts"][0]["start"]).max()
    assert moved > 0.05
    assert off < told["error"]["voltage"] < 0.02 * 2.4 and off < 0.2 * moved
    assert leapt.learnt == whole.learnt is True
    assert leapt.result["swing"] == pytest.approx(whole.result["swing"], rel=0.1)
    assert leapt.result["margin"] == pytest.approx(whole.result["margin"], abs=0.1)
    assert leapt.loss["initial"] == pytest.approx(whole.loss["initial"], rel=1e-3)
    assert leapt.loss["final"] == pytest.approx(whole.loss["final"], rel=0.1)


def test_all_that_was_simulated_counts(whole: Run, leapt: Run) -> None:
    told, line = leapt.result["multirate"], leapt.result["timeline"]
    kept = [leap for leap in told["leaps"] if leap["kept"]]
    pause = line["ramp"] + line["settle"]
    # the first two epochs, the second of them again, one behind every leap, the last
    bursts = 2 + len(told["leaps"]) + 1
    assert told["bursts"] == bursts and told["repeats"] == 0 and told["fallback"] is None
    assert leapt.result["simulated_s"] == pytest.approx((bursts + 1) * line["epoch"] + bursts * pause, rel=1e-3)
    assert told["simulated_s"] == leapt.result["simulated_s"]
    assert told["factor"] == pytest.approx(45 * line["epoch"] / leapt.result["simulated_s"]) and told["factor"] > 2.5
    assert leapt.result["timepoints"] < whole.result["timepoints"] / 2.5
    assert told["epochs"]["leapt"] == sum(leap["epochs"] for leap in kept) == 45 - len(kept) - 2
    assert max(leap["error"] for leap in kept) <= told["error"]["allowed_per_leap"] == 3e-3
    assert told["in_materia"] is False and "multirate" not in whole.result
    assert told["error"]["voltage"] >= 44 * told["error"]["restart"] > 0


def test_history_and_waveforms_are_those_of_the_epochs_simulated(whole: Run, leapt: Run) -> None:
    told, past, full = leapt.result["multirate"], leapt.result["history"], whole.result["history"]
    length = leapt.result["timeline"]["epoch"]
    behind = [leap["begin"] + leap["epochs"] + 1 for leap in told["leaps"] if leap["kept"]]
    assert past["epoch"] == [1, 2, *behind, 45] and past["time"] == pytest.approx(length * np.array(past["epoch"]))
    for row, epoch in enumerate(past["epoch"]):
        assert past["loss"][row] == pytest.approx(full["loss"][epoch - 1], rel=0.1)
        if epoch < 20:  # later a case is so steep that millivolts count
            assert past["errors"][row] == pytest.approx(full["errors"][epoch - 1], abs=0.03)
    path = told["path"]
    assert path["epoch"] == list(range(45))
    for name, track in path["controls"].items():
        assert np.abs(np.array(track)[1:] - full["controls"][name][:44]).max() < told["error"]["voltage"]
    waves, all_waves = leapt.waveforms(), whole.waveforms()
    time = waves["time"].values
    assert (np.diff(time) >= 0).all() and time[-1] == pytest.approx(45 * length)
    points = np.bincount(np.floor(time / length).astype(int) + 1)
    assert past["epoch"] == np.flatnonzero(points > 100).tolist() and len(time) < len(all_waves["time"]) / 2.5
    part = (time > 1.2 * length) & (time < 1.9 * length)  # the same waveform, dithers in phase
    again = np.interp(time[part], all_waves["time"].values, all_waves["err"].values)
    assert np.abs(waves["err"].values[part] - again).max() < 0.02
    along = leapt.result["gradient_along"]
    assert along["history"]["epoch"] == past["epoch"] and along["epoch"]["of"] == len(past["epoch"])
    with pytest.raises(RequestError, match=r"run\.multirate.*gradient_along of every burst"):
        measure_along(leapt.folder)


def test_it_says_so_everywhere(leapt: Run, capsys: pytest.CaptureFixture[str]) -> None:
    record = read_record(leapt.folder)
    assert headline(record) == ("good", "Learnt in leaps: the network alone, at the final controls, solves the task.")
    said, told = " ".join(reason(record)), leapt.result["multirate"]
    error = show_quantity(told["error"]["voltage"], "V", 2)
    assert "Not all of this run was simulated: of 45 epochs" in said and error in said and "computed in Python" in said
    page = leapt.report().read_text(encoding="utf-8")
    assert "learning in leaps between circuit transients" in page and "one circuit transient" not in page
    assert "estimated error of the controls" in page and error in page and "none itself" in page
    assert "45 epochs, as far as simulated" in page and "run the stored circuit of the last transient in" in page
    assert outcome(leapt.result) == outcome({**leapt.result, "multirate.error.voltage": 0.01}) == "learnt in leaps"
    assert outcome({"verdict": "ok", "learnt": False, "multirate.error.voltage": 0.01}) == "not learnt in leaps"
    tell_run(leapt, False)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"AND learnt (in leaps: {told['factor']:.3g} times less simulated, controls within")
    summary_figure(leapt.folder)


def test_a_run_goes_on_from_its_end(leapt: Run, tmp_path: Path) -> None:
    own = [setting for setting in SMALL if not setting.startswith("loop.seed")]
    more = learn(AND, tmp_path / "more", overrides=[*own, "loop.epochs=1", *leapt.continue_with])
    first = more.result["history"]
    last = leapt.result["history"]
    for name, track in first["controls"].items():
        assert track[0] == pytest.approx(last["controls"][name][-1], abs=5e-3)
    assert first["loss"][0] == pytest.approx(last["loss"][-1], rel=0.05)


# ---- where leaps fail --------------------------------------------------------------------------------------------


def test_a_fast_loop_is_simulated_whole(
    tmp_path: Path, osdi_engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the nominal rate an epoch moves the controls too far for leaps: the end is that of the whole transient."""
    fast = [*SMALL, "loop.rate=3", "loop.epochs=9"]
    run = learn(AND, tmp_path / "fast", overrides=[*fast, "engine.multirate=true"])
    told = run.result["multirate"]
    back = told["fallback"]
    assert run.verdict == "ok" and "off by" in back["reason"] and 1 <= back["epoch"] < 5
    assert run.result["history"]["epoch"][-(9 - back["epoch"]) :] == list(range(back["epoch"] + 1, 10))
    assert run.result["history"]["epoch"] == sorted(set(run.result["history"]["epoch"]))
    all_of_it = learn(AND, tmp_path / "whole", overrides=fast)
    off = np.abs(channels(run) - channels(all_of_it)).max()
    assert off < max(0.05 * np.abs(channels(all_of_it)).max(), told["error"]["voltage"])
    assert run.learnt == all_of_it.learnt
    tell_run(run, False)
    assert "leaps given up" in capsys.readouterr().out
    assert "all was simulated in one transient" in " ".join(reason(read_record(run.folder)))


def test_few_epochs_are_simulated_whole(tmp_path: Path, osdi_engine: Engine) -> None:
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=2"])
    told = run.result["multirate"]
    assert told["fallback"] == {"epoch": 0, "reason": "2 epochs are too few to leap over"}
    assert told["in_materia"] is True and told["bursts"] == 1 and told["error"]["voltage"] == 0
    assert run.result["history"]["epoch"] == [1, 2] and run.result["attempts"][0]["given_up"] == ""
    assert headline(read_record(run.folder))[1].startswith(("Learnt:", "Valid simulation, but"))
    assert outcome(run.result) in ("learnt", "not learnt")


def test_a_setting_that_the_exact_solver_cannot_do_is_no_end(
    tmp_path: Path, osdi_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaps over it fail; simulated whole the run is good, but for its gradients."""

    def stuck(*_: Any) -> Any:
        raise HgeError("network.no-convergence", "made up")

    monkeypatch.setattr("hgesim.experiment.bursts.learning_trajectory", stuck)
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=8"])
    told = run.result["multirate"]
    assert run.verdict == "ok" and told["fallback"] == {"epoch": 0, "reason": "made up"}
    assert "made up" in run.result["gradient_along"]["reason"] and len(run.result["history"]["epoch"]) == 8
    run.report()


def test_something_slow_that_remembers_is_found(
    tmp_path: Path, osdi_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second transient from where the first passes goes another way: as if a state had been forgotten."""
    plain = Bursts.simulate

    def forgetful(self: Bursts, where: Any, epoch: int, epochs: int) -> Any:
        return plain(self, np.asarray(where) + (0.05 if self.ran and epoch == 1 else 0.0), epoch, epochs)

    monkeypatch.setattr(Bursts, "simulate", forgetful)
    told = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=8"]).result["multirate"]
    assert "something slow remembers" in told["fallback"]["reason"] and told["fallback"]["epoch"] == 0
    assert told["epochs"]["leapt"] == 0 and told["epochs"]["simulated"] > 8 + 3


# ---- transients that do not count --------------------------------------------------------------------------------


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, Verdict]]:
    """Verdicts for transients by their number, in the place of what came out."""
    wanted, write, steps = dict[int, Verdict](), Bursts._write, list[float]()

    def written(self: Bursts, circuit: Any) -> Any:
        steps.append(circuit.analysis.step)
        return write(self, circuit)

    def run(*given: Any, **named: Any) -> RunResult:
        ran = run_deck(*given, **named)
        verdict = wanted.get(len(steps), ran.verdict)
        return ran if verdict == ran.verdict else dataclasses.replace(ran, verdict=verdict, message="made up")

    monkeypatch.setattr(Bursts, "_write", written)
    monkeypatch.setattr("hgesim.experiment.bursts.run_deck", run)
    yield wanted
    repeated = [k for k, verdict in wanted.items() if verdict == Verdict.ABORTED and k < len(steps)]
    assert all(steps[k] == pytest.approx(steps[k - 1] / 1.2) for k in repeated)


def test_a_burst_in_which_the_simulator_gives_up_is_repeated(
    tmp_path: Path, osdi_engine: Engine, breaking: dict[int, Verdict]
) -> None:
    breaking[3] = Verdict.ABORTED
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=10"])
    assert run.verdict == "ok" and run.result["multirate"]["repeats"] == 1 and len(run.result["attempts"]) == 1
    assert "as the simulator gave up: 1." in " ".join(reason(read_record(run.folder)))


@pytest.mark.parametrize(
    ("number", "verdict", "where"),
    [(1, Verdict.TIMEOUT, "epochs 1 to 2"), (3, Verdict.NONFINITE, "epoch 6"), (2, Verdict.INTERRUPTED, "epoch 2")],
)
def test_a_burst_that_does_not_count_ends_the_run(
    tmp_path: Path, osdi_engine: Engine, breaking: dict[int, Verdict], number: int, verdict: Verdict, where: str
) -> None:
    breaking[number] = verdict
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=20"])
    assert run.verdict == verdict and not run.learnt and run.exit_code == (130 if number == 2 else 1)
    assert run.result["message"] == f"{where}: made up" and "score" not in run.result
    assert run.result["multirate"]["bursts"] == number
    assert (run.folder / "waveforms.nc").is_file() == (number > 1)
    if number > 1:  # of the epoch that was simulated twice only the later rows
        assert (np.diff(run.waveforms()["time"].values) >= 0).all()
    assert "in leaps up to" in " ".join(reason(read_record(run.folder)))
    run.report()


def test_repeats_run_out(tmp_path: Path, osdi_engine: Engine, breaking: dict[int, Verdict]) -> None:
    breaking |= {2: Verdict.ABORTED, 3: Verdict.ABORTED}
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=20"])
    assert run.verdict == "aborted" and len(run.result["attempts"]) == 1 and run.result["multirate"]["bursts"] == 3


def test_ctrl_c_and_the_time_that_all_bursts_have(tmp_path: Path, osdi_engine: Engine) -> None:
    seen: list[Status] = []

    def impatient(status: Status) -> None:
        seen.append(status)
        if status.epoch >= 2:
            raise KeyboardInterrupt

    run = learn(AND, tmp_path / "run", overrides=[*LEAPS], progress=impatient)
    assert run.verdict == "interrupted" and run.exit_code == 130
    assert seen[-1].epochs == 45 and seen[-1].loss is not None
    reached = [status.progress.simulated_s for status in seen]
    assert max(reached) <= seen[0].progress.end_s == pytest.approx(45 * run.result["timeline"]["epoch"])
    late = learn(AND, tmp_path / "late", overrides=[*LEAPS, "engine.timeout=0.1"])
    assert late.verdict == "timeout" and "raise the timeout" in late.result["message"]


def test_ctrl_c_between_bursts(tmp_path: Path, osdi_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("hgesim.experiment.multirate.AveragedLoop.epoch", pressed)
    run = learn(AND, tmp_path / "run", overrides=LEAPS)
    assert run.verdict == "interrupted" and run.result["message"] == "interrupted between bursts"


def test_stuck_starts_are_given_up(tmp_path: Path, osdi_engine: Engine) -> None:
    """Without drive nothing moves: leaps are as long as may be, and after `patience` epochs the start is given up."""
    changes = ["loop.rate=0", "loop.restarts=1", "loop.patience=5", "loop.epochs=40"]
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, *changes])
    first, last = run.result["attempts"]
    assert first["given_up"] == "no progress in 5 epochs" and last["given_up"] == ""
    assert run.verdict == "ok" and run.result["multirate"]["factor"] > 4


# ---- what cannot be leapt over -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("nonideal.network_noise=3e-12", "nonideal.network_noise"),
        ("nonideal.level_drift=1e-6", "nonideal.level_drift"),
        ("nonideal.level_ageing=1e-3", "nonideal.level_ageing"),
        ("nonideal.dielectric_absorption=1e-3", "nonideal.dielectric_absorption"),
        ("nonideal.reference_frequency=1e-5", "nonideal.reference_frequency"),
        ("nonideal.control_step=1e-3", "nonideal.control_step"),
        ("nonideal.preset=discrete", "nonideal.dielectric_absorption"),
    ],
)
def test_what_differs_from_epoch_to_epoch_is_refused(change: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=rf"multirate\.no-leap\] {place}.*leave out engine\.multirate"):
        learn(AND, tmp_path / "run", overrides=[*LEAPS, change])
    assert not (tmp_path / "run").exists()


def test_bonds_with_a_state_are_refused() -> None:
    from hgesim.network import Memristor

    made = Experiment.from_file(AND, LEAPS).design
    bond = Memristor(1e-9, 1e-7, 1.0, 1.0, 1.0, 1.0)
    state = made.network.replace(bond_laws=(bond, *made.network.bond_laws[1:]))
    with pytest.raises(RequestError, match=r"multirate\.no-leap.*memristive"):
        refuse_leaps(made.replace(network=state))


@pytest.mark.parametrize("change", ["nonideal.readout_offset=3e-3", "nonideal.capacitor_spread=0.03"])
def test_what_a_chip_has_for_ever_is_not(change: str) -> None:
    refuse_leaps(Experiment.from_file(AND, [*LEAPS, change]).design)


def test_the_size_of_leaps_needs_leaps() -> None:
    assert load_config(AND, LEAPS)[0].engine.leap_error == 3e-3
    with pytest.raises(RequestError, match=r"config\.conflict.*engine\.leap_error.*multirate = true"):
        Experiment.from_file(AND, ["engine.leap_error=1e-3"])
    with pytest.raises(RequestError, match=r"engine\.leap_error"):
        Experiment.from_file(AND, [*LEAPS, "engine.leap_error=0"])


def test_chopped_blocks_have_bursts_of_whole_cycles(tmp_path: Path) -> None:
    """Their clocks toggle once a case: with an odd number of cases a cycle takes two epochs."""
    curve = ["task.training=3", "loop.epochs=21", "engine.multirate=true"]

    def epochs(*changes: str) -> int:
        made = Experiment.from_file(AND.parent / "curve.toml", [*curve, *changes])
        attempt = Multirate(made.design, tmp_path, None, "osdi", made.config)  # type: ignore[arg-type]
        return _Work(attempt, Bursts(attempt, None)).piece

    assert epochs("circuit.integrator=gf180_chopped") == 2
    assert epochs("circuit.integrator=gf180_chopped", "task.training=4") == 1
    assert epochs() == 1


def test_pieces_of_two_epochs(tmp_path: Path, osdi_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An odd number of epochs: bursts begin with even ones, and the last takes what is left over."""
    monkeypatch.setattr(_Work, "piece", property(lambda _: 2))
    run = learn(AND, tmp_path / "run", overrides=[*LEAPS, "loop.epochs=33"])
    told, past = run.result["multirate"], run.result["history"]
    assert run.verdict == "ok" and told["fallback"] is None
    assert past["epoch"][:2] == [1, 2] and past["epoch"][-3:] == [31, 32, 33]
    assert all(leap["begin"] % 2 == leap["epochs"] % 2 == 0 for leap in told["leaps"])
    assert told["path"]["epoch"] == list(range(0, 32, 2))


# ---- the real thing ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("gate", ["AND", "NAND", "XOR"])
def test_gates_against_whole_transients(gate: str, tmp_path: Path, osdi_engine: Engine) -> None:
    """Ideal blocks, 300 epochs at a twentieth of the rate: an eighth of the time, within 2 % of the controls' range."""
    slow = ["circuit.technology=ideal", f"task.gate={gate}", f"loop.seed={STARTS[112][gate]}"]
    slow += ["loop.rate=0.05", "loop.epochs=300"]
    leapt = learn(AND, tmp_path / "leapt", overrides=[*slow, "engine.multirate=true"])
    whole = learn(AND, tmp_path / "whole", overrides=slow)
    told, off = leapt.result["multirate"], np.abs(channels(leapt) - channels(whole)).max()
    assert told["fallback"] is None and told["factor"] > 8
    assert off < 0.02 * 2.4 and off < told["error"]["voltage"]
    assert leapt.learnt == whole.learnt
    print(json.dumps({"gate": gate, "off": off, "error": told["error"]["voltage"], "factor": told["factor"]}))
