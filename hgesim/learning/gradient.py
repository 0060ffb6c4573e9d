"""Gradients that an open loop measured: from means behind the low-passes to derivatives, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_positive
from hgesim.blocks.transfer import CONTRACT, loss_slope, mixer_mean
from hgesim.errors import RequestError
from hgesim.loop.open_loop import OpenLoop
from hgesim.loop.phase import trim_gains
from hgesim.loop.wiring import ERROR, detector_nets
from hgesim.network import Network
from hgesim.waveforms import window_means

__all__ = [
    "RANGES",
    "Comparison",
    "Readings",
    "beside",
    "best_range",
    "branch_gains",
    "calibrated_gradient",
    "compare_gradients",
    "counted_points",
    "difference_voltages",
    "exact_gradient",
    "finite_difference",
    "gradient_angle",
    "gradient_error",
    "read_means",
    "uncalibrated_gradient",
]

FloatArray = NDArray[np.float64]

# Transimpedances to choose from, in ohm, like the sensitivity of a lock-in amplifier.
RANGES = tuple(m * 10.0**k for k in range(2, 7) for m in (1.0, 2.0, 5.0))
_LINEAR_DRIVE = 0.1  # volt at the mixers' input up to which their mean is proportional to it
_SMALL = 1e-3
_SHARE = 0.1  # of the median norm: below it a gradient has no direction to speak of
_STEP_IN_SCALES = 1 / 20  # third-order error (1/20)^2/6 = 0.04 % of the derivative at worst
_MOST_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class Readings:
    """What is read at each operating point.

    Parameters
    ----------
    error : ndarray, (P,)
        Mean output of the read-out, in volt.
    drives : ndarray, (P, C + 1)
        Mean of the pair behind each low-pass, the pilot's last, in volt.
    """

    error: FloatArray
    drives: FloatArray


def _numbers(values: ArrayLike, shape: tuple[int | None, ...], place: str) -> FloatArray:
    """Return an array of a shape (None: any length), or refuse what is none."""
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise RequestError("gradient.bad-shape", "not an array of numbers", place=place) from None
    if len(found.shape) != len(shape) or any(k not in (n, None) for n, k in zip(found.shape, shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise RequestError("gradient.bad-shape", f"shape {found.shape}", place=place, remedy=f"({wanted})")
    return found


def _pair(measured: ArrayLike, reference: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return two arrays of vectors that can be held against each other."""
    try:
        a, b = np.broadcast_arrays(np.asarray(measured, dtype=float), np.asarray(reference, dtype=float))
    except (TypeError, ValueError):
        raise RequestError("gradient.bad-shape", "vectors that cannot be compared", remedy="(..., C) both") from None
    if a.ndim == 0:
        raise RequestError("gradient.bad-shape", "a number is no gradient", remedy="(..., C) both")
    return a, b


def read_means(time: ArrayLike, signals: Mapping[str, ArrayLike], loop: OpenLoop, network: Network) -> Readings:
    """Average over each point's window.

    Parameters
    ----------
    time : array, (T,)
        In second.
    signals : mapping of str to array, (T,)
        By net: the error and the pairs of `hgesim.loop.wiring.detector_nets`, in volt.
    loop : OpenLoop
        Whose time line has the windows.
    network : Network
        Whose controls are the channels.
    """
    pairs = [detector_nets(channel.name) for channel in loop.channels(network)]
    columns = [np.asarray(signals[ERROR])]
    columns += [np.asarray(signals[plus]) - np.asarray(signals[minus]) for plus, minus in pairs]
    spans = [loop.timeline.span(0, point) for point in range(len(loop.points))]
    means = window_means(time, np.column_stack(columns), spans)
    return Readings(means[:, 0], means[:, 1:])


def _tones(loop: OpenLoop, controls: int) -> FloatArray:
    """Return the tones' amplitudes, (C + 1,), the pilot's as the voltage that makes its current at 1 S."""
    values = loop.settings
    return np.array([values.dither] * controls + [values.threshold_dither / values.threshold_resistance])


def branch_gains(standard: Readings, siemens: float, loop: OpenLoop) -> FloatArray:
    """Return volts behind each low-pass per ampere of its tone, (C + 1,), from one measurement of known resistors.

    Parameters
    ----------
    standard : Readings
        Of `hgesim.design.resistor_standard` in the place of the network: its first point.
    siemens : float
        Of each resistor.
    loop : OpenLoop
        How it was measured.
    """
    check_positive(siemens, "gradient.bad-value", "siemens", "S")
    tones = _tones(loop, standard.drives.shape[1] - 1)
    return standard.drives[0] / (tones * np.append(np.full(len(tones) - 1, siemens), 1.0))


