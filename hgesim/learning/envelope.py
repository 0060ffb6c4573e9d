"""Envelope following: a slow state below fast oscillations, moved on over many periods in leaps.

The slow state moves a little in each period of the fast system, by a map that only a simulation of that period (a
burst) can tell. Between bursts a cheap model of the map is iterated instead, with a defect added that makes it agree
with them. Envelope following: Petzold, SIAM J. Numer. Anal. 18, 455 (1981); with the relaxation of fast parts left to
bursts: Gear and Kevrekidis, SIAM J. Sci. Comput. 24, 1091 (2003).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_positive, check_whole
from hgesim.errors import HgeError, RequestError

__all__ = ["Envelope", "Leap", "Leaps", "follow_envelope"]

FloatArray = NDArray[np.float64]
Advance = Callable[[FloatArray], FloatArray]
Measure = Callable[[FloatArray, int], tuple[FloatArray, FloatArray]]

# Over so many leaps a burst has to stand for so many periods, or leaping is not worth its corrections.
_JUDGED, _WORTH = 10, 1.5
# Places of bursts that are closer than this share of the tolerance say little on how the defect changes with the place.
_NEAR = 0.25
_DEVIATIONS = 2.0
_SAFETY, _SHRINK, _GROW = 0.9, 0.3, 2.0
_CODE = "envelope.bad-value"


@dataclass(frozen=True)
class Leaps:
    """How far to leap.

    Parameters
    ----------
    tolerance : float
        Largest difference between where a leap was foretold to end and where it ends in the light of the burst there,
        in the state's unit; a leap that is further off is taken back and a shorter one tried.
    first, longest : int
        Periods of the first leap, and of any.
    limit : float
        Of the size of every component of the state.
    """

    tolerance: float
    first: int = 4
    longest: int = 100
    limit: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no tolerance or no leap."""
        check_positive(self.tolerance, _CODE, "tolerance")
        if not self.limit > 0:
            raise RequestError(_CODE, f"{self.limit!r}", place="limit", remedy="a positive number")
        for name in ("first", "longest"):
            check_whole(getattr(self, name), 1, _CODE, name)


@dataclass(frozen=True)
class Leap:
    """A leap from period `begin` on: how many `periods`, by how much it was off, and whether it was `kept`."""

    begin: int
    periods: int
    error: float
    kept: bool


@dataclass(frozen=True)
class Envelope:
    """What leaps found.

    Parameters
    ----------
    path : ndarray, (P, K)
        The state at the begin of every period as far as it got, the last of all included unless it failed.
    error : float
        Estimated error where the last period begins: two standard deviations, if what each leap was off is one and
        independent of the others. Where neighbouring paths of the corrected model part it grows with them, also over
        periods that were not reached; it never shrinks.
    leaps : tuple of Leap
        In order, those taken back among them.
    failure : str
        Why it gave up before the last period, or nothing.
    """

    path: FloatArray
    error: float
    leaps: tuple[Leap, ...]
    failure: str = ""


@dataclass(frozen=True)
class _Corrected:
    """The model with a defect added: that of the last burst, what it changes by with the place, and a rest by time."""

    advance: Advance
    limit: float
    place: FloatArray
    period: int
    defect: FloatArray
    secant: FloatArray
    rest: FloatArray
    span: int = 1

    def run(self, states: FloatArray, first: int, count: int) -> FloatArray:
        """Return `states`, (S, K), at the begin of each of `count` periods from `first` on and at their end."""
        path = [states]
        for period in range(first, first + count):
            share = (period - self.period) / self.span
            defect = self.defect + (path[-1] - self.place) @ self.secant.T + share * self.rest
            path.append(np.clip(self.advance(path[-1]) + defect, -self.limit, self.limit))
        return np.array(path)

    def towards(self, place: FloatArray, period: int, defect: FloatArray, near: float) -> _Corrected:
        """Return what agrees with the last burst and with the next one, found at `place`.

        The defect changes with the place as Broyden's update says (Math. Comput. 19, 577 (1965)): by the least change
        of its derivatives that explains the difference. Where the places are `near` each other part of it is left to
        time.
        """
        way = place - self.place
        missing = defect - self.defect - self.secant @ way
        secant = self.secant + np.outer(missing, way) / (way @ way + near**2)
        rest = defect - self.defect - secant @ way
        return replace(self, secant=secant, rest=rest, span=period - self.period)

    def at(self, place: FloatArray, period: int, defect: FloatArray) -> _Corrected:
        """Return what agrees with the burst found at `place`, with the same derivatives."""
        return replace(self, place=place, period=period, defect=defect, rest=np.zeros_like(defect), span=1)


