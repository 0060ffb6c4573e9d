"""Errors of a lock-in read-out: each formula against numerical integrals, and against itself with the effect off."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import simpson
from scipy.optimize import minimize_scalar
from scipy.signal import butter, freqs

from hgesim.errors import RequestError
from hgesim.loop import (
    Boxcar,
    LowPass,
    best_amplitude,
    best_correction,
    correction_phase,
    crosstalk,
    distortion,
    magnitude_penalty,
    noise_variance,
    phase_error,
)

Filter = Boxcar | LowPass
FILTERS: list[Filter] = [Boxcar(0.1), LowPass(5.0), LowPass(5.0, 1, 0.1), LowPass(8.0, 2), LowPass(8.0, 2, 0.05)]
PSD = 1e-5 * 1e-18  # A^2/Hz


def names(chosen: Filter) -> str:
    return str(chosen).replace("(", " ").replace(")", "")


def ages(chosen: Filter) -> NDArray[np.float64]:
    return np.linspace(0.0, chosen.time if math.isfinite(chosen.time) else 1.0, 40_001)


def harmonic(signal: NDArray[np.float64]) -> float:
    """In-phase amplitude at the first harmonic of one period, equally sampled."""
    x = 2 * np.pi * np.arange(len(signal)) / len(signal)
    return float(2 * np.mean(signal * np.sin(x)))


@pytest.mark.parametrize("chosen", FILTERS, ids=names)
def test_response_and_bandwidth_are_integrals_of_the_weight(chosen: Filter) -> None:
    u = ages(chosen)
    weight = chosen.weight(u)
    assert simpson(weight, x=u) == pytest.approx(1.0, rel=1e-6)
    for f in (0.0, 3.0, 10.0, -17.0, 60.0):
        angle = 2 * np.pi * f * u
        parts = simpson(weight * np.cos(angle), x=u), -simpson(weight * np.sin(angle), x=u)
        assert complex(chosen.response(f)) == pytest.approx(complex(*parts), abs=1e-6)
    assert chosen.noise_bandwidth == pytest.approx(simpson(weight**2, x=u) / 2)
    assert chosen.weight([-1e-6, 1e9]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("chosen", FILTERS, ids=names)
def test_bandwidth_is_what_passes(chosen: Filter) -> None:
    """Parseval, in the frequencies."""
    f = np.arange(0.0, 4000.0, 0.02)
    passed = simpson(np.abs(chosen.response(f)) ** 2, x=f)
    assert passed == pytest.approx(chosen.noise_bandwidth, rel=1e-3)


def test_a_settled_low_pass_is_the_filter_of_the_books() -> None:
    f = np.array([0.5, 5.0, 30.0])
    one = freqs(*butter(1, 5.0, analog=True), worN=f)[1]
    assert LowPass(5.0).response(f) == pytest.approx(one, rel=1e-12)
    assert LowPass(5.0, 2).response(f) == pytest.approx(one**2, rel=1e-12)
    assert LowPass(5.0, 2, 2.0).response(f) == pytest.approx(one**2, rel=1e-6)
    assert np.abs(LowPass(5.0, 2, 0.1).response(f) - one**2).max() > 0.01  # and not before it has settled
    assert (LowPass(5.0).noise_bandwidth, LowPass(5.0, 2).noise_bandwidth) == pytest.approx(
        (math.pi / 2 * 5.0, math.pi / 4 * 5.0)
    )
    slow = LowPass(0.02, 1, 0.1)  # a pole far too slow averages as the boxcar does
    assert slow.response(f) == pytest.approx(Boxcar(0.1).response(f), abs=0.01)


@pytest.mark.parametrize("chosen", FILTERS, ids=names)
def test_faster_is_the_same_filter_in_less_time(chosen: Filter) -> None:
    faster = chosen.faster(7.0)
    assert faster.time == pytest.approx(chosen.time / 7)
    assert faster.response(70.0) == pytest.approx(complex(chosen.response(10.0)), rel=1e-9)
    assert faster.noise_bandwidth == pytest.approx(7 * chosen.noise_bandwidth)


@pytest.mark.parametrize("chosen", FILTERS, ids=names)
def test_leakage_is_the_mean_square_over_the_phase(chosen: Filter) -> None:
    """Against the mixer's product itself, sum frequency and all, at 24 phases."""
    f, spacing, ratio = 2000.0, 7.0, 2.05
    u = ages(chosen)
    weight = chosen.weight(u) * (u[1] - u[0])
    weight[[0, -1]] /= 2
    phases = 2 * np.pi * np.arange(24) / 24

    def errors(neighbour: float) -> float:
        waves = [neighbour * np.sin(2 * np.pi * (f + spacing) * u + phase) for phase in phases]
        return float(np.mean([(2 * np.sum(weight * wave * np.sin(2 * np.pi * f * u))) ** 2 for wave in waves]))

    assert float(chosen.leakage(spacing, ratio)) == pytest.approx(errors(ratio), rel=0.02)
    assert errors(0.0) == 0.0 == float(chosen.leakage(spacing, 0.0))
    assert float(chosen.leakage(-spacing)) == float(chosen.leakage(spacing)) == chosen.leakage([1.0, spacing])[1]


