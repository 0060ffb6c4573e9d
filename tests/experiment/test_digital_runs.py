"""Runs in which Python plays a part: against the exact network and ideal blocks, and what they say of themselves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick_settings import AND

from hgesim.cli import main
from hgesim.engine import Engine
from hgesim.errors import EngineError, RequestError
from hgesim.experiment import Experiment, Run, Status, plan_run, wall_time
from hgesim.experiment.along import measure_along
from hgesim.experiment.build import draw_redraw
from hgesim.learning import exact_digital_run, exact_measurement
from hgesim.loop import DigitalLoop

SMALL = ["circuit.technology=ideal", "network.dopants=6", "network.electrodes=5", "loop.seed=3"]
DIGITAL = [*SMALL, "loop.update=digital", "loop.dither=2 mV", "loop.epochs=3"]
CHAIN = ("loss", "coupler", "mixer", "lowpass", "integrator")


def small(*settings: str) -> Experiment:
    return Experiment.from_file(AND, [*SMALL, *settings])


@pytest.fixture(scope="module")
def digital_run(tmp_path_factory: pytest.TempPathFactory, shared_engine: Engine) -> tuple[Run, list[Status]]:
    told: list[Status] = []
    experiment = Experiment.from_file(AND, DIGITAL)
    return experiment.run(tmp_path_factory.mktemp("digital") / "run", progress=told.append), told


def test_a_digital_run_measures_the_exact_gradient(digital_run: tuple[Run, list[Status]]) -> None:
    """With a dither well below kT/e: derivatives to a degree, and the loss's gradient from them."""
    run, _ = digital_run
    assert run.verdict == "ok", run.result["message"]
    along = run.result["gradient_along"]
    assert along["measured"] == "lock-in" and along["window"]["of"] == 8 and along["epoch"]["of"] == 2
    assert along["window"]["angle_deg"]["controls"] < 1 and along["epoch"]["angle_deg"]["channels"] < 1
    assert np.max(along["history"]["window_angle_deg"]["controls"]) < 3


def test_a_digital_run_follows_the_exact_one(digital_run: tuple[Run, list[Status]]) -> None:
    """Its losses, and its controls after a step of Adam that is the same for any size of the gradient."""
    run, _ = digital_run
    design = Experiment.from_file(AND, DIGITAL).design
    assert isinstance(design.loop, DigitalLoop)
    exact = exact_digital_run(design.loop, design.network)
    history = run.result["history"]
    assert history["loss"] == pytest.approx([epoch.loss for epoch in exact.epochs], rel=0.02)
    moved = np.array(list(history["controls"].values())).T
    assert moved[0] == pytest.approx(design.loop.start)
    assert np.abs(moved[1] - moved[0]) == pytest.approx([0.03] * 2, rel=1e-6)
    assert moved == pytest.approx(np.array([epoch.controls for epoch in exact.epochs]), abs=1e-3)
    assert history["threshold"] == pytest.approx([epoch.threshold for epoch in exact.epochs], abs=1e-3)


def test_the_last_epoch_has_no_dither(digital_run: tuple[Run, list[Status]]) -> None:
    """Outputs of the transient are those of the network alone there; controls stand still, elsewhere they swing."""
    run, _ = digital_run
    result, waves = run.result, run.waveforms()
    final = [row["final"] for row in result["outputs"]]
    assert [row["final"] for row in result["outputs_loop"]] == pytest.approx(final, rel=1e-3, abs=1e-11)
    time, line = waves.time.values, result["timeline"]
    assert line["epochs"] == 3 and time[-1] == pytest.approx(3 * line["epoch"])
    (net, *_) = result["signals"]["controls"].values()
    swings = [
        np.ptp(waves[net].values[(time > (k + 0.2) * line["epoch"]) & (time < (k + 0.9) * line["epoch"])])
        for k in range(3)
    ]
    assert swings[:2] == pytest.approx([4e-3, 4e-3], rel=0.02) and swings[2] < 1e-5


