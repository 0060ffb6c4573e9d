"""The tone plan: one carrier per channel, so that no product of two falls on a third.

Carriers are odd multiples of one base frequency. Sums and differences of two odd multiples are even multiples, so no
second-order product (``f_i +- f_j``, ``2 f_i``) can fall on a carrier. The highest carrier stays below three times the
lowest, so that the third harmonic of a switching mixer's reference hits none either. What remains are the third-order
products ``2 f_i - f_j`` and ``f_i + f_j - f_k``; the plan has few of them: as few as its span allows up to ten
carriers, nearly so above.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hgesim.arguments import check_positive, check_real, check_reals, check_whole, check_wholes
from hgesim.errors import RequestError
from hgesim.units import show_quantity

__all__ = ["PER_CYCLE", "TonePlan", "check_tones", "plan_tones", "sampled_tones", "third_order_hits"]

PER_CYCLE = 16  # samples of the highest carrier: products up to the 15th order do not alias onto a carrier

# The squarer makes 2 f and the mixer multiplies it by f: nothing in the loop that matters is faster than 3 f.
_PRODUCT_ORDER = 3
# Up to this many carriers every comb is tried; above it the worst tooth is removed one by one.
_EXHAUSTIVE = 10
_UNITS_PER_HZ = 1000


@dataclass(frozen=True)
class TonePlan:
    """Carriers and what follows from them.

    Parameters
    ----------
    base : float
        Base frequency in hertz: every carrier is an odd multiple of it (of a user's comb: the greatest common divisor).
    multiples : tuple of int
        Carrier over base, one per channel.
    steps_per_cycle : float
        Time steps in one cycle of the highest carrier.
    """

    base: float
    multiples: tuple[int, ...]
    steps_per_cycle: float = 20.0

    def __post_init__(self) -> None:
        """Refuse an empty comb, and a step that aliases: at half a period of the fastest product results are wrong."""
        object.__setattr__(self, "multiples", check_wholes(self.multiples, 1, "tones.bad-comb", "multiples"))
        if not self.multiples:
            raise RequestError("tones.bad-comb", "no carrier", place="multiples", remedy="whole numbers, 1 or more")
        check_positive(self.base, "tones.bad-base", "loop.base", "Hz")
        check_real(self.steps_per_cycle, "tones.bad-step", "engine.steps_per_cycle")
        if not (math.isfinite(self.steps_per_cycle) and self.steps_per_cycle > 2 * _PRODUCT_ORDER):
            raise RequestError(
                "tones.step-too-coarse",
                f"{self.steps_per_cycle:g} steps per cycle of the highest carrier alias the fastest product "
                f"({show_quantity(self.fastest_product, 'Hz')})",
                place="engine.steps_per_cycle",
                remedy="20 is safe, 15 the least that was found accurate",
            )

    @property
    def carriers(self) -> tuple[float, ...]:
        """Return the carrier frequencies, in hertz."""
        return tuple(self.base * multiple for multiple in self.multiples)

    @property
    def beat(self) -> float:
        """Return the time after which all carriers and all their products repeat, in second."""
        return 1.0 / self.base

    @property
    def spacing(self) -> float:
        """Return the least distance of two carriers, in hertz: what the low-pass must tell apart."""
        ordered = sorted(self.carriers)
        return min((b - a for a, b in itertools.pairwise(ordered)), default=ordered[0])

    @property
    def fastest_product(self) -> float:
        """Return the highest frequency that squarer and mixer make of the carriers, in hertz."""
        return _PRODUCT_ORDER * max(self.carriers)

    @property
    def step(self) -> float:
        """Return the longest time step allowed, in second."""
        return 1.0 / (self.steps_per_cycle * max(self.carriers))

    @property
    def hits(self) -> int:
        """Return how many third-order products fall on a carrier."""
        return third_order_hits(self.multiples)


def sampled_tones(multiples: Sequence[int]) -> NDArray[np.float64]:
    """Return sines of amplitude 1 at all carriers over one beat, (samples, carriers); the samples have equal steps."""
    samples = PER_CYCLE * max(multiples)
    return np.sin(2 * np.pi * np.outer(np.arange(samples), multiples) / samples)


def third_order_hits(multiples: Sequence[int]) -> int:
    """Count the third-order products of a comb that fall on one of its own teeth.

    Parameters
    ----------
    multiples : sequence of int
        The comb.

    Returns
    -------
    int
        Number of combinations ``|2 f_i +- f_j|``, ``|f_i + f_j - f_k|``, ``f_i + f_j + f_k`` and ``3 f_i`` (i, j, k
        different, order ignored) that equal a carrier. What no comb can avoid (``f_i + f_j - f_j``) is not counted.
    """
    teeth = set(multiples)
    hits = sum(3 * a in teeth for a in teeth)
    hits += sum((abs(2 * a - b) in teeth) + (2 * a + b in teeth) for a, b in itertools.permutations(teeth, 2))
    for a, b, c in itertools.combinations(teeth, 3):
        hits += sum(abs(product) in teeth for product in (a + b - c, a + c - b, b + c - a, a + b + c))
    return hits


def plan_tones(channels: int, base: float, steps_per_cycle: float = 20.0) -> TonePlan:
    """Choose the carriers for a number of channels.

    Parameters
    ----------
    channels : int
        How many carriers.
    base : float
        Base frequency in hertz. Its inverse is the beat: the shortest time over which all products average out.
    steps_per_cycle : float
        Time steps per cycle of the highest carrier.

    Returns
    -------
    TonePlan
        Odd multiples up to ``4 channels + 1`` (a higher top makes every simulated second dearer), the highest below
        three times the lowest, with the fewest third-order hits; among equals the lowest top. Above ten carriers the
        fewest are not searched for: the tooth that costs most hits is left out until the number is right.
    """
    check_whole(channels, 1, "tones.no-channel", "channels")
    return TonePlan(base, _best_comb(channels), steps_per_cycle)


@functools.lru_cache(maxsize=64)  # a study plans the same tones in run after run
def _best_comb(channels: int) -> tuple[int, ...]:
    top = 4 * channels + 1
    if channels > _EXHAUSTIVE:
        return _thinned([m for m in range(1, top + 1, 2) if 3 * m > top], channels)
    legal = (comb for comb in itertools.combinations(range(1, top + 1, 2), channels) if comb[-1] < 3 * comb[0])
    return min(legal, key=lambda comb: (third_order_hits(comb), comb[-1], comb))


def _thinned(teeth: list[int], channels: int) -> tuple[int, ...]:
    """Remove the tooth whose loss saves most hits until `channels` are left."""
    while len(teeth) > channels:
        worst = min(teeth, key=lambda tooth: (third_order_hits([t for t in teeth if t != tooth]), tooth))
        teeth = [t for t in teeth if t != worst]
    return tuple(teeth)


def check_tones(carriers: Sequence[float], steps_per_cycle: float = 20.0) -> TonePlan:
    """Make a plan of carriers the user chose, or say which collide.

    Parameters
    ----------
    carriers : sequence of float
        In hertz, one per channel.
    steps_per_cycle : float
        Time steps per cycle of the highest carrier.

    Raises
    ------
    RequestError
        ``tones.collision`` naming the two or three carriers: equal ones, ``f_k = f_i +- f_j``, ``f_k = 2 f_i``, or
        ``f_k = 3 f_i``. ``tones.bad-carrier`` for frequencies that are no positive multiples of 1 mHz: carriers need a
        common divisor, whose inverse is the beat.
    """
    carriers = check_reals(carriers, "tones.bad-carrier", "loop.carriers")
    units = [round(f * _UNITS_PER_HZ) if math.isfinite(f) else 0 for f in carriers]
    whole = (unit > 0 and abs(f * _UNITS_PER_HZ - unit) < 1e-9 * unit for f, unit in zip(carriers, units, strict=True))
    if not units or not all(whole):
        raise RequestError(
            "tones.bad-carrier", f"{list(carriers)} Hz", place="loop.carriers", remedy="positive multiples of 1 mHz"
        )
    teeth = set(units)
    if len(teeth) < len(units):
        raise _collision("two carriers are equal")
    for a, b in itertools.combinations_with_replacement(sorted(teeth), 2):
        if a + b in teeth:
            raise _collision(f"{_hz(a)} + {_hz(b)} = {_hz(a + b)}: a second-order product falls on a carrier")
    for a in sorted(teeth):
        if 3 * a in teeth:
            raise _collision(f"3 x {_hz(a)} = {_hz(3 * a)}: a switching mixer answers to the third harmonic")
    divisor = math.gcd(*units)
    return TonePlan(divisor / _UNITS_PER_HZ, tuple(unit // divisor for unit in units), steps_per_cycle)


def _hz(units: int) -> str:
    return show_quantity(units / _UNITS_PER_HZ, "Hz", 6)


def _collision(message: str) -> RequestError:
    return RequestError(
        "tones.collision", message, place="loop.carriers", remedy="leave loop.carriers out and the plan chooses"
    )
