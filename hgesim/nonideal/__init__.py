"""Non-idealities as typed values: what is not ideal, where, how much, and the elements that make it so."""

from __future__ import annotations

from hgesim.nonideal.apply import NOISE_STEPS, deviate
from hgesim.nonideal.chip import DISTRIBUTIONS, Nonideal
from hgesim.nonideal.damage import damaged
from hgesim.nonideal.factors import CORNERS, FACTORS, PRESETS, Factor, preset_sizes

__all__ = [
    "CORNERS",
    "DISTRIBUTIONS",
    "FACTORS",
    "NOISE_STEPS",
    "PRESETS",
    "Factor",
    "Nonideal",
    "damaged",
    "deviate",
    "preset_sizes",
]