def calibrated_gradient(readings: Readings, gains: ArrayLike, loop: OpenLoop) -> FloatArray:
    r"""Return the derivatives by the controls, (P, C): resistors give the branches' gains, and the loss has a pilot.

    With gains ``K_j`` (they hold the coupler's and the read-out's phase at each carrier and the mixers' gain), means
    ``m_j`` and tones ``a_j`` the output has ``dI/dV_j = m_j/(K_j a_j)``. Behind the loss circuit all gains go with its
    slope, another one at each operating point. There the threshold's tone is the measure, whose derivative 1/R_b is
    known: ``dI/dV_j = (1/R_b) (m_j/(K_j a_j)) / (m_b R_b/(K_b a_b))``, and the loss has ``d(e^2)/dV_j = -2 R e
    dI/dV_j`` with the mean error e that was read. The output does without: products of strong tones that fall on a
    weak pilot would scale its whole gradient.

    Parameters
    ----------
    readings : Readings
        Of the operating points.
    gains : array, (C + 1,)
        From `branch_gains`; of the loss only their ratios count.
    loop : OpenLoop
        How both were measured.

    Returns
    -------
    ndarray, (P, C)
        In A/V for the output, V^2/V for the loss.
    """
    currents = readings.drives / _numbers(gains, readings.drives.shape[1:], "gains")
    tones = _tones(loop, readings.drives.shape[1] - 1)
    scale = tones[-1] / currents[:, -1:] if loop.measured == "loss" else 1.0
    by_volt = currents[:, :-1] / tones[:-1] * scale
    return _of_measured(by_volt, readings.error, loop)


def uncalibrated_gradient(readings: Readings, loop: OpenLoop) -> FloatArray:
    """Return the derivatives by the controls, (P, C), from the blocks' nominal gains alone: no pilot, no resistors."""
    values = loop.settings
    small = float(mixer_mean(_SMALL, values.reference, values.reference_shape)) / _SMALL
    gain = CONTRACT.coupler_gain * small * trim_gains(values, loop.plan.carriers)[:-1]
    slopes = loss_slope(readings.error)[:, None] if loop.measured == "loss" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        by_volt = readings.drives[:, :-1] / (-values.transimpedance * gain * values.dither * slopes)
    return np.nan_to_num(_of_measured(by_volt, readings.error, loop), posinf=0.0, neginf=0.0)


def exact_gradient(loop: OpenLoop, current: ArrayLike, derivatives: ArrayLike) -> FloatArray:
    """Return the exact derivatives of what a loop measures, (P, C).

    Parameters
    ----------
    loop : OpenLoop
        Its points' targets and thresholds belong to the error ``e = -R (I + u/R_b - target)``.
    current : array, (P,)
        Of the output, in ampere.
    derivatives : array, (P, C)
        Of that current by the controls, in A/V.
    """
    rates = _numbers(derivatives, (len(loop.points), None), "derivatives")
    return _of_measured(rates, _errors(loop, _numbers(current, (len(loop.points),), "current")), loop)


def _errors(loop: OpenLoop, current: ArrayLike) -> FloatArray:
    return -loop.settings.transimpedance * (np.asarray(current, dtype=float) + beside(loop))


def beside(loop: OpenLoop) -> FloatArray:
    """Return the constant currents into the summing node beside the network's, (P,) in ampere."""
    points = loop.points
    return np.array(points.thresholds) / loop.settings.threshold_resistance - np.array(points.targets)


def _of_measured(by_volt: FloatArray, error: FloatArray, loop: OpenLoop) -> FloatArray:
    if loop.measured == "output":
        return by_volt
    return -2.0 * loop.settings.transimpedance * error[:, None] * by_volt


def best_range(loop: OpenLoop, current: ArrayLike, derivatives: ArrayLike) -> float:
    """Return the greatest transimpedance at which nothing leaves its straight range at any point.

    All tones together (the root of the sum of their squares) stay below 0.1 V at the mixers, and the error with its
    ripple below the read-out's limit. A laboratory turns the same knob by trial; here the twin knows what to expect.

    Parameters
    ----------
    loop : OpenLoop
        Its transimpedance is the greatest allowed.
    current : array, (P,)
        Expected output, in ampere.
    derivatives : array, (P, C)
        Expected, in A/V.

    Raises
    ------
    RequestError
        ``gradient.over-range`` when the least of `RANGES` is too much.
    """
    rates = _numbers(derivatives, (len(loop.points), None), "derivatives")
    tones = _tones(loop, rates.shape[1])
    length = np.sqrt(((rates * tones[:-1]) ** 2).sum(axis=1) + tones[-1] ** 2)
    swing = np.abs(rates) @ tones[:-1] + tones[-1]
    still = np.abs(_numbers(current, (len(loop.points),), "current") + beside(loop))
    for ohms in sorted({*RANGES, loop.settings.transimpedance}, reverse=True):
        if ohms > loop.settings.transimpedance:
            continue
        slope = np.abs(loss_slope(ohms * (still + swing))) if loop.measured == "loss" else 1.0
        drive = CONTRACT.coupler_gain * ohms * length * slope
        if drive.max() <= _LINEAR_DRIVE and (ohms * (still + swing)).max() <= CONTRACT.readout_linear:
            return float(ohms)
    raise RequestError(
        "gradient.over-range",
        f"tones of {length.max():.3g} A on {still.max():.3g} A are too much for every range",
        place="loop.dither",
        remedy="a smaller dither, or a network of less current",
    )