def test_the_result_says_what_python_did(digital_run: tuple[Run, list[Status]]) -> None:
    run, told = digital_run
    result = run.result
    assert result["update"] == "digital" and result["engine"]["name"] == "shared"
    assert result["python_parts"] == ["lock-in", "loss", "threshold", "update"] and list(result["technology"]) == [
        "readout"
    ]
    assert result["digital"]["best_epoch"] == 2 and result["digital"]["redraws"] == [] and result["converters"] is None
    assert [status.epoch for status in told] == [1, 2, 3] and told[-1].loss == result["loss"]["final"]
    assert [tone["channel"] for tone in result["plan"]["carriers"]] == list(result["signals"]["controls"])
    page = run.report().read_text()
    for words in ("learning in one transient of circuit and Python", "What learnt is circuit and computer together"):
        assert words in page
    assert "in materia" not in page and "ngspice -n -b" not in page


def test_a_digital_run_goes_on_where_it_ended(digital_run: tuple[Run, list[Status]]) -> None:
    run, _ = digital_run
    again = Experiment.from_file(AND, [*DIGITAL, *run.continue_with]).design.loop
    assert again.start == pytest.approx([track[-1] for track in run.result["history"]["controls"].values()])
    assert again.threshold_start == run.result["history"]["threshold"][-1]


def test_a_low_loss_ends_the_run_early(tmp_path: Path, shared_engine: Engine) -> None:
    """The verdict is that of a shorter run; converters and the correlation are told."""
    settings = ["loop.epochs=9", "loop.loss=correlation", "loop.stop_loss=100", "loop.lock_in=magnitude"]
    converters = ["converters.adc_bits=12", "converters.dac_bits=8", "converters.rate=200e3", "converters.jitter=20 ns"]
    run = Experiment.from_file(AND, [*DIGITAL, *settings, *converters]).run(tmp_path / "run")
    result = run.result
    assert run.verdict == "ok" and "stop_loss" in result["digital"]["ended"]
    assert len(result["history"]["loss"]) == 2
    assert result["simulated_s"] == pytest.approx(2 * result["timeline"]["epoch"], rel=1e-3)
    assert result["loss"]["unit"] == "1"
    assert result["converters"]["adc"] == {"bits": 12, "range": 1.65} and result["converters"]["jitter"] == 20e-9
    step = 3.3 / 2**8
    for track in result["history"]["controls"].values():
        assert np.array(track) / step == pytest.approx(np.round(np.array(track) / step), abs=1e-6)
    waves, line = run.waveforms(), result["timeline"]
    window = (waves.time.values > line["ramp"] + line["settle"]) & (waves.time.values < line["case"])
    for label, net in result["signals"]["controls"].items():
        assert waves[net].values[window].mean() == pytest.approx(result["history"]["controls"][label][0], abs=1e-4)
    row = [row["final"] for row in result["outputs_loop"]]
    middle = (min(row[3:]) + max(row[:3])) / 2
    assert -result["history"]["threshold"][-1] / 2.5e6 == pytest.approx(middle)
    assert "correlation loss" in run.report().read_text()


@pytest.mark.slow
def test_outputs_over_range_have_the_controls_drawn_anew(tmp_path: Path, shared_engine: Engine) -> None:
    run = Experiment.from_file(AND, [*DIGITAL, "loop.clip=20 nA", "loop.epochs=4"]).run(tmp_path / "run")
    redraws = run.result["digital"]["redraws"]
    assert run.verdict == "ok" and redraws[0] == 1
    second = [track[1] for track in run.result["history"]["controls"].values()]
    assert second == pytest.approx(draw_redraw(3, 0.6, 2, 1))


def test_a_run_that_ends_before_it_begins_has_a_verdict(tmp_path: Path, shared_engine: Engine) -> None:
    run = Experiment.from_file(AND, [*DIGITAL, "engine.timeout=1 ms"]).run(tmp_path / "run")
    assert run.verdict == "timeout" and not run.learnt and "raise the timeout" in run.result["message"]


