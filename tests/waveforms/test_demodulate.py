"""Demodulation of sampled signals: draws against the formulas, filters of the library, the exact network."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lsim

from hgesim.errors import RequestError
from hgesim.loop import Boxcar, LowPass, best_correction, correction_phase, distortion, noise_variance, phase_error
from hgesim.network import dopant_disc
from hgesim.waveforms import demodulate, derivative

FloatArray = NDArray[np.float64]
RATE, TIME = 8000.0, 0.1
FILTERS: list[Boxcar | LowPass] = [Boxcar(TIME), LowPass(5.0, 1, TIME), LowPass(8.0, 2, TIME)]


def times(length: float = TIME, rate: float = RATE) -> FloatArray:
    return np.arange(round(length * rate) + 1) / rate


def tones(t: FloatArray, carriers: FloatArray, sizes: FloatArray, phases: FloatArray) -> FloatArray:
    """Sums of sines, (..., T), of sizes and phases (..., C)."""
    return np.sum(sizes[..., None] * np.sin(2 * np.pi * carriers[:, None] * t + phases[..., None]), axis=-2)


def test_both_parts_of_lagging_tones_in_a_batch() -> None:
    random = np.random.default_rng(1)
    t, carriers = times() + 0.37, np.array([1000.0, 1010.0, 1250.0])
    sizes, phases, lags = random.uniform(0.1, 2.0, (3, 4, 5, 3))
    x, y = demodulate(t, 7.0 + tones(t, carriers, sizes, phases - lags), carriers, TIME, phases)
    assert x.shape == y.shape == (4, 5, 3)
    assert x == pytest.approx(sizes * np.cos(lags), abs=1e-10)
    assert y == pytest.approx(-sizes * np.sin(lags), abs=1e-10)
    wrong, _ = demodulate(t, tones(t, carriers, sizes, phases), carriers, TIME)  # phases left out
    assert np.abs(wrong - sizes).max() > 0.1


def test_the_reading_is_of_the_end_of_the_record_at_any_steps() -> None:
    """Unequal steps, and a window that begins between two of them."""
    random = np.random.default_rng(2)
    t = np.sort(np.concatenate([[0.0, 0.3], random.uniform(0.0, 0.3, 60_000)]))
    late = np.where(t < 0.2 - 1e-3, 50.0, 1.0) * np.sin(2 * np.pi * 1000.0 * t - 0.3)
    x, y = demodulate(t, late, [1000.0], 0.1)
    assert (x[0], y[0]) == pytest.approx((math.cos(0.3), -math.sin(0.3)), abs=2e-3)
    assert demodulate(t, late, [1000.0], 0.15)[0][0] > 10.0
    ramp = np.array([0.0, 1.0, 2.5, 3.0, 4.0])  # to first order exact: against a fine grid of the same straight line
    fine = np.linspace(1.7, 4.0, 100_001)
    weight = np.full(len(fine), 1.0)
    weight[[0, -1]] = 0.5
    mean = np.sum(weight * fine) / weight.sum()
    coarse, _ = demodulate(ramp, ramp, [1e-3], Boxcar(2.3), np.pi / 2, remove_mean=False)
    assert coarse[0] == pytest.approx(2 * mean, rel=1e-3)


@pytest.mark.parametrize("chosen", FILTERS[1:], ids=str)
def test_low_passes_are_those_of_the_library(chosen: LowPass) -> None:
    """The mixer's product through a filter from rest, divided by its step response at the reading."""
    t = times(rate=64_000.0)
    signal = 0.8 * np.sin(2 * np.pi * 1000.0 * t - 0.4) + 0.5 * np.sin(2 * np.pi * 1007.0 * t)
    pole = 2 * np.pi * chosen.corner
    system = ([pole**chosen.poles], np.poly([-pole] * chosen.poles))
    step = lsim(system, np.ones_like(t), t)[1][-1]
    assert step == pytest.approx(chosen.settled, rel=1e-6)
    expected = [lsim(system, 2 * signal * wave(2 * np.pi * 1000.0 * t), t)[1][-1] / step for wave in (np.sin, np.cos)]
    found = [float(part[0]) for part in demodulate(t, signal, [1000.0], chosen, remove_mean=False)]
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("chosen", FILTERS, ids=str)
def test_leakage_of_neighbours_at_random_phase(chosen: Boxcar | LowPass) -> None:
    """Within five standard errors of 1,500 draws; with the neighbours off nothing is left."""
    t, carriers, sizes = times(), np.array([1000.0, 1007.0, 1023.0]), np.array([1.0, 2.05, 4.0])
    phases = np.random.default_rng(3).uniform(0, 2 * np.pi, (1500, 3))
    expected = chosen.leakage(carriers[1:] - carriers[0], sizes[1:]).sum()

    def errors(strengths: FloatArray) -> FloatArray:
        x, _ = demodulate(t, tones(t, carriers, strengths, phases), carriers, chosen, phases)
        return np.asarray((x[:, 0] - 1.0) ** 2)

    found = errors(sizes)
    assert found.mean() == pytest.approx(expected, abs=5 * found.std() / len(found) ** 0.5 + 0.02 * expected)
    assert expected > 0.02 > 1e-4 > errors(np.array([1.0, 0.0, 0.0])).mean()


