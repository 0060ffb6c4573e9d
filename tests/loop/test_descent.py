"""The physics of the loop, simulated with ideal blocks: every control starts downhill, and as fast as reckoned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_designs import simulate, small_loop, small_star

from hgesim.blocks import CONTRACT
from hgesim.blocks.transfer import coupler_response, integrator_slope, loss_slope, mixer_mean
from hgesim.design import Design, block_set
from hgesim.engine import Engine, RawData
from hgesim.learning import case_voltages
from hgesim.loop import HomodyneLoop, reference_lags
from hgesim.network import Network, dopant_disc
from hgesim.waveforms import window_means

FloatArray = NDArray[np.float64]
BEATS = 4
SLOW = 200.0  # the operating point hardly moves during the run


def expected_errors(network: Network, loop: HomodyneLoop, threshold: float) -> FloatArray:
    """Error of each case from the twin: the read-out inverts the sum of three currents."""
    current = network.output_current(case_voltages(network, loop.task, loop.start))
    target = loop.task.target * np.array([1.0 if bit else -1.0 for bit in loop.task.targets])
    settings = loop.settings
    return -settings.transimpedance * (current + threshold / settings.threshold_resistance - target)


def expected_slopes(network: Network, loop: HomodyneLoop, threshold: float) -> FloatArray:
    """Averaged equation: (cases, channels), dV/dt of every learnt voltage in V/s.

    dV_j/dt = -(1/RC) mixer mean of [coupler gain x loss slope x (-transimpedance) x dI/dV_j x dither_j].
    """
    settings = loop.settings
    gradient = network.gradient(case_voltages(network, loop.task, loop.start))[:, list(network.controls)]
    gradient = np.column_stack([gradient, np.full(len(gradient), 1 / settings.threshold_resistance)])
    dither = np.array([channel.dither for channel in loop.channels(network)])
    ripple = -settings.transimpedance * gradient * dither  # of the error, in phase with the dither
    response = coupler_response(np.array(loop.plan.carriers))
    drive = CONTRACT.coupler_gain * loss_slope(expected_errors(network, loop, threshold))[:, None] * ripple
    lag = reference_lags(settings, loop.plan.carriers)
    size = mixer_mean(np.abs(drive * response), settings.reference, settings.reference_shape)
    mean = np.sign(drive) * size * np.cos(np.angle(response) + lag)
    return integrator_slope(mean, r=settings.slowness * loop.timeline.window / CONTRACT.integrator_c)


def found_slopes(raw: RawData, network: Network, loop: HomodyneLoop) -> FloatArray:
    """Drift between the second and the last beat of each case's window: whole beats average the dither out."""
    beat, starts = loop.plan.beat, [loop.timeline.span(0, case)[0] for case in range(4)]
    windows = np.array([[[s + n * beat, s + (n + 1) * beat] for n in (1, BEATS - 1)] for s in starts])
    nets = [f"v({channel.net})" for channel in loop.channels(network)]
    means = window_means(raw["time"], np.column_stack([raw[net] for net in nets]), windows)
    return (means[:, 1] - means[:, 0]) / ((BEATS - 2) * beat)


def check_descent(network: Network, loop: HomodyneLoop, threshold: float, folder: Path, engine: Engine) -> FloatArray:
    design = Design(network, loop, block_set("ideal"))
    raw = simulate(design.circuit, folder, engine)
    windows = [loop.timeline.span(0, case) for case in range(4)]
    errors = expected_errors(network, loop, threshold)
    scale = np.abs(errors).max()
    assert window_means(raw["time"], raw["v(err)"], windows) == pytest.approx(errors, abs=0.02 * scale)
    expected, found = expected_slopes(network, loop, threshold), found_slopes(raw, network, loop)
    strong = np.abs(expected) > 0.05 * np.abs(expected).max(axis=0)
    assert strong.sum() > 0.7 * strong.size
    assert (np.sign(found) == np.sign(expected))[strong].all()
    assert found[strong] == pytest.approx(expected[strong], rel=0.03)
    return expected


@pytest.mark.parametrize("gate", ["AND", "NOR"])
def test_an_ohmic_network_descends_as_reckoned(gate: str, tmp_path: Path, ngspice: Engine) -> None:
    network = small_star()
    loop = small_loop(
        network,
        gate,
        start=(0.25, -0.15),
        threshold_start=-0.05,
        beats=BEATS,
        dither=2e-3,
        threshold_dither=1e-3,
        slowness=SLOW,
    )
    expected = check_descent(network, loop, -0.05, tmp_path, ngspice)
    assert (expected > 0).any(axis=0).all() and (expected < 0).any(axis=0).all()  # both directions are tested


def test_the_drift_is_the_loss_gradient(tmp_path: Path) -> None:
    """The averaged equation itself points down the loss that the circuit has: by finite differences of the twin."""
    from hgesim.blocks.transfer import loss_value

    network = small_star()
    loop = small_loop(network, start=(0.25, -0.15), dither=2e-3)
    slopes = expected_slopes(network, loop, 0.05)
    for case in range(4):
        for channel in range(3):
            losses = []
            for step in (1e-4, -1e-4):
                start, threshold = np.array(loop.start), 0.05
                if channel < 2:
                    start[channel] += step
                else:
                    threshold += step
                moved = small_loop(network, start=start.tolist(), dither=2e-3)
                losses.append(float(loss_value(expected_errors(network, moved, threshold)[case])))
            assert np.sign(slopes[case, channel]) == -np.sign(losses[0] - losses[1])


def test_a_hopping_network_descends_as_reckoned(tmp_path: Path, osdi_engine: Engine) -> None:
    """With gated levels, and derivatives of both signs."""
    network = dopant_disc(50, dopants=8, electrodes=6, inputs=(2, 4), current=20e-9)
    loop = small_loop(
        network, "OR", start=(0.3, -0.2, 0.1), beats=BEATS, dither=1e-3, threshold_dither=1e-3, slowness=SLOW
    )
    gradient = network.gradient(case_voltages(network, loop.task, loop.start))[:, list(network.controls)]
    assert (gradient > 0).any() and (gradient < 0).any()
    check_descent(network, loop, 0.0, tmp_path, osdi_engine)


def test_rate_zero_moves_nothing(tmp_path: Path, ngspice: Engine) -> None:
    network = small_star()
    loop = small_loop(network, start=(0.25, -0.15), beats=BEATS, dither=2e-3, rate=0.0)
    raw = simulate(Design(network, loop, block_set("ideal")).circuit, tmp_path, ngspice)
    still = np.abs(found_slopes(raw, network, loop)).max()
    assert still < 1e-3 * np.abs(expected_slopes(network, small_loop(network, start=(0.25, -0.15)), 0.0)).max()
    windows = [loop.timeline.span(0, case) for case in range(4)]
    assert window_means(raw["time"], raw["v(el_e3)"], windows) == pytest.approx(0.25, abs=1e-3)
    assert window_means(raw["time"], raw["v(el_e4)"], windows) == pytest.approx(-0.15, abs=1e-3)
