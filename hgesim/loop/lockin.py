"""What a lock-in read-out gets wrong, in formulas: leakage of neighbours, noise, too large a dither, a lag.

The model. Control j carries ``A_j sin(2 pi f_j t)``; to first order the output is ``sum_j g_j A_j sin(2 pi f_j t)``
plus noise. The read-out multiplies by ``2 sin(2 pi f_i t)``, averages with a filter whose weights add up to 1, and
divides by A_i: the in-phase estimate of g_i. Errors are mean squares of that estimate, in (A/V)^2, and add up: their
causes are independent. Products at the sum ``f_i + f_j`` are left out: carriers are high against the filter's
bandwidth. So is the mean of the output, which has to be removed (`hgesim.waveforms.demodulate` does).

Method: homodyne gradient extraction, Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7. The
formulas are derived where they stand and held against simulation in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from hgesim.errors import RequestError
from hgesim.loop.filters import (
    Filter,
    FloatArray,
    all_positive,
    filter_of,
    finite,
    fitting,
    not_negative,
    one_of,
    one_or_two,
)

__all__ = [
    "CORRECTIONS",
    "ESTIMATES",
    "best_amplitude",
    "best_correction",
    "correction_phase",
    "crosstalk",
    "distortion",
    "magnitude_penalty",
    "noise_variance",
    "phase_error",
]

ESTIMATES = ("in-phase", "magnitude")
CORRECTIONS = ("delay", "all-pass")


def crosstalk(filter: Filter, carriers: ArrayLike, derivatives: ArrayLike, amplitudes: ArrayLike) -> FloatArray:
    """Return the mean squared error of each channel from all others at random phases, (..., C) in (A/V)^2.

    ``sum_(j != i) (g_j A_j / A_i)^2 |W(f_j - f_i)|^2 / 2``: `LowPass.leakage` summed, in absolute terms.

    Parameters
    ----------
    filter : Boxcar or LowPass
        The read-out.
    carriers : array, (C,)
        In hertz, distinct.
    derivatives : array, (..., C)
        Of the output by each control, in A/V.
    amplitudes : array, (C,) or (..., C)
        Of the dither, in volt, positive.

    Raises
    ------
    RequestError
        ``lockin.bad-value``, or ``lockin.shape`` where the numbers of channels differ.
    """
    f, g, a = _channels(carriers), finite(derivatives, "derivatives"), all_positive(amplitudes, "amplitudes")
    _same_channels(f, derivatives=g, amplitudes=a)
    fitting(derivatives=g, amplitudes=a)
    passed = 0.5 * np.abs(filter_of(filter).response(f[:, None] - f)) ** 2
    np.fill_diagonal(passed, 0.0)
    return np.asarray((g * a) ** 2 @ passed / a**2)


def noise_variance(
    psd: float,
    filter: Filter | float,
    amplitude: ArrayLike,
    *,
    sides: int = 1,
    estimate: str = "in-phase",
    signal: ArrayLike = 0.0,
) -> FloatArray:
    """Return the variance that white noise gives an estimate, in (A/V)^2: ``S/(T A^2)`` for a boxcar.

    The reading is ``(2/A) integral w(u) n sin``. Noise of one-sided density S has the correlation ``S/2 delta``, so
    that the variance is ``(4/A^2) (S/2) integral w^2 sin^2 = (S/A^2) integral w^2 = 2 S B/A^2``, B the noise bandwidth,
    as long as w is slow against the carrier. The quadrature part has the same variance and is independent.

    Parameters
    ----------
    psd : float
        Density S, in A^2/Hz.
    filter : Boxcar, LowPass or float
        The read-out; a number is the time of a boxcar, in second.
    amplitude : array
        Of the dither, in volt.
    sides : int
        1: S is one-sided, all power at positive frequencies. 2: two-sided, which is twice the noise.
    estimate : str
        ``"in-phase"``, or ``"magnitude"``: magnitude times the sign of the in-phase part, whose error also holds the
        quadrature's noise (`magnitude_penalty`); then it is the mean squared error, bias included.
    signal : array
        For ``"magnitude"``, the derivative to be measured, in A/V; 0 is the limit of a weak one.

    Raises
    ------
    RequestError
        ``lockin.bad-value``.
    """
    density, a = not_negative(psd, "psd"), all_positive(amplitude, "amplitude")
    variance = one_or_two(sides, "sides") * 2.0 * density * filter_of(filter).noise_bandwidth / a**2
    if one_of(estimate, ESTIMATES, "estimate") == "in-phase":
        return np.asarray(variance)
    size = finite(signal, "signal")
    fitting(amplitude=a, signal=size)
    return np.asarray(variance * magnitude_penalty(size / np.sqrt(variance))) if density else 0.0 * size * variance


def magnitude_penalty(snr: ArrayLike) -> FloatArray:
    """Return the mean squared error of magnitude times sign over that of the in-phase part: 2 without signal, 1 far up.

    With X of mean r = `snr`, Y of mean 0, both of variance 1, and R their length: ``E (sign(X) R - r)^2 = 2 r^2 + 2 -
    2 r E[sign(X) R]``. In polar coordinates the angle gives the modified Struve function L_0, whose series integrates
    to ``E[sign(X) R] = r exp(-q) sum_k q^k Gamma(k+2)/Gamma(k+3/2)^2``, q = r^2/2. From r = 20 on it is
    ``1 - 1/(4 r^2)``, the expansion of R about X, right to 1e-5.

    Parameters
    ----------
    snr : array
        Derivative over the standard deviation of its in-phase estimate; the sign does not matter.
    """
    r = np.abs(finite(snr, "snr"))
    low = np.minimum(r, 20.0)[..., None]
    k = np.arange(400)  # the terms peak at q = 200 with a width of 14
    logs = np.array([math.lgamma(n + 2.0) - 2.0 * math.lgamma(n + 1.5) for n in k])
    q = 0.5 * low**2
    mean = low[..., 0] * np.sum(np.exp(logs - q + k * np.log(np.maximum(q, 1e-300))), axis=-1)
    exact = 2.0 * low[..., 0] ** 2 + 2.0 - 2.0 * low[..., 0] * mean
    return np.where(r < 20.0, exact, 1.0 - 0.25 / np.maximum(r, 20.0) ** 2)


def distortion(amplitude: ArrayLike, third_derivative: ArrayLike) -> FloatArray:
    """Return the bias of an estimate from the curvature of the derivative, ``I''' A^2/8``, in A/V.

    ``sin^3 = (3 sin - sin 3)/4``, so that ``I''' (A sin)^3/6`` adds ``I''' A^3/8`` to the amplitude at the carrier. Any
    other dither j adds ``I_ijj A_j^2/4`` (the mean of its square is A_j^2/2): with all amplitudes alike, put
    ``I_iii + 2 sum_j I_ijj`` in place of I'''. Products such as ``2 f_j - f_k`` that fall on the carrier come on top.

    Parameters
    ----------
    amplitude : array
        Of the dither, in volt.
    third_derivative : array
        Of the output by the control's voltage, in A/V^3.
    """
    third, a = finite(third_derivative, "third_derivative"), all_positive(amplitude, "amplitude")
    fitting(amplitude=a, third_derivative=third)
    return np.asarray(third * a**2 / 8.0)


def best_amplitude(psd: float, filter: Filter | float, third_derivative: float, *, sides: int = 1) -> float:
    """Return the dither at which noise and distortion together are least, in volt: ``(32 S/(T I'''^2))^(1/6)``.

    The mean squared error ``N/A^2 + (I''' A^2/8)^2``, N = S/T for a boxcar and ``2 S B`` in general, has its minimum
    where ``2 N/A^3 = I'''^2 A^3/16``. There noise has two thirds of it; half the amplitude costs 2.7 times the
    minimum, twice the amplitude 5.5 times.

    Parameters
    ----------
    psd, filter, sides
        As in `noise_variance`.
    third_derivative : float
        As in `distortion`; not zero.

    Raises
    ------
    RequestError
        ``lockin.bad-value``; also where nothing is to be traded: no noise, or no third derivative.
    """
    noise = float(noise_variance(psd, filter, 1.0, sides=sides))
    curve = finite(third_derivative, "third_derivative")
    if curve.ndim:
        raise RequestError("lockin.shape", f"shape {curve.shape}", place="third_derivative", remedy="one number")
    if noise == 0 or curve == 0:
        raise RequestError(
            "lockin.bad-value",
            "without noise the smallest dither is best, without distortion the largest",
            place="third_derivative" if curve == 0 else "psd",
            remedy="give both",
        )
    return float((32.0 * noise / curve**2) ** (1.0 / 6.0))


def phase_error(lag: ArrayLike) -> FloatArray:
    """Return by what a lag of the output multiplies the in-phase estimate: ``cos(lag)``, negative beyond 90 degrees.

    ``2 <sin(x - lag) sin x> = cos(lag)``. Magnitude times sign keeps its size and flips its sign there.

    Parameters
    ----------
    lag : array
        Of the output behind the dither, in radian.
    """
    return np.cos(finite(lag, "lag"))


def correction_phase(frequency: ArrayLike, time: float, kind: str = "delay") -> FloatArray:
    """Return the lag of a reference that is sent through a correction, in radian.

    Parameters
    ----------
    frequency : array
        Of the carriers, in hertz.
    time : float
        Delay, or time constant of the all-pass, in second.
    kind : str
        ``"delay"``: ``2 pi f time``. ``"all-pass"``, (1 - s time)/(1 + s time): ``2 arctan(2 pi f time)``, below pi.
    """
    angle = 2.0 * np.pi * finite(frequency, "frequency") * not_negative(time, "time")
    return np.asarray(angle if one_of(kind, CORRECTIONS, "kind") == "delay" else 2.0 * np.arctan(angle))


def best_correction(carriers: ArrayLike, lags: ArrayLike, kind: str = "delay") -> tuple[float, FloatArray]:
    """Find the one correction for all references whose worst channel is best.

    Parameters
    ----------
    carriers : array, (C,)
        In hertz, distinct.
    lags : array, (C,)
        Of the output behind each dither, in radian: 0 or more, and not wrapped; below pi for an all-pass.
    kind : str
        ``"delay"`` or ``"all-pass"``.

    Returns
    -------
    time : float
        Delay or time constant, in second.
    share : ndarray, (C,)
        What is left of each in-phase estimate: ``cos(lag - correction)``.

    Notes
    -----
    The largest ``|lag - correction|`` has one minimum only over the time, since every correction grows with it: it is
    between the times that are right for one channel each, and golden sections find it.

    Raises
    ------
    RequestError
        ``lockin.bad-value`` or ``lockin.shape``.
    """
    f, lag = _channels(carriers), finite(lags, "lags")
    _same_channels(f, lags=lag)
    kind = one_of(kind, CORRECTIONS, "kind")
    if lag.ndim != 1 or (lag < 0).any() or (kind == "all-pass" and (lag >= np.pi).any()):
        raise RequestError(
            "lockin.bad-value",
            f"{lag.tolist()}",
            place="lags",
            remedy="one a carrier, from 0, below pi for an all-pass",
        )
    right = (lag if kind == "delay" else np.tan(lag / 2.0)) / (2.0 * np.pi * f)

    def worst(time: float) -> float:
        return float(np.abs(lag - correction_phase(f, time, kind)).max())

    time = _golden(worst, float(right.min()), float(right.max()))
    return time, phase_error(lag - correction_phase(f, time, kind))


def _golden(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the least of a function with one minimum."""
    part = (math.sqrt(5.0) - 1.0) / 2.0
    for _ in range(80):
        one, two = high - part * (high - low), low + part * (high - low)
        low, high = (low, two) if function(one) <= function(two) else (one, high)
    return 0.5 * (low + high)


def _channels(carriers: ArrayLike) -> FloatArray:
    f = all_positive(carriers, "carriers")
    if f.ndim != 1 or len(np.unique(f)) < len(f):
        raise RequestError("lockin.bad-value", f"{f.tolist()} Hz", place="carriers", remedy="a list of distinct ones")
    return f


def _same_channels(carriers: FloatArray, **others: FloatArray) -> None:
    for name, values in others.items():
        if values.shape[-1:] != carriers.shape:
            raise RequestError(
                "lockin.shape", f"shape {values.shape} for {len(carriers)} carriers", place=name, remedy="one a carrier"
            )