def test_leakage_in_figures() -> None:
    """Six neighbours, three on a side, 2.05 times stronger: sums of sinc and of Lorentz curves."""
    away = np.array([-3, -2, -1, 1, 2, 3])
    for spacing, expected in ((2.0, 7.2), (5.0, 1.9), (12.0, 0.20), (25.0, 0.076), (55.0, 0.016)):
        assert Boxcar(0.1).leakage(spacing * away, 2.05).sum() == pytest.approx(expected, rel=0.04)
    for spacing, expected in ((10.0, 1.2), (20.0, 0.34), (40.0, 0.088), (100.0, 0.014)):
        assert LowPass(5.0).leakage(spacing * away, 2.05).sum() == pytest.approx(expected, rel=0.04)
    assert Boxcar(0.1).leakage([10.0, 40.0]).max() < 1e-30  # 10 Hz and 40 Hz look alike to a boxcar of 0.1 s ...
    one, two = LowPass(5.0, 1, 0.1).leakage([10.0, 40.0])
    assert one > 10 * two > 1e-3  # ... and not to a low-pass


def test_crosstalk_is_the_leakage_of_all_others() -> None:
    carriers, derivatives = np.array([1000.0, 1013.0, 1050.0]), np.array([[1.0, -3.0, 2.0], [0.0, 0.0, 2.0]])
    amplitudes, chosen = np.array([5e-3, 2e-3, 9e-3]), LowPass(5.0, 2, 0.1)
    found = crosstalk(chosen, carriers, derivatives, amplitudes)
    for row, g in enumerate(derivatives):
        for i in range(3):
            others = [j for j in range(3) if j != i]
            ratio = g[others] * amplitudes[others] / amplitudes[i]
            expected = chosen.leakage(carriers[others] - carriers[i], ratio).sum()
            assert found[row, i] == pytest.approx(expected, rel=1e-12)
    assert found[1, 2] == 0.0  # a channel does not disturb itself
    assert crosstalk(Boxcar(0.1), [1000.0, 1010.0, 1050.0], derivatives, amplitudes).max() < 1e-30


def test_noise_of_a_boxcar() -> None:
    """S/(T A^2): with 1e-5 nA^2/Hz, 0.1 s and 5 mV an error of 2 nA/V."""
    assert math.sqrt(noise_variance(PSD, 0.1, 5e-3)) == pytest.approx(2e-9)
    assert noise_variance(PSD, Boxcar(0.1), [5e-3, 1e-2]) == pytest.approx([4e-18, 1e-18])
    assert noise_variance(PSD, 0.1, 5e-3, sides=2) == pytest.approx(8e-18)
    assert noise_variance(PSD, Boxcar(0.1).faster(7), 5e-3) == pytest.approx(28e-18)
    assert noise_variance(PSD, 0.1, 5e-3, estimate="magnitude") == pytest.approx(8e-18)
    assert noise_variance(PSD, 0.1, 5e-3, estimate="magnitude", signal=-1e-6) == pytest.approx(4e-18, rel=1e-5)
    assert noise_variance(0.0, 0.1, 5e-3) == noise_variance(0.0, 0.1, 5e-3, estimate="magnitude", signal=1e-9) == 0.0


def test_magnitude_penalty() -> None:
    """Against draws; 2 without signal, 1 far up, and the expansion joins the series."""
    x, y = np.random.default_rng(3).normal(size=(2, 400_000))
    for snr in (0.0, 0.3, 1.0, 2.0, 5.0):
        error = (np.copysign(np.hypot(x + snr, y), x + snr) - snr) ** 2
        assert magnitude_penalty(snr) == pytest.approx(error.mean(), abs=5 * error.std() / len(x) ** 0.5)
    assert magnitude_penalty([0.0, -1.0, 1e9]) == pytest.approx([2.0, float(magnitude_penalty(1.0)), 1.0])
    assert magnitude_penalty(19.9999) == pytest.approx(float(magnitude_penalty(20.0)), abs=1e-5)
    assert abs(float(magnitude_penalty(1.0)) - 1.0) > 0.1  # the quadrature's noise is what makes the difference
    assert np.mean(x**2) == pytest.approx(1.0, abs=0.01)