def follow_envelope(start: ArrayLike, periods: int, advance: Advance, measure: Measure, leaps: Leaps) -> Envelope:
    """Follow a slow state over all periods but the last.

    From a burst the corrected model foretells where the state is a leap later; a burst there corrects the model, and
    the leap is made again with it. Their difference is the leap's error and sets the length of the next.

    Parameters
    ----------
    start : array, (K,)
        At the begin of the first period.
    periods : int
        To the end.
    advance : callable
        The model: states (S, K) at the begin of a period in, at its end out.
    measure : callable
        The truth: a state (K,) and the number of a period in; where it really began and ended out, (K,) each. A begin
        that is a little off does no harm.
    leaps : Leaps
        How far to leap.

    Returns
    -------
    Envelope
        It failed where a leap over one period was off by more than the tolerance, where leaps gained too little, or
        where model or burst raised an `HgeError`.

    Raises
    ------
    RequestError
        ``envelope.bad-value`` for a number of periods below 2.
    HgeError
        What the first burst raises.
    """
    check_whole(periods, 2, _CODE, "periods")

    def burst(state: FloatArray, period: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        begin, end = measure(state, period)
        return begin, end, end - advance(begin[None])[0]

    begin, end, defect = burst(np.asarray(start, dtype=float), 0)
    size = len(begin)
    model = _Corrected(advance, leaps.limit, begin, 0, defect, np.zeros((size, size)), np.zeros(size))
    path, found = [begin, end], list[Leap]()
    variance, apart, length, failure = 0.0, np.zeros(size), leaps.first, ""
    while len(path) < periods and not failure:
        first, state = len(path) - 1, path[-1]
        length = _fitting(min(length, leaps.longest), periods - 2 - first)
        try:
            foretold = model.run(state[None], first, length)[-1, 0]
            begin, _, defect = burst(foretold, first + length)
            better = model.towards(begin, first + length, defect, _NEAR * leaps.tolerance)
            ways = better.run(np.array([state, state + apart]), first, length)
            after = better.at(begin, first + length, defect)
            last = after.run(ways[-1], first + length, 1)[-1]
        except HgeError as problem:
            failure = problem.message
            break
        shift = ways[-1, 0] - foretold
        off = float(np.abs(shift).max())
        found.append(Leap(first, length, off, off <= leaps.tolerance))
        if found[-1].kept:
            parted = last[1] - last[0]
            variance = _growth(parted, apart) ** 2 * variance + off**2
            apart = _of_length(parted + shift, leaps.tolerance)
            path += [*ways[1:, 0], last[0]]
            model = after
        else:
            model = better  # which knows more than before
        failure = _hopeless(found)
        change = _SAFETY * math.sqrt(leaps.tolerance / off) if off > 0 else _GROW
        length = max(1, int(max(length, 1) * min(max(change, _SHRINK), _GROW)))
    if failure:
        ways = np.array([path[-1], path[-1] + apart])
        with contextlib.suppress(HgeError):
            ends = model.run(ways, len(path) - 1, periods - len(path))[-1]
            variance *= _growth(ends[1] - ends[0], apart) ** 2
    return Envelope(np.array(path), _DEVIATIONS * math.sqrt(variance), tuple(found), failure)


def _growth(parted: FloatArray, apart: FloatArray) -> float:
    """Return by how much paths have parted that were `apart`, at least 1."""
    size = float(np.linalg.norm(apart))
    return max(float(np.linalg.norm(parted)) / size, 1.0) if size else 1.0


def _of_length(vector: FloatArray, length: float) -> FloatArray:
    size = float(np.linalg.norm(vector))
    return vector * (length / size) if size else vector


def _fitting(length: int, most: int) -> int:
    """Return the length of a leap that ends at the end or leaves about as much again to the next."""
    if length >= most:
        return most
    return length if 2 * length <= most else -(-most // 2)


def _hopeless(found: list[Leap]) -> str:
    """Say why leaping is not worth going on with, or nothing."""
    last = found[-1]
    if not last.kept and last.periods <= 1:
        return f"a leap over one period is off by {last.error:.2g}"
    recent = found[-_JUDGED:]
    gained = sum(leap.periods + 1 for leap in recent if leap.kept)
    if len(recent) == _JUDGED and gained < _WORTH * _JUDGED:
        return f"the last {_JUDGED} bursts stood for {gained} periods only"
    return ""
