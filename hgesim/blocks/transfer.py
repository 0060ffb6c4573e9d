"""The contract of the blocks as formulas: what every technology has to come near, and what the loop reckons with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_real, check_whole
from hgesim.errors import RequestError, nearest

__all__ = [
    "CONTRACT",
    "REFERENCE_EDGE",
    "REFERENCE_SHAPES",
    "Contract",
    "coupler_output",
    "coupler_response",
    "hinge_loss",
    "hinge_open",
    "hinge_slope",
    "integrator_slope",
    "integrator_time_constant",
    "loss_slope",
    "loss_value",
    "lowpass_response",
    "mixer_harmonic",
    "mixer_mean",
    "mixer_output",
    "mixer_series",
    "readout_output",
    "reference_wave",
]


@dataclass(frozen=True)
class Contract:
    """Nominal constants of the blocks, fitted to the gf180 circuits (measured with ngspice 46, 27 C, typical corner).

    Parameters
    ----------
    readout_rf : float
        Transimpedance, Ohm.
    readout_linear, readout_limit : float
        Output up to which the readout is straight, and the limit of the ideal one, V.
    loss_gain, loss_knee : float
        k and e0 (V) of k e tanh(e/e0).
    coupler_c, coupler_r : float
        Coupling capacitor, F, and resistor, Ohm, of each side.
    coupler_gain, coupler_limit : float
        Small-signal gain and differential output limit, V.
    mixer_gain, mixer_range, mixer_knee : float
        Gain, signal range (V) and switching voltage (V) of gain x0 tanh(x/x0) tanh(lo/lo0).
    mixer_reference : float
        Amplitude of the reference at ``lo``, V.
    lowpass_r, lowpass_c : float
        Resistor of each leg, Ohm, and the capacitor between the legs, F.
    integrator_r, integrator_c : float
        Resistor, Ohm, and capacitor, F, of each side.
    integrator_limit : float
        Output limit of the ideal integrator, V.
    drive_limit : float
        Length of the vector of all mixers' mean outputs at which the limiting amplifier holds it, V: fitted to runs
        of six carriers.
    """

    readout_rf: float = 2e6
    readout_linear: float = 1.2
    readout_limit: float = 1.4
    loss_gain: float = 0.94
    loss_knee: float = 0.126
    coupler_c: float = 100e-12
    coupler_r: float = 1e6
    coupler_gain: float = 26.0
    coupler_limit: float = 1.9
    mixer_gain: float = 2.75
    mixer_range: float = 0.3
    mixer_knee: float = 0.126
    mixer_reference: float = 0.3
    lowpass_r: float = 200e3
    lowpass_c: float = 100e-12
    integrator_r: float = 4e6
    integrator_c: float = 4e-9
    integrator_limit: float = 1.4
    drive_limit: float = 0.42


CONTRACT = Contract()

REFERENCE_SHAPES = ("sine", "square")
# Length of a square reference's edges, in periods, not in seconds: so all channels have the same gain and harmonics.
REFERENCE_EDGE = 1.0 / 50.0

_TURNS = (np.arange(64) + 0.5) / 64  # one period; 64 points are exact to 1e-9 for the tanh of these sines
_FINE_TURNS = (np.arange(12800) + 0.5) / 12800  # 256 points on an edge
_ROUNDNESS = 16
_HARMONICS, _STRONGEST = 15, 5.0


def readout_output(current: ArrayLike, rf: float = CONTRACT.readout_rf) -> NDArray[np.float64]:
    """Return the readout's output voltage, V, for a current (A) into its input: -rf i, limited smoothly at 1.4 V."""
    u = -rf * np.asarray(current, float) / CONTRACT.readout_limit
    return CONTRACT.readout_limit * u / (1 + np.abs(u) ** _ROUNDNESS) ** (1 / _ROUNDNESS)


def loss_value(error: ArrayLike) -> NDArray[np.float64]:
    """Return the loss circuit's differential output, V, for an error voltage (V): k e tanh(e/e0)."""
    e = np.asarray(error, float)
    return CONTRACT.loss_gain * e * np.tanh(e / CONTRACT.loss_knee)


def loss_slope(error: ArrayLike) -> NDArray[np.float64]:
    """Return the derivative of `loss_value` (V/V): what a small ripple on the error is multiplied with."""
    u = np.asarray(error, float) / CONTRACT.loss_knee
    t = np.tanh(u)
    return CONTRACT.loss_gain * (t + u * (1 - t * t))


def hinge_loss(error: ArrayLike, label: ArrayLike) -> NDArray[np.float64]:
    """Return the loss behind the hinge, V, for an error (V) and a label, whose sign counts: 0 unless the signs agree.

    The read-out inverts: an output current above its target makes the error negative, which is the right side for
    label +1. Below the knee this is the squared hinge of a support vector machine, above it the plain hinge.
    """
    return np.where(hinge_open(error, label), loss_value(error), 0.0)


def hinge_slope(error: ArrayLike, label: ArrayLike) -> NDArray[np.float64]:
    """Return the derivative of `hinge_loss` by the error (V/V); it is continuous."""
    return np.where(hinge_open(error, label), loss_slope(error), 0.0)


def hinge_open(error: ArrayLike, label: ArrayLike) -> NDArray[np.bool_]:
    """Tell whether the hinge lets the loss through: where error (V) and label have the same sign."""
    return np.asarray(np.asarray(error, float) * np.sign(np.asarray(label, float)) > 0)


def coupler_response(frequency: ArrayLike) -> NDArray[np.complex128]:
    """Return the response of the RC coupling (no unit) at a frequency (Hz) from a source of low resistance."""
    s = 2j * np.pi * np.asarray(frequency, float) * CONTRACT.coupler_r * CONTRACT.coupler_c
    return np.asarray(s / (1 + s), complex)