def test_what_goes_wrong_in_python_is_no_interruption(
    tmp_path: Path, shared_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing the session ends the transient early, which by itself would read as if the user had."""

    def broken(*_: Any) -> None:
        raise EngineError("engine.bad-raw", "cut off")

    monkeypatch.setattr("hgesim.experiment.digital.measure_epoch", broken)
    with pytest.raises(EngineError, match="cut off"):
        Experiment.from_file(AND, DIGITAL).run(tmp_path / "run")


def ends(tmp_path: Path, name: str, *settings: str) -> tuple[np.ndarray, Run]:
    run = small("loop.epochs=1", *settings).run(tmp_path / name)
    assert run.verdict == "ok", run.result["message"]
    there = run.result["continue_with"]
    return np.array([*there["start"], there["threshold_start"]]), run


def test_all_blocks_in_python_do_what_ideal_ones_do(tmp_path: Path, shared_engine: Engine) -> None:
    ideal, plain = ends(tmp_path, "ideal")
    found, run = ends(tmp_path, "python", *(f"circuit.{kind}=python" for kind in CHAIN))
    start = np.array([*plain.result["attempts"][-1]["start"], 0.0])
    assert np.abs(found - ideal).max() < 0.03 * np.abs(ideal - start).max()
    assert run.result["update"] == "analog" and run.result["python_parts"] == list(CHAIN)
    assert run.result["loss"]["initial"] == pytest.approx(plain.result["loss"]["initial"], rel=0.01)
    assert any("mixer (python)" in part for part in run.result["ideal_parts"])
    page = run.report().read_text()
    assert "at every step: loss, coupler, mixer, lowpass and integrator" in page and "computed by Python" in page


@pytest.mark.slow
def test_a_clock_with_converters_is_seeded(tmp_path: Path, shared_engine: Engine) -> None:
    """The mixer on 8 bits, 150,000 samples a second with jitter: coarse, and the same each time."""
    clock = ["circuit.mixer=python", "converters.rate=150e3", "converters.jitter=300 ns", "converters.adc_bits=8"]
    first, run = ends(tmp_path, "first", *clock)
    again, _ = ends(tmp_path, "again", *clock)
    start = np.array([*run.result["attempts"][-1]["start"], 0.0])
    assert (first == again).all() and 5e-3 < np.abs(first - start).max() < 0.1
    assert run.result["converters"]["rate"] == 150e3
    assert "at every tick of its clock" in run.report().read_text()


@pytest.mark.slow
def test_the_delay_costs_less_with_shorter_steps(tmp_path: Path, shared_engine: Engine) -> None:
    """A mixer that is one step late: half the step, half the difference to the ideal one."""
    off = []
    for steps in (20, 40, 80):
        fine = f"engine.steps_per_cycle={steps}"
        ideal, _ = ends(tmp_path, f"ideal{steps}", fine)
        late, _ = ends(tmp_path, f"late{steps}", fine, "circuit.mixer=python")
        off.append(np.abs(late - ideal).max())
    assert off[1] / off[0] == pytest.approx(0.5, abs=0.2) and off[2] / off[1] == pytest.approx(0.5, abs=0.2)


@pytest.mark.slow
def test_an_own_integrator_of_python_goes_on_alike(tmp_path: Path, shared_engine: Engine) -> None:
    ideal, _ = ends(tmp_path, "ideal")
    found, _ = ends(tmp_path, "python", "circuit.integrator=python")
    assert found == pytest.approx(ideal, abs=2e-4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["circuit.mixer=python", "engine.name=ngspice"], r"engine\.no-python.*mixer run in Python.*shared"),
        (["loop.update=digital", "engine.name=ngspice"], r"engine\.no-python.*lock-in"),
    ],
)
def test_another_engine_is_refused(settings: list[str], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        small(*settings).engine()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["circuit.readout=python"], r"blocks\.no-python.*circuit\.readout"),
        (["loop.loss=correlation"], r"no circuit computes.*digital"),
        (["loop.optimizer=adam"], 'does nothing: it needs update = "digital"'),
        (["loop.update=digital", "loop.rate=0.5"], 'loop.rate: does nothing: it needs update = "analog"'),
        (["loop.update=digital", "loop.momentum=0.5"], 'optimizer = "momentum"'),
        (["loop.update=digital", "loop.patience=3", "loop.restarts=1"], "loop.patience: does nothing"),
        (["loop.update=digital", "loop.optimizer=sgd"], "loop.optimizer"),
        (["loop.update=digital", "loop.epochs=1"], "at least 2"),
        (["loop.update=digital", "circuit.mixer=ideal", "converters.jitter=1 ns"], "give converters.rate"),
        (["converters.adc_bits=8"], "nothing crosses"),
        (["loop.update=digital", "converters.rate=10e3"], "converters.rate.*samples a second of a carrier"),
        (["circuit.mixer=python", "converters.seed=3"], "converters.seed: does nothing: it needs jitter"),
        (["circuit.mixer=python", "converters.adc_bits=99"], "1 to 32"),
        (["circuit.integrator=python", "loop.decay=1"], "so a decay has no place"),
        (["circuit.mixer=python", "nonideal.mismatch=1"], r"nonideal\."),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        small(*settings)


def test_the_engine_is_implied_unless_said(shared_engine: Engine) -> None:
    assert small().config.engine.name == "ngspice"
    for setting in ("loop.update=digital", "circuit.lowpass=python"):
        assert small(setting).config.engine.name == "shared"
        assert small(setting, "engine.timeout=5").config.engine.name == "shared"
        assert small(setting, 'engine.name="ngspice"').config.engine.name == "ngspice"
        assert Experiment(small(setting).design).engine()[0].name == "shared"


def test_gradients_along_a_digital_run_are_there_already(digital_run: tuple[Run, list[Status]]) -> None:
    with pytest.raises(RequestError, match=r"gradient\.digital"):
        measure_along(digital_run[0].folder)


@pytest.mark.parametrize("command", ["netlist", "plan", "gradient"])
def test_commands_that_know_of_no_python(
    command: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [command, str(AND), *(word for text in [*SMALL, "circuit.mixer=python"] for word in ("--set", text))]
    monkeypatch.setattr(
        "sys.argv", ["hgesim", *words, *(["--out", str(tmp_path / "o")] if command == "gradient" else [])]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2 and "[design.has-python] circuit.mixer" in told and told.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_a_plan_knows_of_no_digital_update() -> None:
    experiment = small("loop.update=digital")
    for ask in (lambda: plan_run(experiment.design, experiment.config), lambda: wall_time(experiment)):
        with pytest.raises(RequestError, match=r"design\.has-python.*loop\.update.*lock-in, loss.*hgesim screen"):
            ask()
    assert "Computed by Python, so not in this deck: lock-in" in experiment.design.netlist()


def test_converters_count_in_the_digest() -> None:
    one, two = (small("circuit.mixer=python", f"converters.adc_bits={bits}").design for bits in (8, 9))
    assert one.digest != two.digest != small("circuit.mixer=python").design.digest
    assert dataclasses.replace(one.loop, converters=two.loop.converters) != one.loop


def test_settings_are_told_as_they_were(digital_run: tuple[Run, list[Status]]) -> None:
    stored = json.loads((digital_run[0].folder / "config.json").read_text())
    assert stored["loop"]["update"] == "digital" and stored["engine"]["name"] == "shared"
    measured = exact_measurement(
        Experiment.from_file(AND, DIGITAL).design.loop,  # type: ignore[arg-type]
        Experiment.from_file(AND, DIGITAL).design.network,
        [track[0] for track in digital_run[0].result["history"]["controls"].values()],
    )
    assert [row["initial"] for row in digital_run[0].outputs] == pytest.approx(measured.outputs.tolist())