def difference_voltages(network: Network, volts: ArrayLike) -> tuple[FloatArray, float]:
    """Return where to look for central differences, (P (2C + 1), E), and their step in volt.

    Each point is followed by itself with every control one step higher, then lower. The step is a twentieth of the
    voltage over which a bond's current grows by e, at most 1 mV.
    """
    table = _numbers(volts, (None, network.n_electrodes), "volts")
    step = min(_STEP_IN_SCALES * network.voltage_scale, _MOST_STEP)
    moves = np.zeros((2 * len(network.controls) + 1, network.n_electrodes))
    for count, number in enumerate(network.controls):
        moves[2 * count + 1, number], moves[2 * count + 2, number] = step, -step
    return (table[:, None] + moves).reshape(-1, network.n_electrodes), step


def finite_difference(currents: ArrayLike, step: float, loop: OpenLoop) -> FloatArray:
    """Return central differences of what a loop measures, (P, C), from currents at `difference_voltages`."""
    flat = _numbers(currents, (None,), "currents")
    if not len(flat) or len(flat) % len(loop.points) or len(flat) // len(loop.points) % 2 == 0:
        raise RequestError(
            "gradient.bad-shape", f"{len(flat)} currents for {len(loop.points)} points", remedy="2 C + 1 for each"
        )
    check_positive(step, "gradient.bad-value", "step", "V")
    table = flat.reshape(len(loop.points), -1)
    values = table if loop.measured == "output" else _errors(loop, table.T).T ** 2
    return np.asarray((values[:, 1::2] - values[:, 2::2]) / (2.0 * step))


def gradient_angle(measured: ArrayLike, reference: ArrayLike) -> FloatArray:
    """Return the angle between vectors, (...,) in degree, exact for small ones too.

    ``2 atan2(|a/|a| - b/|b||, |a/|a| + b/|b||)`` (Kahan, How Futile are Mindless Assessments of Roundoff, 2006).

    Parameters
    ----------
    measured, reference : array, (..., C)
        Vectors; 90 degree where one is zero.
    """
    a, b = _pair(measured, reference)
    long = [np.linalg.norm(vector, axis=-1, keepdims=True) for vector in (a, b)]
    u, v = (vector / np.where(length > 0, length, 1.0) for vector, length in zip((a, b), long, strict=True))
    angle = 2.0 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1))
    return np.asarray(np.degrees(angle))


def gradient_error(measured: ArrayLike, reference: ArrayLike) -> FloatArray:
    """Return ``|measured - reference| / |reference|`` of vectors (..., C); not finite where the reference is zero."""
    a, b = _pair(measured, reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(a - b, axis=-1) / np.linalg.norm(b, axis=-1))


def counted_points(exact: ArrayLike) -> NDArray[np.bool_]:
    """Tell which points count, (P,): those whose gradient's norm is at least a tenth of the median one."""
    norms = np.linalg.norm(_numbers(exact, (None, None), "exact"), axis=-1)
    return np.asarray((norms > 0) & (norms >= _SHARE * np.median(norms)))


@dataclass(frozen=True)
class Comparison:
    """Measured against reference gradients, over the points that count.

    Parameters
    ----------
    points : int
        How many count.
    angle_deg, relative_error : float
        Medians over the points.
    worst_angle_deg, worst_relative_error : float
        Greatest.
    control_angle_deg, control_relative_error : tuple of float, (C,)
        Of one control over all points: the same figures for the vectors of its derivatives at the points, each over
        the norm of the reference gradient there, so that every point weighs alike.
    """

    points: int
    angle_deg: float
    relative_error: float
    worst_angle_deg: float
    worst_relative_error: float
    control_angle_deg: tuple[float, ...]
    control_relative_error: tuple[float, ...]


def compare_gradients(measured: ArrayLike, reference: ArrayLike, counted: ArrayLike) -> Comparison:
    """Compare gradients, (P, C), at the points that count, (P,) of bool.

    Raises
    ------
    RequestError
        ``gradient.nothing-counts`` when there are none; ``gradient.bad-shape``.
    """
    b = _numbers(reference, (None, None), "reference")
    a, keep = _numbers(measured, b.shape, "measured"), _numbers(counted, b.shape[:1], "counted") > 0
    if not keep.any():
        raise RequestError("gradient.nothing-counts", "every gradient is zero", remedy="other operating points")
    a, b = a[keep], b[keep]
    angles, errors = gradient_angle(a, b), gradient_error(a, b)
    norms = np.linalg.norm(b, axis=1, keepdims=True)
    columns = ((a / norms).T, (b / norms).T)
    return Comparison(
        int(keep.sum()),
        float(np.median(angles)),
        float(np.median(errors)),
        float(angles.max()),
        float(errors.max()),
        tuple(gradient_angle(*columns).tolist()),
        tuple(np.nan_to_num(gradient_error(*columns), posinf=0.0).tolist()),
    )