@pytest.mark.parametrize("chosen", FILTERS, ids=str)
def test_white_noise(chosen: Boxcar | LowPass) -> None:
    """Variance of the in-phase part, and the error of magnitude times sign at any strength; without noise none."""
    density, amplitude, count = 1e-23, 5e-3, 2500
    t = times()
    noise = np.random.default_rng(4).normal(0.0, math.sqrt(density * RATE / 2), (count, len(t)))
    variance = float(noise_variance(density, chosen, amplitude))

    def error(kind: str, signal: float, loud: float) -> float:
        wave = signal * amplitude * np.sin(2 * np.pi * 1000.0 * t)
        parts = demodulate(t, wave + loud * noise, [1000.0], chosen)
        return float(np.mean((derivative(*parts, amplitude, kind)[:, 0] - signal) ** 2))

    spread = 5 * math.sqrt(2 / count)
    for snr in (0.0, 1.0, 8.0):
        signal = snr * math.sqrt(variance)
        assert error("in-phase", signal, 1.0) == pytest.approx(variance, rel=spread)
        both = float(noise_variance(density, chosen, amplitude, estimate="magnitude", signal=signal))
        assert error("magnitude", signal, 1.0) == pytest.approx(both, rel=spread)
        assert error("magnitude", signal, 0.0) < 1e-4 * variance * max(snr, 1.0) ** 2
    assert error("magnitude", 0.0, 1.0) > 1.8 * error("in-phase", 0.0, 1.0)


def test_a_constant_leaks_where_the_time_holds_no_whole_periods() -> None:
    t, f = times(), np.array([1005.0])
    signal = 100.0 + np.sin(2 * np.pi * f * t)
    assert demodulate(t, signal, f, TIME)[0][0] == pytest.approx(1.0, abs=2e-3)
    assert abs(demodulate(t, signal, f, TIME, remove_mean=False)[0][0] - 1.0) > 0.1


def test_a_lag_and_its_correction() -> None:
    """Tones through poles: cos(phi), the sign beyond 90 degrees, and a reference that lags along."""
    carriers, corner = np.array([1000.0, 1100.0, 1210.0]), 800.0
    t = times(0.2, 200_000.0)
    pole = 2 * np.pi * corner
    for poles in (1, 2):
        system = ([pole**poles], np.poly([-pole] * poles))
        _, output, _ = lsim(system, tones(t, carriers, np.ones(3), np.zeros(3)), t)
        lags = poles * np.arctan(carriers / corner)
        sizes = np.cos(lags / poles) ** poles  # of the tones themselves, which a pole weakens
        x, y = demodulate(t, output, carriers, TIME)
        assert x == pytest.approx(sizes * phase_error(lags), abs=2e-3)
        flipped = lags > np.pi / 2
        assert flipped.all() == (poles == 2)
        magnitude = derivative(x, y, np.ones(3), "magnitude")
        assert magnitude == pytest.approx(np.where(flipped, -1.0, 1.0) * sizes, abs=2e-3)
        assert derivative(x, y, np.ones(3)) == pytest.approx(x)
        for kind in ("delay", "all-pass"):
            delay, share = best_correction(carriers, lags, kind)
            mended, _ = demodulate(t, output, carriers, TIME, -correction_phase(carriers, delay, kind))
            assert mended == pytest.approx(sizes * share, abs=2e-3)
            assert (mended > 0.98 * sizes).all() and (x < 0.7 * sizes).all()


def test_all_derivatives_of_the_exact_network_at_once() -> None:
    """Seven dithers on whole beats give the adjoint gradient; off the beat the neighbours spoil it."""
    network, amplitude = dopant_disc(3), 0.2e-3
    volts = np.random.default_rng(5).uniform(-0.3, 0.3, network.n_electrodes)
    volts[network.output] = 0.0
    inputs = [k for k in range(network.n_electrodes) if k != network.output]
    exact, t = network.gradient(volts)[inputs], times()

    def measured(spacing: float) -> FloatArray:
        carriers = 1000.0 + spacing * np.arange(len(inputs))
        there = np.repeat(volts[None], len(t), axis=0)
        there[:, inputs] += amplitude * np.sin(2 * np.pi * t[:, None] * carriers)
        return derivative(*demodulate(t, network.output_current(there), carriers, TIME), np.full(7, amplitude))

    size = np.abs(exact).max()
    assert np.abs(measured(10.0) - exact).max() < 2e-3 * size
    assert np.abs(measured(40.0) - exact).max() < 2e-3 * size
    assert np.abs(measured(6.0) - exact).max() > 0.1 * size


