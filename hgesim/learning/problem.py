"""What baselines optimise, what they give, and the meter that counts what they ask of a device."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError

__all__ = [
    "Descent",
    "FloatArray",
    "Meter",
    "Problem",
    "bad_value",
    "check_array",
    "check_count",
    "check_real",
    "check_type",
]

FloatArray = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss over a box of controls; nothing here knows of tasks or networks.

    Parameters
    ----------
    loss : callable
        Of points (n, C), gives (n,).
    gradient : callable
        Of points (n, C), gives losses (n,) and their derivatives (n, C).
    solved : callable
        Of points (n, C), gives (n,) of bool: which of them need no more learning. Judged from the measurements that
        the loss takes, so it costs nothing.
    low, high : array, (C,)
        Limits of the controls, in their unit.
    evaluations : int
        Device evaluations that the loss at one point takes: the number of input cases.

    Raises
    ------
    RequestError
        ``baselines.bad-problem``.
    """

    loss: Callable[[FloatArray], FloatArray]
    gradient: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    solved: Callable[[FloatArray], NDArray[np.bool_]]
    low: FloatArray
    high: FloatArray
    evaluations: int = 1

    def __post_init__(self) -> None:
        """Freeze the box, and refuse what is none."""
        for name in ("loss", "gradient", "solved"):
            if not callable(getattr(self, name)):
                raise RequestError("baselines.bad-problem", f"{name} is no function", place="problem")
        for name in ("low", "high"):
            object.__setattr__(self, name, _vector(getattr(self, name), f"problem.{name}"))
            getattr(self, name).flags.writeable = False
        if self.low.shape != self.high.shape or not np.all(self.low < self.high):
            raise RequestError(
                "baselines.bad-problem",
                "the limits make no box",
                place="problem.low, problem.high",
                remedy="one low below one high for each control",
            )
        check_count(self.evaluations, "problem.evaluations")

    @property
    def n_controls(self) -> int:
        """Return C."""
        return len(self.low)

    def clip(self, points: FloatArray) -> FloatArray:
        """Return points (..., C) moved into the box."""
        return np.clip(points, self.low, self.high)


@dataclass(frozen=True, eq=False)
class Descent:
    """What an optimiser did.

    Parameters
    ----------
    controls : ndarray, (C,)
        The point that solves the problem, else the one of least loss among those measured.
    losses : ndarray, (k,)
        Of every point measured, in order.
    spent : ndarray of int, (k,)
        Device evaluations used when each of them was known.
    evaluations : int
        Device evaluations used in all.
    solved : bool
        Whether `controls` solve the problem.
    """

    controls: FloatArray
    losses: FloatArray
    spent: NDArray[np.int64]
    evaluations: int
    solved: bool

    @property
    def evaluations_to_solve(self) -> int | None:
        """Return the device evaluations up to and with the point that solves the problem, or None."""
        return int(self.spent[-1]) if self.solved else None


class Meter:
    """Measures points until one solves the problem or the budget is used up, and remembers what was seen."""

    def __init__(self, problem: Problem, start: ArrayLike, budget: int) -> None:
        self.problem = check_type(problem, Problem, "problem")
        self.start = _vector(start, "start")
        if self.start.shape != problem.low.shape or np.any(problem.clip(self.start) != self.start):
            raise bad_value("start", self.start.tolist(), f"{problem.n_controls} values inside the box")
        self.budget = check_count(budget, "budget")
        if self.budget < problem.evaluations:
            raise bad_value("budget", budget, f"{problem.evaluations} at least, for one point")
        self.used = 0
        self.solved = False
        self.points: list[FloatArray] = []
        self.losses: list[float] = []
        self.spent: list[int] = []

    @property
    def room(self) -> int:
        """Return how many more points the budget allows."""
        return (self.budget - self.used) // self.problem.evaluations

    @property
    def goes_on(self) -> bool:
        """Tell whether there is anything left to do."""
        return not self.solved and self.room > 0

    def pay(self, points: int) -> None:
        """Count the device evaluations of some points."""
        self.used += points * self.problem.evaluations

    def measure(self, points: FloatArray) -> FloatArray:
        """Return the losses of points, (n, C), one after the other: fewer than n if measuring ends before."""
        points = points[: self.room]
        return self.record(points, check_array(self.problem.loss(points), (len(points),), "loss"))

    def record(self, points: FloatArray, losses: FloatArray) -> FloatArray:
        """Count points, (n, C), whose losses, (n,), are known, up to the first that solves the problem."""
        solved = np.asarray(self.problem.solved(points))
        if solved.shape != losses.shape or solved.dtype != bool:
            raise RequestError("baselines.bad-problem", "no bool for each point", place="problem.solved")
        count = int(solved.argmax()) + 1 if solved.any() else len(points)
        for point, loss in zip(points[:count], losses[:count].tolist(), strict=True):
            self.pay(1)
            self.points.append(point.copy())
            self.losses.append(loss)
            self.spent.append(self.used)
        self.solved = bool(solved.any())
        return losses[:count]

    def descent(self) -> Descent:
        """Return what was seen."""
        best = -1 if self.solved else int(np.argmin(self.losses))
        losses, spent = np.array(self.losses), np.array(self.spent, dtype=np.int64)
        return Descent(self.points[best], losses, spent, self.used, self.solved)


def check_array(values: ArrayLike, shape: tuple[int, ...], name: str) -> FloatArray:
    """Return what a function of the problem gave as an array, or refuse another shape and values not finite."""
    found = np.asarray(values, dtype=float)
    if found.shape != shape or not np.isfinite(found).all():
        raise RequestError(
            "baselines.bad-problem",
            f"gives shape {found.shape} for {shape}" if found.shape != shape else "gives values that are not finite",
            place=f"problem.{name}",
        )
    return found


def check_count(value: int, place: str) -> int:
    """Return a whole number from 1, or refuse."""
    try:
        found = operator.index(value)
    except TypeError:
        raise bad_value(place, value, "a whole number, 1 or more") from None
    if found < 1:
        raise bad_value(place, value, "a whole number, 1 or more")
    return found


def check_real(value: float, place: str, remedy: str, least: float = 0.0, most: float = math.inf) -> None:
    """Refuse what is no finite number from `least` to `most`."""
    try:
        good = math.isfinite(value) and least <= value <= most
    except (TypeError, OverflowError):
        good = False
    if not good:
        raise bad_value(place, value, remedy)


def check_type(value: object, kind: type[T], place: str) -> T:
    """Return a value, or refuse another type."""
    if not isinstance(value, kind):
        raise bad_value(place, value, f"give a {kind.__name__}")
    return value


def bad_value(place: str, value: object, remedy: str) -> RequestError:
    """Return the error for a senseless argument."""
    return RequestError("baselines.bad-value", repr(value), place=place, remedy=remedy)


def _vector(values: ArrayLike, place: str) -> FloatArray:
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise bad_value(place, values, "numbers, one for each control") from None
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise bad_value(place, values, "finite numbers, one for each control")
    return found