def coupler_output(coupled: ArrayLike) -> NDArray[np.float64]:
    """Return the limiter's differential output, V, for the coupled differential voltage (V)."""
    u = np.asarray(coupled, float)
    return CONTRACT.coupler_limit * np.tanh(CONTRACT.coupler_gain * u / CONTRACT.coupler_limit)


def mixer_output(x: ArrayLike, lo: ArrayLike) -> NDArray[np.float64]:
    """Return the mixer's momentary differential output, V, for signal and reference voltages (V)."""
    signal = np.tanh(np.asarray(x, float) / CONTRACT.mixer_range)
    switch = np.tanh(np.asarray(lo, float) / CONTRACT.mixer_knee)
    return np.asarray(CONTRACT.mixer_gain * CONTRACT.mixer_range * signal * switch, float)


def reference_wave(
    turns: ArrayLike, amplitude: float = CONTRACT.mixer_reference, shape: str = "sine"
) -> NDArray[np.float64]:
    """Return a reference, V, at times in periods.

    Parameters
    ----------
    turns : array
        Time over the period.
    amplitude : float
        In volt.
    shape : str
        ``"sine"``, or ``"square"``: a trapezoid in phase with it, whose edges, `REFERENCE_EDGE` of a period long, have
        their middle where the sine has its zeros.

    Raises
    ------
    RequestError
        ``blocks.unknown-shape``.
    """
    if shape not in REFERENCE_SHAPES:
        raise RequestError(
            "blocks.unknown-shape", f"{shape!r}", place="shape", remedy=nearest(str(shape), REFERENCE_SHAPES)
        )
    sine = np.sin(2 * np.pi * np.asarray(turns, float))
    if shape == "sine":
        return np.asarray(amplitude * sine, float)
    return np.asarray(amplitude * np.clip(np.arcsin(sine) / (np.pi * REFERENCE_EDGE), -1.0, 1.0), float)


def mixer_mean(
    amplitude: ArrayLike, reference: float = CONTRACT.mixer_reference, shape: str = "sine"
) -> NDArray[np.float64]:
    """Return the mean output, V, for a sine at x (amplitude in V) in phase with `reference_wave` at ``lo``."""
    turns = _TURNS if shape == "sine" else _FINE_TURNS
    x = np.asarray(amplitude, float)[..., None] * np.sin(2 * np.pi * turns)
    return np.asarray(mixer_output(x, reference_wave(turns, reference, shape)).mean(axis=-1), float)


def mixer_series(count: int, reference: float = CONTRACT.mixer_reference, shape: str = "sine") -> NDArray[np.float64]:
    """Return the Fourier series of the switching function, (count,): ``tanh(lo/lo0) = sum_n b_n sin(n theta)``.

    Parameters
    ----------
    count : int
        How many, from the fundamental on; even ones are 0.
    reference : float
        Amplitude at ``lo``, V; 5 at most.
    shape : str
        Of `reference_wave`.

    Raises
    ------
    RequestError
        ``blocks.bad-value``, ``blocks.unknown-shape``.
    """
    check_whole(count, 1, "blocks.bad-value", "count")
    if not 0 < check_real(reference, "blocks.bad-value", "reference") <= _STRONGEST:
        remedy = f"volts above 0, up to {_STRONGEST:g}"
        raise RequestError("blocks.bad-value", f"{reference!r}", place="reference", remedy=remedy)
    switch = np.tanh(reference_wave(_FINE_TURNS, reference, shape) / CONTRACT.mixer_knee)
    found = 2.0 * np.sin(2 * np.pi * np.outer(np.arange(1, count + 1, 2), _FINE_TURNS)) @ switch / len(_FINE_TURNS)
    series = np.zeros(count)
    series[::2] = found
    return series


def mixer_harmonic(number: int, reference: float = CONTRACT.mixer_reference, shape: str = "sine") -> float:
    """Return what a small signal at a harmonic of the reference counts for in the mean output, 1 at its fundamental.

    The mean of the product of the switching function (`mixer_series`) with a sine in phase at n theta is b_n/2: the
    answer is ``b_n/b_1``, 0 for even n. A hard switch (a square wave) has 1/n, a linear multiplier nothing.

    Parameters
    ----------
    number : int
        n, 1 to 15.
    reference, shape
        As for `mixer_series`.

    Raises
    ------
    RequestError
        ``blocks.bad-value``, ``blocks.unknown-shape``.
    """
    if number not in range(1, _HARMONICS + 1):
        raise RequestError(
            "blocks.bad-value", f"{number!r}", place="number", remedy=f"a whole number from 1 to {_HARMONICS}"
        )
    series = mixer_series(number, reference, shape)
    return float(series[-1] / series[0])


def lowpass_response(
    frequency: ArrayLike, r: float = CONTRACT.lowpass_r, c: float = CONTRACT.lowpass_c
) -> NDArray[np.complex128]:
    """Return the low-pass response (no unit) at a frequency (Hz) between low and high resistances: 1/(1 + s 2 r c)."""
    return np.asarray(1 / (1 + 4j * np.pi * np.asarray(frequency, float) * r * c), complex)


def integrator_time_constant(r: float = CONTRACT.integrator_r, c: float = CONTRACT.integrator_c) -> float:
    """Return r c in s."""
    return r * c


def integrator_slope(
    drive: ArrayLike, r: float = CONTRACT.integrator_r, c: float = CONTRACT.integrator_c
) -> NDArray[np.float64]:
    """Return d v(out)/dt, V/s, for a differential input voltage (V): -v/(r c)."""
    return np.asarray(-np.asarray(drive, float) / integrator_time_constant(r, c), float)
