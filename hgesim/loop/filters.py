"""Filters of a lock-in read-out, frozen at one reading: weights over the past, response, noise, leakage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_finite, check_positive, check_real, check_whole, is_real
from hgesim.errors import RequestError, nearest

__all__ = ["Boxcar", "Filter", "LowPass"]

FloatArray = NDArray[np.float64]
_LEAST_SETTLED = 1e-3  # of 2 pi corner time: below, the digits of the formulas run out


@dataclass(frozen=True)
class Boxcar:
    """The plain average over a time: exact nulls at whole multiples of 1/time.

    Parameters
    ----------
    time : float
        In second; whole beats of the carriers make all of them vanish.
    """

    time: float

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        positive(self.time, "time", "s")

    def weight(self, age: ArrayLike) -> FloatArray:
        """Return how much the signal counts that is so many seconds old at the reading, in 1/s: integral 1."""
        u = finite(age, "age")
        return np.where((u >= 0) & (u <= self.time), 1.0 / self.time, 0.0)

    def response(self, frequency: ArrayLike) -> NDArray[np.complex128]:
        """Return ``integral weight(u) exp(-2 pi j f u) du``: of modulus ``sin(pi f T)/(pi f T)``."""
        f = finite(frequency, "frequency")
        return np.asarray(np.sinc(f * self.time) * np.exp(-1j * np.pi * f * self.time))

    @property
    def noise_bandwidth(self) -> float:
        """One-sided, ``integral_0^inf |response|^2 df = integral weight^2 / 2`` (Parseval): 1/(2 time), in hertz."""
        return 0.5 / self.time

    def leakage(self, spacing: ArrayLike, ratio: ArrayLike = 1.0) -> FloatArray:
        """Return ``ratio^2 sinc^2(spacing time) / 2``; see `LowPass.leakage`."""
        return _leakage(self, spacing, ratio)

    def faster(self, factor: float) -> Boxcar:
        """Return the same filter in a time so many times shorter: what is left where channels share the time."""
        return Boxcar(self.time / positive(factor, "factor"))


@dataclass(frozen=True)
class LowPass:
    """One pole, or two equal ones, started at rest and read once.

    The step response at the reading is divided out, so that a reading before the filter has settled is not too small;
    it only leaks more and is noisier. With ``w = 2 pi corner`` the weight is ``w^p u^(p-1) exp(-w u)/N`` for ages u up
    to `time`, N the integral of the rest over them: ``1 - exp(-w time)`` for one pole.

    Parameters
    ----------
    corner : float
        Of each pole, in hertz: -3 dB for one, -6 dB for two.
    poles : int
        1 or 2.
    time : float
        From the start to the reading, in second; infinite for a filter that has settled.
    """

    corner: float
    poles: int = 1
    time: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no filter, or one that is read before it has begun to answer."""
        positive(self.corner, "corner", "Hz")
        one_or_two(self.poles, "poles")
        if check_real(self.time, "lockin.bad-value", "time") != math.inf:
            positive(self.time, "time", "s")
        if self._pole * self.time < _LEAST_SETTLED:
            raise RequestError(
                "lockin.unsettled",
                f"{self.time:g} s are next to nothing for a corner of {self.corner:g} Hz",
                place="time",
                remedy="a longer time, a higher corner, or Boxcar",
            )

    @property
    def _pole(self) -> float:
        return 2.0 * math.pi * self.corner

    @property
    def settled(self) -> float:
        """Step response at the reading, 0 to 1."""
        return float(_ramp(self.poles, self._pole * self.time).real)

    def weight(self, age: ArrayLike) -> FloatArray:
        """Return how much the signal counts that is so many seconds old at the reading, in 1/s: integral 1."""
        u = finite(age, "age")
        inside = np.clip(u, 0.0, None)
        value = self._pole**self.poles * inside ** (self.poles - 1) * np.exp(-self._pole * inside) / self.settled
        return np.where((u >= 0) & (u <= self.time), value, 0.0)

    def response(self, frequency: ArrayLike) -> NDArray[np.complex128]:
        """Return ``integral weight(u) exp(-2 pi j f u) du``: ``1/(1 + j f/corner)^poles`` once settled.

        Read after T, with s = w + 2 pi j f: one pole ``(w/s) (1 - exp(-s T))/(1 - exp(-w T))``; two poles
        ``(w/s)^2 (1 - (1 + s T) exp(-s T))/(1 - (1 + w T) exp(-w T))``.
        """
        s = self._pole + 2j * np.pi * finite(frequency, "frequency")
        done = _ramp(self.poles, s * self.time) if math.isfinite(self.time) else 1.0
        return np.asarray((self._pole / s) ** self.poles * done / self.settled)

    @property
    def noise_bandwidth(self) -> float:
        """One-sided, ``integral weight^2 / 2``, in hertz; settled: pi/2 of the corner for one pole, pi/4 for two.

        ``integral_0^T u^(2p-2) exp(-2 w u) du = (2p-2)!/(2w)^(2p-1) P(2 w T)``, P the step response of 2p - 1 poles.
        """
        orders = 2 * self.poles - 1
        done = float(_ramp(orders, 2.0 * self._pole * self.time).real)
        return self._pole / (8.0 if self.poles == 2 else 4.0) * done / self.settled**2

    def leakage(self, spacing: ArrayLike, ratio: ArrayLike = 1.0) -> FloatArray:
        """Return the mean squared error from a neighbour at random phase, over the square of the target's derivative.

        A neighbour of amplitude r (of the target's) at a spacing df leaves the mixer as ``r cos(2 pi df t + phi)`` and
        the filter as ``r |W(df)| cos(phi')``; the mean square over the phase is ``r^2 |W(df)|^2 / 2``.

        Parameters
        ----------
        spacing : array
            Of the two carriers, in hertz; the sign does not matter.
        ratio : array
            Amplitude at the output, neighbour over target.
        """
        return _leakage(self, spacing, ratio)

    def faster(self, factor: float) -> LowPass:
        """Return the same filter in a time so many times shorter, as far settled: the corner is as much higher."""
        factor = positive(factor, "factor")
        return replace(self, corner=self.corner * factor, time=self.time / factor)


