"""Non-idealities as typed values: what is not ideal, where, how much, and the elements that make it so."""

from __future__ import annotations

from hgesim.nonideal.apply import deviate
from hgesim.nonideal.chip import DISTRIBUTIONS, Nonideal
from hgesim.nonideal.damage import damaged
from hgesim.nonideal.factors import CORNERS, FACTORS, Factor

__all__ = ["CORNERS", "DISTRIBUTIONS", "FACTORS", "Factor", "Nonideal", "damaged", "deviate"]
