"""A chip: which non-idealities are on, how large, and the one seed that all their draws come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hgesim.errors import RequestError, nearest
from hgesim.nonideal.factors import CORNERS, FACTORS
from hgesim.seeds import generator

__all__ = ["DISTRIBUTIONS", "Nonideal"]

DISTRIBUTIONS = ("normal", "uniform", "fixed")


@dataclass(frozen=True)
class Nonideal:
    """Non-idealities of one chip; without arguments there are none.

    Parameters
    ----------
    sizes : mapping of str to float
        Size of each factor of `hgesim.nonideal.FACTORS`, in its unit; 0 is off, and is what is not named. Kept as pairs
        of what is on, in the order of the catalogue.
    seed : int
        Of the chip. A draw depends on it, on the factor and on the place alone: the same chip keeps its mismatch when
        another factor changes or a block is added.
    corner : str
        Of the foundry's transistors: ``"tt"``, ``"ff"``, ``"ss"``, ``"fs"`` or ``"sf"`` (first NMOS, then PMOS).
    distribution : str
        Of what is drawn: ``"normal"``; ``"uniform"`` with the same standard deviation; ``"fixed"``: every place gets
        the size itself, which may be negative then.
    run : int
        Number of a run on the same chip: noise is drawn anew, the chip stays.
    lost : tuple of str
        Labels of electrodes that have lost contact to the network.

    Raises
    ------
    RequestError
        ``nonideal.unknown-factor``, ``nonideal.unknown-corner``, ``nonideal.unknown-distribution`` with the nearest
        name; ``nonideal.out-of-range`` for a negative standard deviation, a size that makes no sense or a bad seed.

    Examples
    --------
    >>> Nonideal({"mismatch": 1.0}, seed=3).on
    {'mismatch': 1.0}
    """

    sizes: Mapping[str, float] | tuple[tuple[str, float], ...] = ()
    seed: int = 0
    corner: str = "tt"
    distribution: str = "normal"
    run: int = 0
    lost: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is unknown or makes no sense; keep what is on, in the order of the catalogue."""
        for place, what, known in (
            ("corner", self.corner, CORNERS),
            ("distribution", self.distribution, DISTRIBUTIONS),
        ):
            if not isinstance(what, str) or what not in known:
                raise RequestError(
                    f"nonideal.unknown-{place}",
                    f'"{what}"',
                    place=f"nonideal.{place}",
                    remedy=nearest(str(what), known),
                )
        for place, number in (("seed", self.seed), ("run", self.run)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise RequestError(
                    "nonideal.out-of-range", f"{number!r}", place=f"nonideal.{place}", remedy="an integer, 0 or more"
                )
        object.__setattr__(self, "lost", tuple(self.lost))
        sizes = dict(self.sizes)
        for name, size in sizes.items():
            _check(name, size, self.distribution)
        kept = tuple((name, float(sizes[name])) for name in FACTORS if sizes.get(name, 0.0) != 0)
        object.__setattr__(self, "sizes", kept)

    def __bool__(self) -> bool:
        """Tell whether anything is on."""
        return bool(self.sizes or self.lost) or self.corner != "tt"

    @property
    def on(self) -> dict[str, float | str | list[str]]:
        """Return what is on: sizes by name, the corner where it is not the typical one, electrodes that are lost."""
        corner: dict[str, str] = {} if self.corner == "tt" else {"corner": self.corner}
        return {**dict(self.sizes), **corner, **({"lost": list(self.lost)} if self.lost else {})}

    @property
    def settings(self) -> dict[str, Any]:
        """Return what makes the same chip, by the keys of the section ``[nonideal]``."""
        rest = {name: getattr(self, name) for name in ("seed", "run", "corner", "distribution")}
        return {**rest, "lost": list(self.lost), **dict(self.sizes)}

    @property
    def damage(self) -> str:
        """Say what decides the damage done to a network."""
        broken = f"broken_bonds {self.size('broken_bonds'):g} seed {self.seed}" if self.size("broken_bonds") else ""
        return " ".join(filter(None, (broken, *(f"lost {label}" for label in self.lost))))

    def size(self, name: str) -> float:
        """Return the size of a factor, 0 where it is off."""
        return dict(self.sizes).get(name, 0.0)

    def draw(self, name: str, *place: str) -> float:
        """Return the deviation of one place: the size times a number of unit standard deviation if it is drawn."""
        size = self.size(name)
        if not size or not FACTORS[name].drawn or self.distribution == "fixed":
            return size
        random = generator(self.seed, "nonideal", name, *place)
        if self.distribution == "normal":
            return size * float(random.standard_normal())
        return size * math.sqrt(3.0) * float(random.uniform(-1.0, 1.0))

    def __str__(self) -> str:
        """Say in one line what is on."""
        if not self:
            return "all ideal"
        words = [" ".join((name, f"{size:g}", FACTORS[name].unit)).strip() for name, size in dict(self.sizes).items()]
        words += [f"corner {self.corner}"] if self.corner != "tt" else []
        words += [f"{label} lost" for label in self.lost]
        again = f", run {self.run}" if self.run else ""
        return f"{', '.join(words)}; {self.distribution}, seed {self.seed}{again}"


def _check(name: str, size: float, distribution: str) -> None:
    if name not in FACTORS:
        raise RequestError("nonideal.unknown-factor", f'"{name}"', place="nonideal", remedy=nearest(str(name), FACTORS))
    factor, place = FACTORS[name], f"nonideal.{name}"
    if isinstance(size, bool) or not isinstance(size, int | float) or not math.isfinite(size):
        raise RequestError("nonideal.out-of-range", f"{size!r} is no size", place=place, remedy="a finite number")
    if factor.drawn and size < 0 and distribution != "fixed":
        raise RequestError(
            "nonideal.out-of-range",
            f"{size:g} is no standard deviation",
            place=place,
            remedy='0 or more; for a sign, set nonideal.distribution to "fixed"',
        )
    least = -factor.most if factor.drawn and distribution == "fixed" else factor.least
    if not least <= size <= factor.most:
        raise RequestError(
            "nonideal.out-of-range", f"{size:g}", place=place, remedy=f"between {least:g} and {factor.most:g}"
        )
