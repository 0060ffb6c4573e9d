"""A figure of performance: a value and its reference, measured in one run, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Bench", "Figure", "Pairs", "Target", "interleaved", "timed"]


@dataclass(frozen=True)
class Target:
    """What a figure is to reach.

    Parameters
    ----------
    limit : float
        The bound.
    at_most : bool
        An upper bound; otherwise a lower one.
    of : str
        ``"ratio"`` or ``"value"``.
    """

    limit: float
    at_most: bool = False
    of: str = "ratio"

    def met(self, found: float | None) -> bool:
        """Tell whether a ratio or a value reaches it; what was not measured does not."""
        if found is None or not math.isfinite(found):
            return False
        return found <= self.limit if self.at_most else found >= self.limit

    def __str__(self) -> str:
        """Return it in words: ``at least 20``."""
        return f"at {'most' if self.at_most else 'least'} {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Parameters
    ----------
    name : str
        ``reference``, or ``twin.process`` where a file measures several.
    what : str
        What is compared with what, in a few words.
    unit : str
        Of value and reference: ``"s"``, ``"B"``, or ``""``.
    value, reference : float or None
        Medians of the repeats; no reference where the target is an absolute one. None where the measurement failed.
    ratio : float or None
        Median of the ratios of the pairs; `method` says which is over which.
    spread : tuple of float, optional
        Smallest and largest ratio of a pair.
    target : Target, optional
        None where nothing was promised, or where ``--quick`` measures too little to judge.
    method : str
        How it was measured, in a sentence.
    details : mapping
        Whatever else belongs to it, as plain values for JSON.
    """

    name: str
    what: str
    unit: str
    value: float | None
    reference: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    target: Target | None = None
    method: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool | None:
        """Return whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.target.met(self.ratio if self.target.of == "ratio" else self.value)

    def record(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        return asdict(self) | {"passed": self.passed}


@dataclass(frozen=True)
class Pairs:
    """Measurements in pairs, each value beside its reference in time.

    Parameters
    ----------
    values, references : tuple of float
        In the order in which they were measured.
    """

    values: tuple[float, ...]
    references: tuple[float, ...]

    @property
    def value(self) -> float:
        """Return the median value."""
        return median(self.values)

    @property
    def reference(self) -> float:
        """Return the median reference."""
        return median(self.references)

    def compared(self, *, less: bool = True) -> dict[str, Any]:
        """Return value, reference, median ratio and spread, as `Figure` takes them.

        Parameters
        ----------
        less : bool
            The smaller value is the better one, and the ratio is reference over value; otherwise value over reference.
        """
        pairs = zip(self.values, self.references, strict=True)
        ratios = [reference / value if less else value / reference for value, reference in pairs]
        return {
            "value": self.value,
            "reference": self.reference,
            "ratio": median(ratios),
            "spread": (min(ratios), max(ratios)),
        }


def interleaved(value: Callable[[], float], reference: Callable[[], float], repeats: int) -> Pairs:
    """Measure value and reference in turn, and the other way round in every second pair.

    What changes slowly on the machine then acts on both, and on neither first.
    """
    values, references = list[float](), list[float]()
    for number in range(repeats):
        if number % 2:
            references.append(reference())
            values.append(value())
        else:
            values.append(value())
            references.append(reference())
    return Pairs(tuple(values), tuple(references))


@dataclass(frozen=True)
class Bench:
    """What a measurement is given.

    Parameters
    ----------
    folder : Path
        Empty, its own.
    quick : bool
        Measure as little as shows that it works; targets that this cannot decide are left out.
    tell : callable
        Called with a line for people now and then.
    """

    folder: Path
    quick: bool
    tell: Callable[[str], None]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call took, in second, and what it returned."""
    from time import perf_counter

    began = perf_counter()
    found = work()
    return perf_counter() - began, found
