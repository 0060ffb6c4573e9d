"""Converters at every crossing between the circuit and Python: ideal unless resolution, rate, range or jitter say not.

What Python reads goes through an analog-to-digital converter, what it drives through a digital-to-analog one. Both run
from one clock. A resolution of ``b`` bits over plus and minus ``r`` has steps of ``q = 2 r/2^b`` and an error that is
spread evenly within half a step, of variance ``q^2/12`` (Bennett, Bell System Technical Journal 27 (1948) 446). A
sample taken too late or early by a normal deviate of ``s`` second spoils a sine of frequency f down to a ratio of
signal to noise of ``-20 log10(2 pi f s)`` decibel. What is held from one sample to the next falls off as
``sinc(f/rate)`` and lags by half a period of the clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_finite, check_kind, check_positive, check_real, check_whole
from hgesim.errors import RequestError
from hgesim.seeds import generator

__all__ = ["Clock", "Converter", "Converters"]

FloatArray = NDArray[np.float64]

_MOST_BITS = 32


@dataclass(frozen=True)
class Converter:
    """Resolution and range of one direction.

    Parameters
    ----------
    bits : int or None
        Resolution; None for any number of digits.
    reach : float
        It converts from minus to plus so many volt, and clips what is beyond; infinite for no limit.

    Raises
    ------
    RequestError
        ``converters.bad-value``; also for bits of an infinite range.
    """

    bits: int | None = None
    reach: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no converter."""
        reach = check_real(self.reach, "converters.bad-value", "range")
        if not reach > 0:
            raise RequestError("converters.bad-value", f"{reach:g} V", place="range", remedy="above 0")
        if self.bits is None:
            return
        if check_whole(self.bits, 1, "converters.bad-value", "bits") > _MOST_BITS:
            raise RequestError("converters.bad-value", f"{self.bits}", place="bits", remedy=f"1 to {_MOST_BITS}")
        if not math.isfinite(reach):
            raise RequestError("converters.bad-value", "bits of no range", place="bits", remedy="give a range")

    @property
    def step(self) -> float:
        """Return the voltage between two codes; 0 without a resolution."""
        return 0.0 if self.bits is None else 2.0 * self.reach / 2**self.bits

    def __call__(self, volts: ArrayLike) -> FloatArray:
        """Return voltages as they come through: to the nearest code (0 V is one), the largest a step below `reach`."""
        v = np.asarray(volts, dtype=float)
        if self.bits is None:
            return np.clip(v, -self.reach, self.reach)
        half = 2 ** (self.bits - 1)
        return np.asarray(np.clip(np.round(v / self.step), -half, half - 1) * self.step)


@dataclass(frozen=True)
class Clock:
    """When is sampled.

    Parameters
    ----------
    rate : float or None
        In hertz; None: at every step of the simulator.
    jitter : float
        Standard deviation of the moment of a sample, in second.
    """

    rate: float | None = None
    jitter: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no clock."""
        if self.rate is not None:
            check_positive(self.rate, "converters.bad-value", "converters.rate", "Hz")
        jitter = check_real(self.jitter, "converters.bad-value", "converters.jitter")
        if not 0 <= jitter < math.inf:
            raise RequestError("converters.bad-value", f"{jitter:g} s", place="converters.jitter", remedy="0 or more")
        if jitter and self.rate is None:
            raise RequestError(
                "converters.bad-value",
                "without a clock there is nothing to jitter",
                place="converters.jitter",
                remedy="give converters.rate",
            )

    @property
    def period(self) -> float | None:
        """Return the time between samples, in second."""
        return None if self.rate is None else 1.0 / self.rate

    def ticks(self, begin: float, end: float) -> FloatArray:
        """Return the nominal moments of the samples of a record that is triggered at `begin`, until `end`, in second.

        Raises
        ------
        RequestError
            ``converters.no-clock`` without a rate.
        """
        if self.rate is None:
            raise RequestError("converters.no-clock", "no rate", place="converters.rate", remedy="give one")
        return begin + np.arange(math.floor((end - begin) * self.rate + 1e-6) + 1) / self.rate


@dataclass(frozen=True)
class Converters:
    """What stands at the crossings.

    Parameters
    ----------
    adc : Converter
        From the circuit to Python.
    dac : Converter
        From Python to the circuit.
    clock : Clock
        Of both.
    seed : int
        Of the jitter.

    Examples
    --------
    >>> Converters(Converter(3, 1.0)).adc([0.3, 2.0]).tolist()
    [0.25, 0.75]
    """

    adc: Converter = Converter()
    dac: Converter = Converter()
    clock: Clock = Clock()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse parts of other types."""
        for name, kind in (("adc", Converter), ("dac", Converter), ("clock", Clock)):
            check_kind(getattr(self, name), kind, "converters.bad-value", name)
        check_whole(self.seed, 0, "converters.bad-value", "converters.seed")

    @property
    def ideal(self) -> bool:
        """Tell whether everything comes through as it is, at every step of the simulator."""
        return self == Converters(seed=self.seed)

    def deviates(self, *place: str | int) -> np.random.Generator:
        """Return the random generator of the jitter at a place, for example ``"case", 17``."""
        return generator(self.seed, "converters", *place)

    def sample(
        self, time: ArrayLike, signal: ArrayLike, span: tuple[float, float], *place: str | int
    ) -> tuple[FloatArray, FloatArray]:
        """Read a stretch of a signal through the converter: what Python has of it.

        Parameters
        ----------
        time, signal : array, (T,)
            As simulated, in second and volt.
        span : tuple of float
            Begin and end, in second; within `time`.
        *place : str or int
            What the draw of the jitter is for.

        Returns
        -------
        time, signal : ndarray, (S,)
            At the nominal moments of a record triggered at the begin, between simulated points on a cubic spline;
            without a clock at the simulator's own moments, and at begin and end.

        Raises
        ------
        RequestError
            ``converters.too-slow`` for a clock with fewer than two samples in the span.
        """
        t, y = (
            check_finite(time, "converters.bad-value", "time"),
            check_finite(signal, "converters.bad-value", "signal"),
        )
        begin, end = span
        if self.clock.rate is None:
            inside = t[(t > begin) & (t < end)]
            at = np.concatenate([[begin], inside, [end]])
            return at, self.adc(np.interp(at, t, y))
        at = self.clock.ticks(begin, end)
        if len(at) < 2:
            raise RequestError(
                "converters.too-slow",
                f"{len(at)} samples in {end - begin:g} s",
                place="converters.rate",
                remedy=f"more than {2 / (end - begin):g} Hz",
            )
        when = at
        if self.clock.jitter:
            when = np.clip(at + self.clock.jitter * self.deviates(*place).standard_normal(len(at)), begin, end)
        return at, self.adc(_between(t, y, when))


def _between(time: FloatArray, signal: FloatArray, at: FloatArray) -> FloatArray:
    from scipy.interpolate import CubicSpline

    left, right = np.searchsorted(time, [at.min(), at.max()])  # jitter may change the order
    part = slice(max(left - 4, 0), right + 4)
    return np.asarray(CubicSpline(time[part], signal[part])(at))
