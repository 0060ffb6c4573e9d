"""The averaged equations: one control by hand and against another integrator, and against whole transients."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from small_designs import ohmic_star, small_loop, small_star

from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.experiment import Experiment
from hgesim.learning import averaged_run, network_outputs
from hgesim.loop import HomodyneLoop, Scales, Task, Timeline, gate_task, plan_tones
from hgesim.network import DiscParameters, Network, dopant_disc

AND = Path(__file__).parents[2] / "examples" / "and.toml"
ROLES = ("output", "input", "control")
ONE = ohmic_star(2e-7, 1e-7, 3e-7, roles=ROLES)
SLOPE = 2e-7 * 3e-7 / 6e-7  # A/V, of the output by the control
R, RB = 2e6, 2.5e6


def one_case(network: Network, level: float = 0.4, epochs: int = 1, **settings: Any) -> HomodyneLoop:
    """A loop of one case, a single output level to be reached."""
    controls = len(network.controls)
    plan = plan_tones(controls + 1, 1e3)
    task = Task("level", "curve", ((0.5,) * len(network.inputs), (-0.5,) * len(network.inputs)), (level, -level), 0.1)
    values = dataclasses.replace(small_loop(small_star()).settings, **settings)  # type: ignore[arg-type]
    return HomodyneLoop(task, plan, Timeline(1e-4, 5e-5, plan.beat, 2, epochs), values, (0.0,) * controls)


def error_of(loop: HomodyneLoop, case: int, control: float, threshold: float) -> float:
    current = 2e-7 * (1e-7 * loop.task.input_levels[0][case] + 3e-7 * control) / 6e-7
    return -R * (current + threshold / RB - loop.task.target * loop.task.target_levels[case])


def drive_of(loop: HomodyneLoop, error: float) -> np.ndarray:
    """Mean drive of control and threshold, worked out from the circuit's formulas with a plain quadrature."""
    k, knee, gain, x_gain, lo = 0.94, 0.126, 26.0, 2.75, 0.126
    phase = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    wave = np.sin(phase)
    if loop.settings.reference_shape == "square":  # edges of a fiftieth of a period
        wave = np.clip(np.arcsin(wave) / (np.pi / 50), -1, 1)
    lead = np.arctan(1 / (2 * np.pi * 1e-4 * np.array(loop.plan.carriers)))  # of the coupler, 1 MOhm and 100 pF
    trim = np.cos(lead + np.radians(loop.settings.reference_phase)) / np.cos(lead)
    mean = gain * x_gain * trim * np.mean(np.sin(phase) * np.tanh(loop.settings.reference * wave / lo))
    slope = k * (math.tanh(error / knee) + error / knee / math.cosh(error / knee) ** 2)
    ripple = np.array([-R * SLOPE * loop.settings.dither, -R / RB * loop.settings.threshold_dither])
    drive = mean * slope * ripple
    return np.asarray(drive / math.sqrt(1 + float(drive @ drive) / 0.42**2))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reference_shape": "square", "reference": 0.4},
        {"reference_phase": 40.0},
        {"reference_shape": "square", "reference_phase": (30.0, -70.0)},
    ],
)
def test_one_epoch_by_hand(settings: dict[str, Any]) -> None:
    """Two windows: each moves the channels by -drive times window over time constant, error taken anew in between."""
    loop = one_case(ONE, slowness=20.0, rate=0.7, **settings)
    found = averaged_run(ONE, loop, [[0.3], [-0.2]])
    for row, start in enumerate((0.3, -0.2)):
        state, losses = np.array([start, 0.0]), []
        for case in (0, 1):
            error = error_of(loop, case, *state)
            losses.append(error**2)
            state = state - drive_of(loop, error) * 0.7 / 20.0
        assert [found.controls[row, 0], found.threshold[row]] == pytest.approx(state, rel=2e-4)
        assert found.path[row, 0].tolist() == [found.controls[row, 0], found.threshold[row]]
        assert found.loss[row, 0] == pytest.approx(np.mean(losses), rel=1e-6)
        assert abs(found.controls[row, 0] - start) > 1e-4


