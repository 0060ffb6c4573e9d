"""The lock-in read-out on sampled signals: what a dither of known frequency and phase left in the output."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError
from hgesim.loop.filters import Filter, all_positive, filter_of, finite, one_of
from hgesim.loop.lockin import ESTIMATES

__all__ = ["demodulate", "derivative"]

FloatArray = NDArray[np.float64]


def demodulate(
    time: ArrayLike,
    signal: ArrayLike,
    carriers: ArrayLike,
    filter: Filter | float,
    phases: ArrayLike = 0.0,
    *,
    remove_mean: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Multiply signals by references, filter, and read once, at the end of the record.

    The integral over the filter's time is a sum over trapezoids, its first point put in on the straight line between
    its neighbours; the weights are scaled to add up to 1. Equal steps over whole beats make it exact for all products
    below the sampling rate.

    Parameters
    ----------
    time : array, (T,)
        Rising, in second; reaches back from its end at least by the filter's time. Fine against the carriers.
    signal : array, (..., T)
        Any number of signals.
    carriers : array, (C,)
        In hertz.
    filter : Boxcar, LowPass or float
        The filter, of finite time; a number is the time of a boxcar, in second.
    phases : array, (C,) or (..., C)
        Of the dithers ``sin(2 pi f t + phase)`` at time 0, in radian.
    remove_mean : bool
        Take the mean over the filter's time off first. A constant leaks where the time holds no whole periods.

    Returns
    -------
    in_phase, quadrature : ndarray, (..., C)
        In the signal's unit: an output ``a sin(2 pi f t + phase - lag)`` gives ``a cos(lag)`` and ``-a sin(lag)``.

    Raises
    ------
    RequestError
        ``lockin.bad-value`` or ``lockin.shape``; ``lockin.short-record``; ``lockin.step-too-coarse`` where a step is
        half a period of a carrier or more.
    """
    used = filter_of(filter)
    t, y = finite(time, "time"), finite(signal, "signal")
    f, phase = all_positive(carriers, "carriers"), finite(phases, "phases")
    _check(t, y, f, used)
    if phase.ndim and (phase.shape[-1:] != f.shape or phase.shape[:-1] not in ((), y.shape[:-1])):
        raise RequestError(
            "lockin.shape", f"{phase.shape} for signals {y.shape}, {len(f)} carriers", place="phases", remedy="(..., C)"
        )
    begin = t[-1] - used.time
    first = int(np.searchsorted(t, begin + 1e-9 * used.time, side="right")) - 1
    part = 0.0 if first < 0 else float(np.clip((begin - t[first]) / (t[first + 1] - t[first]), 0.0, 1.0))
    first = max(first, 0)
    t, y = t[first:].copy(), y[..., first:]
    if part > 0:
        y = np.concatenate([y[..., :1] + part * (y[..., 1:2] - y[..., :1]), y[..., 1:]], axis=-1)
    t[0] += part * (t[1] - t[0])
    steps = np.diff(t)
    span = np.append(steps, 0.0) + np.append(0.0, steps)
    if remove_mean:
        y = y - (y @ (span / span.sum()))[..., None]
    weight = span * used.weight(np.clip(t[-1] - t, 0.0, used.time))
    reference = np.exp(2j * np.pi * t[:, None] * f) * (2.0 * weight / weight.sum())[:, None]
    mixed = (y @ reference) * np.exp(1j * phase)
    return np.asarray(mixed.imag), np.asarray(mixed.real)


def derivative(in_phase: ArrayLike, quadrature: ArrayLike, amplitudes: ArrayLike, kind: str = "in-phase") -> FloatArray:
    """Turn what was demodulated into derivatives by the controls.

    Parameters
    ----------
    in_phase, quadrature : array, (..., C)
        As `demodulate` returns them, in ampere.
    amplitudes : array, (C,) or (..., C)
        Of the dithers, in volt.
    kind : str
        ``"in-phase"``, which a lag phi of the output multiplies by cos(phi). ``"magnitude"``: the length of both parts,
        negative where the phase is beyond 90 degrees, as laboratory lock-ins are often read; a lag leaves its size
        alone, but noise of the quadrature counts (`hgesim.loop.magnitude_penalty`).

    Returns
    -------
    ndarray, (..., C)
        In A/V.

    Raises
    ------
    RequestError
        ``lockin.bad-value`` or ``lockin.shape``.
    """
    x, y = finite(in_phase, "in_phase"), finite(quadrature, "quadrature")
    a = all_positive(amplitudes, "amplitudes")
    if x.shape != y.shape or (a.ndim and a.shape not in (x.shape, x.shape[-1:])):
        raise RequestError(
            "lockin.shape", f"{x.shape}, {y.shape} and {a.shape}", place="in_phase, quadrature, amplitudes"
        )
    if one_of(kind, ESTIMATES, "kind") == "in-phase":
        return np.asarray(x / a)
    return np.asarray(np.copysign(np.hypot(x, y), x) / a)


def _check(time: FloatArray, signal: FloatArray, carriers: FloatArray, filter: Filter) -> None:
    if carriers.ndim != 1 or not len(carriers):
        raise RequestError("lockin.shape", f"carriers of shape {carriers.shape}", place="carriers", remedy="a list")
    if time.ndim != 1 or len(time) < 2 or signal.shape[-1:] != time.shape:
        raise RequestError("lockin.shape", f"{time.shape} times for signals {signal.shape}", place="signal")
    if not (np.diff(time) > 0).all():
        raise RequestError("lockin.bad-value", "does not rise", place="time", remedy="sort it, each point once")
    record = float(time[-1] - time[0])
    if not record >= filter.time * (1.0 - 1e-9):
        raise RequestError(
            "lockin.short-record",
            f"{record:g} s of signal for a filter of {filter.time:g} s",
            place="time",
            remedy="a longer record, or a filter with a shorter time",
        )
    if np.diff(time).max() * carriers.max() >= 0.5:
        raise RequestError(
            "lockin.step-too-coarse",
            f"steps up to {np.diff(time).max():g} s for a carrier of {carriers.max():g} Hz",
            place="time",
            remedy="less than half a period",
        )
