"""Learning: what a run's waveforms and its network say about the task."""

from __future__ import annotations

from hgesim.learning.history import History, epoch_history, last_loss
from hgesim.learning.score import GateScore, case_voltages, dither_curvature, network_outputs, score_gate, separation

__all__ = [
    "GateScore",
    "History",
    "case_voltages",
    "dither_curvature",
    "epoch_history",
    "last_loss",
    "network_outputs",
    "score_gate",
    "separation",
]