@pytest.mark.parametrize("drive", ["weak", "strong"])
def test_slow_integrators_follow_the_flow(drive: str) -> None:
    """With slow integrators the windows are Euler steps of d(channel)/dt = - mean drive: scipy integrates the same."""
    dither = {"weak": 5e-3, "strong": 80e-3}[drive]
    loop = one_case(ONE, epochs=100, slowness=130.0, dither=dither, threshold_dither=dither)

    def flow(_: float, state: np.ndarray) -> np.ndarray:
        return -sum((drive_of(loop, error_of(loop, case, *state)) for case in (0, 1)), np.zeros(2))

    exact = solve_ivp(flow, (0, 100 / 130), [0.5, 0.0], rtol=1e-8, atol=1e-10)
    found = averaged_run(ONE, loop, [[0.5]])
    moved = exact.y[:, -1] - [0.5, 0.0]
    assert found.path[0, -1] - [0.5, 0.0] == pytest.approx(moved, rel=0.01, abs=0.01 * np.abs(moved).max())
    assert np.abs(moved).max() > {"weak": 0.01, "strong": 0.1}[drive]


def test_the_drive_has_a_greatest_length() -> None:
    """A huge dither moves all channels together by the drive's limit of 0.42 V a window, over the slowness."""
    loop = one_case(ONE, slowness=100.0, dither=50.0, threshold_dither=50.0)
    loop = dataclasses.replace(loop, task=dataclasses.replace(loop.task, targets=(1.0, 0.9)))
    found = averaged_run(ONE, loop, [[0.1]])
    moved = np.linalg.norm(found.path[0, 0] - [0.1, 0.0])
    assert moved == pytest.approx(2 * 0.42 / 100, rel=1e-3)
    weak = dataclasses.replace(loop, settings=dataclasses.replace(loop.settings, dither=1e-4))
    assert averaged_run(ONE, weak, [[0.1]]).controls[0, 0] == pytest.approx(0.1, abs=1e-4)  # the threshold takes it all


def test_channels_stay_within_the_integrators_limits() -> None:
    loop = one_case(ONE, level=1.0, epochs=100, slowness=0.5, dither=50.0)
    assert np.abs(averaged_run(ONE, loop, [[1.3], [-1.3]]).path).max() <= 1.4


# ---- a dopant network --------------------------------------------------------------------------------------------

DISC = dopant_disc(6, DiscParameters(current=100e-9))


def disc_loop(**settings: float | str) -> HomodyneLoop:
    return small_loop(DISC, "AND", start=(0.0,) * 5, **settings)  # type: ignore[arg-type]


STARTS = np.random.default_rng(1).uniform(-0.25, 0.25, (6, 5))


def circuit_loss(loop: HomodyneLoop, channels: np.ndarray) -> float:
    """Sum over the cases of k e tanh(e/e0), of a hinge on the wrong side only: what the loop descends."""
    levels = np.array(loop.task.target_levels)
    current = network_outputs(DISC, loop.task, channels[:-1])
    error = np.clip(-R * (current + channels[-1] / RB - loop.task.target * levels), -1.4, 1.4)  # the read-out's limit
    counted = error * levels > 0 if loop.settings.loss == "hinge" else 1.0
    return float((0.94 * error * np.tanh(error / 0.126) * counted).sum())


@pytest.mark.parametrize("loss", ["mse", "hinge"])
def test_steps_are_downhill_on_the_circuits_loss(loss: str) -> None:
    """Small steps go along the finite-difference gradient, each channel by its dither."""
    dither, threshold_dither = 1e-4, 3e-4
    loop = disc_loop(loss=loss, dither=dither, threshold_dither=threshold_dither, slowness=1e4)
    run = averaged_run(DISC, loop, STARTS)
    weights = np.array([dither] * 5 + [threshold_dither])
    for start, end in zip(STARTS, run.path[:, -1], strict=True):
        begun = np.append(start, 0.0)
        moves = 1e-4 * np.eye(6)
        gradient = np.array([(circuit_loss(loop, begun + m) - circuit_loss(loop, begun - m)) / 2e-4 for m in moves])
        direction, expected = end - begun, -weights * gradient
        assert direction @ gradient < 0
        cosine = direction @ expected / np.linalg.norm(direction) / np.linalg.norm(expected)
        assert cosine > 0.9999