Filter = Boxcar | LowPass


def _ramp(order: int, at: ArrayLike) -> NDArray[np.complex128]:
    """Return ``1 - exp(-x) sum_(k < order) x^k/k!``: the step response of equal poles at x time constants."""
    x = np.asarray(at, dtype=np.complex128)
    if np.isinf(x).any():
        return np.ones_like(x)
    rest = sum(x**k / math.factorial(k) for k in range(1, order))
    return np.asarray(-np.expm1(-x) - np.exp(-x) * rest)


def _leakage(chosen: Filter, spacing: ArrayLike, ratio: ArrayLike) -> FloatArray:
    df, r = finite(spacing, "spacing"), finite(ratio, "ratio")
    fitting(spacing=df, ratio=r)
    return np.asarray(0.5 * r**2 * np.abs(chosen.response(df)) ** 2)


def filter_of(chosen: object) -> Filter:
    """Return a filter, of a number the boxcar."""
    if isinstance(chosen, Boxcar | LowPass):
        return chosen
    if not is_real(chosen):
        remedy = "Boxcar, LowPass, or a time in second"
        raise RequestError("lockin.bad-value", f"{chosen!r}", place="filter", remedy=remedy)
    return Boxcar(positive(chosen, "filter", "s"))


def one_of(word: object, choices: tuple[str, ...], place: str) -> str:
    """Return the word, or refuse it."""
    if not isinstance(word, str) or word not in choices:
        raise RequestError("lockin.bad-value", f"{word!r}", place=place, remedy=nearest(str(word), choices))
    return word


def one_or_two(value: object, place: str) -> int:
    """Return 1 or 2, or refuse the value."""
    number = check_whole(value, 1, "lockin.bad-value", place)
    if number > 2:
        raise RequestError("lockin.bad-value", f"{value!r}", place=place, remedy="1 or 2")
    return number


def finite(values: ArrayLike, place: str) -> FloatArray:
    """Return finite numbers, or refuse them."""
    return check_finite(values, "lockin.bad-value", place)


def all_positive(values: ArrayLike, place: str) -> FloatArray:
    """Return positive numbers, or refuse them."""
    array = finite(values, place)
    if not (array > 0).all():
        raise RequestError("lockin.bad-value", f"{array.min():g}", place=place, remedy="positive values")
    return array


def fitting(**arrays: FloatArray) -> None:
    """Refuse arrays that cannot be broadcast together."""
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays.values())
        raise RequestError("lockin.shape", f"shapes {shapes}", place=", ".join(arrays), remedy="alike") from None


def positive(value: object, place: str, unit: str = "") -> float:
    """Return a positive number, or refuse the value."""
    return check_positive(value, "lockin.bad-value", place, unit)


def not_negative(value: object, place: str) -> float:
    """Return a positive number or 0, or refuse the value."""
    return 0.0 if check_real(value, "lockin.bad-value", place) == 0 else positive(value, place)