def test_distortion_is_the_third_derivative_at_the_carrier() -> None:
    """Of a cubic, own term and that of another dither; without a third derivative nothing."""
    x = 2 * np.pi * np.arange(64) / 64
    a, slope, bend, third = 0.03, 2.0, 5.0, 40.0

    def bias(cubic: float) -> float:
        v = a * np.sin(x)
        return harmonic(slope * v + bend * v**2 / 2 + cubic * v**3 / 6) / a - slope

    assert bias(third) == pytest.approx(float(distortion(a, third)), rel=1e-9)
    assert abs(bias(0.0)) < 1e-12
    v, other = a * np.sin(x), a * np.sin(5 * x + 0.7)
    mixed = harmonic(slope * v + third * v * other**2 / 2) / a - slope  # I_ijj = third, I_iii = 0
    assert mixed == pytest.approx(float(distortion(a, 0.0 + 2 * third)), rel=1e-9)


@pytest.mark.parametrize("chosen", FILTERS, ids=names)
def test_best_amplitude_is_the_minimum(chosen: Filter) -> None:
    third = 3e-4

    def error(log_amplitude: float) -> float:
        a = math.exp(log_amplitude)
        return float(noise_variance(PSD, chosen, a) + distortion(a, third) ** 2)

    found = best_amplitude(PSD, chosen, third)
    assert found == pytest.approx(math.exp(minimize_scalar(error, bounds=(-9, 0), method="bounded").x), rel=1e-4)
    assert error(math.log(found / 2)) / error(math.log(found)) == pytest.approx(2.6875)
    assert error(math.log(found * 2)) / error(math.log(found)) == pytest.approx(5.5)
    assert best_amplitude(PSD, 0.1, third) == pytest.approx((32 * PSD / (0.1 * third**2)) ** (1 / 6))
    assert best_amplitude(PSD, 0.1, -third, sides=2) == pytest.approx(2 ** (1 / 6) * best_amplitude(PSD, 0.1, third))


def test_a_lag_costs_its_cosine() -> None:
    x = 2 * np.pi * np.arange(64) / 64
    lags = np.radians([0.0, 30.0, 89.0, 91.0, 180.0])
    assert phase_error(lags) == pytest.approx([harmonic(np.sin(x - lag)) for lag in lags], abs=1e-12)
    assert phase_error(0.0) == 1.0
    assert phase_error(np.radians(89.9)) > 0 > phase_error(np.radians(90.1))


def test_corrections_lag_as_their_filters_do() -> None:
    f, time = np.array([10.0, 300.0, 5000.0]), 2e-4
    s = 2j * np.pi * f
    assert correction_phase(f, time, "all-pass") == pytest.approx(-np.angle((1 - s * time) / (1 + s * time)))
    assert np.exp(-1j * correction_phase(f, time)) == pytest.approx(np.exp(-s * time))
    assert correction_phase(f, 0.0, "all-pass").tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("kind", ["delay", "all-pass"])