def test_a_hinge_is_silent_when_satisfied() -> None:
    """Outputs 0 for all cases, targets far below and above by a threshold current: one side pulls, the other rests."""
    loop = dataclasses.replace(disc_loop(loss="hinge"), threshold_start=1.3)  # 520 nA: every case is above
    loop = dataclasses.replace(loop, task=gate_task("AND", Scales(target=1e-9)))
    flat = DISC.replace(bond_laws=tuple(type(law)(rate=1e-9 * law.rate) for law in DISC.bond_laws))  # type: ignore[union-attr,call-arg]
    only_one = dataclasses.replace(loop, task=dataclasses.replace(loop.task, targets=(1.0, 1.0, 1.0, 0.0)))
    moved = averaged_run(flat, only_one, STARTS[:1])
    assert moved.threshold[0] < 1.3
    assert moved.loss[0, 0] == pytest.approx(1.04**2 / 4, rel=0.02)  # one case of four is on the wrong side, by 520 nA
    starts = np.random.default_rng(2).uniform(-0.6, 0.6, (300, 5))
    outputs = network_outputs(DISC, loop.task, starts)
    low, high = outputs[:, :3].max(axis=1), outputs[:, 3]
    # a start that has AND: with the threshold in between every case is right
    apart = int(np.argmax(np.where(np.abs(high + low) < 500e-9, high - low, 0.0)))
    assert high[apart] - low[apart] > 10e-9
    middle = -(high[apart] + low[apart]) / 2 * loop.settings.threshold_resistance
    for threshold, rests in ((middle, True), (middle - 1.2 * np.sign(middle), False)):
        rest = averaged_run(DISC, dataclasses.replace(loop, threshold_start=float(threshold)), starts[[apart]])
        assert (rest.threshold[0] == threshold and np.array_equal(rest.controls, starts[[apart]])) == rests


def test_rate_zero_moves_nothing() -> None:
    loop = dataclasses.replace(disc_loop(rate=0.0), timeline=dataclasses.replace(disc_loop().timeline, epochs=3))
    run = averaged_run(DISC, loop, STARTS)
    assert np.array_equal(run.controls, STARTS) and not run.threshold.any()
    assert np.ptp(run.loss, axis=1) == pytest.approx(0, abs=1e-9)


def test_a_decay_alone_is_exponential() -> None:
    line = dataclasses.replace(disc_loop().timeline, epochs=3)
    run = averaged_run(DISC, dataclasses.replace(disc_loop(rate=0.0, decay=0.02), timeline=line), STARTS)
    np.testing.assert_allclose(run.controls, STARTS * math.exp(-line.stop / 0.02), rtol=1e-9)


def test_a_start_does_not_see_the_others() -> None:
    loop = dataclasses.replace(disc_loop(), timeline=dataclasses.replace(disc_loop().timeline, epochs=3))
    together = averaged_run(DISC, loop, STARTS)
    assert together.path.shape == (6, 3, 6) and together.loss.shape == (6, 3)
    assert np.array_equal(together.path[:, -1], np.column_stack([together.controls, together.threshold]))
    np.testing.assert_allclose(averaged_run(DISC, loop, STARTS[4:5]).path[0], together.path[4], atol=1e-7)
    assert averaged_run(DISC, loop, np.zeros((0, 5))).path.shape == (0, 3, 6)


@pytest.mark.parametrize("starts", [np.zeros(5), np.zeros((2, 4)), np.zeros((1, 2, 5))])
def test_starts_of_another_shape(starts: np.ndarray) -> None:
    with pytest.raises(RequestError, match=r"loop\.channel-count"):
        averaged_run(DISC, disc_loop(), starts)


# ---- a transient -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_transient_of_ideal_blocks_follows(tmp_path: Path, osdi_engine: Engine) -> None:
    """Six epochs of the example: a way of 0.2 V and more is foretold within 50 mV (measured: 10 to 37 mV).

    Of these, the history's controls are averages over the last window, not its end; the rest is dither curvature.
    """
    experiment = Experiment.from_file(AND, ["circuit.technology=ideal", "loop.epochs=6"])
    loop, network = experiment.design.loop, experiment.design.network
    predicted = averaged_run(network, loop, [loop.start]).path[0]
    history = experiment.run(tmp_path / "run").result["history"]
    found = np.column_stack([*history["controls"].values(), history["threshold"]])
    begun = np.array([*loop.start, 0.0])
    assert np.linalg.norm(found[-1] - begun) > 0.2
    assert np.linalg.norm(found - predicted, axis=1).max() < 0.05
    still = np.linalg.norm(found[2:] - begun, axis=1)
    assert (np.linalg.norm(found - predicted, axis=1)[2:] < 0.2 * still).all()
