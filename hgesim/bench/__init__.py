"""Figures of performance, each measured beside its reference in the same run: ``hgesim bench``."""

from __future__ import annotations

from hgesim.bench.figure import Bench, Figure, Pairs, Target, interleaved
from hgesim.bench.suite import FIGURES, Report, chosen, figure_lines, refuse_place, run_bench

__all__ = [
    "FIGURES",
    "Bench",
    "Figure",
    "Pairs",
    "Report",
    "Target",
    "chosen",
    "figure_lines",
    "interleaved",
    "refuse_place",
    "run_bench",
]