def test_distortion_of_the_exact_network() -> None:
    """The dither's own third derivative, and another dither's; it goes with the square of the amplitude."""
    network, pair = dopant_disc(3, temperature=300.0), [1, 3]
    volts, t, carriers = np.full(network.n_electrodes, 0.1), times(), np.array([1000.0, 1130.0])
    volts[[0, 3]] = 0.0, -0.2
    h = 0.5e-3
    shifts = h * np.eye(network.n_electrodes)[pair]
    second = network.gradient(volts + shifts) - 2 * network.gradient(volts) + network.gradient(volts - shifts)
    own, other = (second[:, 1] / h**2).tolist()  # of the derivative by electrode 1, by either voltage

    def bias(amplitudes: list[float]) -> float:
        there = np.repeat(volts[None], len(t), axis=0)
        there[:, pair] += np.array(amplitudes) * np.sin(2 * np.pi * t[:, None] * carriers)
        x, _ = demodulate(t, network.output_current(there), carriers, TIME)
        return float(x[0] / amplitudes[0] - network.gradient(volts)[1])

    a = 2e-3
    assert bias([a, 0.0]) == pytest.approx(float(distortion(a, own)), rel=0.05)
    assert bias([a, a]) == pytest.approx(float(distortion(a, own + 2 * other)), rel=0.05)
    assert abs(bias([a, a]) / bias([a, 0.0]) - 1) > 0.1  # the other dither counts
    assert bias([a / 4, a / 4]) == pytest.approx(bias([a, a]) / 16, rel=0.1)


T, F = times(), [1000.0]
WAVE = np.sin(2 * np.pi * 1000.0 * T)


@pytest.mark.parametrize(
    ("call", "code", "place"),
    [
        (lambda: demodulate(T[::-1], WAVE, F, TIME), "lockin.bad-value", "time"),
        (lambda: demodulate(T, np.full_like(T, np.nan), F, TIME), "lockin.bad-value", "signal"),
        (lambda: demodulate(T, "sine", F, TIME), "lockin.bad-value", "signal"),
        (lambda: demodulate(T, WAVE[1:], F, TIME), "lockin.shape", "signal"),
        (lambda: demodulate([0.0], [0.0], F, TIME), "lockin.shape", "signal"),
        (lambda: demodulate(T, WAVE, [-1e3], TIME), "lockin.bad-value", "carriers"),
        (lambda: demodulate(T, WAVE, 1e3, TIME), "lockin.shape", "carriers"),
        (lambda: demodulate(T, WAVE, [], TIME), "lockin.shape", "carriers"),
        (lambda: demodulate(T, WAVE, [4000.0], TIME), "lockin.step-too-coarse", "time"),
        (lambda: demodulate(T, WAVE, F, 0.2), "lockin.short-record", "time"),
        (lambda: demodulate(T, WAVE, F, LowPass(5.0)), "lockin.short-record", "time"),
        (lambda: demodulate(T, WAVE, F, "boxcar"), "lockin.bad-value", "filter"),  # type: ignore[arg-type]
        (lambda: demodulate(T, WAVE, F, TIME, [0.0, 1.0]), "lockin.shape", "phases"),
        (lambda: demodulate(T, WAVE, F, TIME, [[0.0], [1.0]]), "lockin.shape", "phases"),
        (lambda: demodulate(T, WAVE, F, TIME, math.inf), "lockin.bad-value", "phases"),
        (lambda: derivative([1.0], [1.0, 2.0], 1.0), "lockin.shape", "in_phase, quadrature, amplitudes"),
        (lambda: derivative([1.0], [1.0], [1.0, 2.0]), "lockin.shape", "in_phase, quadrature, amplitudes"),
        (lambda: derivative([1.0], [1.0], 0.0), "lockin.bad-value", "amplitudes"),
        (lambda: derivative([1.0], [1.0], 1.0, "phase"), "lockin.bad-value", "kind"),
        (lambda: derivative([math.nan], [1.0], 1.0), "lockin.bad-value", "in_phase"),
    ],
)
def test_nonsense_is_refused(call: Callable[[], object], code: str, place: str) -> None:
    with pytest.raises(RequestError) as caught:
        call()
    assert (caught.value.code, caught.value.place) == (code, place)
    assert "\n" not in str(caught.value)