def test_one_correction_for_all_channels(kind: str) -> None:
    carriers = np.array([1000.0, 1200.0, 1500.0, 2100.0])
    pure = correction_phase(carriers, 2e-4, kind)  # a lag of the same kind is undone whole
    assert pure.max() > np.pi / 2
    time, share = best_correction(carriers, pure, kind)
    assert time == pytest.approx(2e-4, rel=1e-9) and share == pytest.approx(np.ones(4))
    assert phase_error(pure).min() < 0  # which without it would learn uphill

    lags = np.arctan(carriers / 700.0)  # that of a pole is not, but for the better part
    time, share = best_correction(carriers, lags, kind)
    grid = np.linspace(0.2 * time, 3 * time, 4001)
    worst = [np.abs(lags - correction_phase(carriers, t, kind)).max() for t in grid]
    assert np.cos(min(worst)) <= share.min() == pytest.approx(np.cos(min(worst)), abs=1e-4)
    assert share.min() > 0.9 > 0.35 > phase_error(lags).min()
    assert share == pytest.approx(phase_error(lags - correction_phase(carriers, time, kind)))
    assert best_correction([1000.0], [0.0], kind) == (0.0, pytest.approx([1.0]))


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (lambda: Boxcar(0.0), "time"),
        (lambda: Boxcar(math.inf), "time"),
        (lambda: Boxcar("0.1 s"), "time"),  # type: ignore[arg-type]
        (lambda: Boxcar(0.1).faster(0.0), "factor"),
        (lambda: Boxcar(0.1).response(math.nan), "frequency"),
        (lambda: Boxcar(0.1).weight([math.inf]), "age"),
        (lambda: Boxcar(0.1).leakage("near"), "spacing"),
        (lambda: LowPass(-5.0), "corner"),
        (lambda: LowPass(5.0, 3), "poles"),
        (lambda: LowPass(5.0, True), "poles"),
        (lambda: LowPass(5.0, 1, math.nan), "time"),
        (lambda: LowPass(5.0, 1, 1e-6), "time"),
        (lambda: LowPass(5.0).faster(-1.0), "factor"),
        (lambda: LowPass(5.0).leakage(10.0, math.inf), "ratio"),
        (lambda: crosstalk(Boxcar(0.1), [10.0, 10.0], [1.0, 1.0], [1.0, 1.0]), "carriers"),
        (lambda: crosstalk(Boxcar(0.1), [10.0, 20.0], [1.0, 1.0, 1.0], [1.0, 1.0]), "derivatives"),
        (lambda: crosstalk(Boxcar(0.1), [10.0, 20.0], [1.0, 1.0], 1.0), "amplitudes"),
        (lambda: crosstalk(Boxcar(0.1), [10.0, 20.0], np.ones((3, 2)), np.ones((4, 2))), "derivatives, amplitudes"),
        (lambda: Boxcar(0.1).leakage([1.0, 2.0], [1.0, 2.0, 3.0]), "spacing, ratio"),
        (lambda: LowPass(5.0, np.array([1, 2])), "poles"),  # type: ignore[arg-type]
        (lambda: LowPass(5.0, 1, np.ones(2)), "time"),  # type: ignore[arg-type]
        (lambda: noise_variance(np.ones(2), 0.1, 5e-3), "psd"),  # type: ignore[arg-type]
        (lambda: noise_variance(PSD, -0.1, 5e-3), "filter"),
        (lambda: noise_variance(PSD, 0.1, [1.0, 2.0], estimate="magnitude", signal=[1.0] * 3), "amplitude, signal"),
        (lambda: distortion([1.0, 2.0], [1.0, 2.0, 3.0]), "amplitude, third_derivative"),
        (lambda: best_amplitude(PSD, 0.1, [1.0, 2.0]), "third_derivative"),  # type: ignore[arg-type]
        (lambda: noise_variance(-1.0, 0.1, 5e-3), "psd"),
        (lambda: noise_variance(PSD, "boxcar", 5e-3), "filter"),  # type: ignore[arg-type]
        (lambda: noise_variance(PSD, True, 5e-3), "filter"),
        (lambda: noise_variance(PSD, 0.1, 0.0), "amplitude"),
        (lambda: noise_variance(PSD, 0.1, 5e-3, sides=3), "sides"),
        (lambda: noise_variance(PSD, 0.1, 5e-3, estimate="phase"), "estimate"),
        (lambda: noise_variance(PSD, 0.1, 5e-3, estimate="magnitude", signal=math.nan), "signal"),
        (lambda: magnitude_penalty([math.nan]), "snr"),
        (lambda: distortion(0.0, 1.0), "amplitude"),
        (lambda: distortion(1.0, math.nan), "third_derivative"),
        (lambda: best_amplitude(0.0, 0.1, 1.0), "psd"),
        (lambda: best_amplitude(PSD, 0.1, 0.0), "third_derivative"),
        (lambda: phase_error(math.inf), "lag"),
        (lambda: correction_phase(1e3, -1.0), "time"),
        (lambda: correction_phase(1e3, 1.0, "wire"), "kind"),
        (lambda: best_correction([1e3], [-0.1]), "lags"),
        (lambda: best_correction([1e3], [4.0], "all-pass"), "lags"),
        (lambda: best_correction([1e3, 2e3], [0.1]), "lags"),
        (lambda: best_correction([1e3, -2e3], [0.1, 0.1]), "carriers"),
    ],
)
def test_nonsense_is_refused(call: Callable[[], object], place: str) -> None:
    with pytest.raises(RequestError) as caught:
        call()
    assert caught.value.code.startswith("lockin.") and caught.value.place == place
    assert "\n" not in str(caught.value)
