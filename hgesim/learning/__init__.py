"""Learning: what a run's waveforms and its network say about the task."""

from __future__ import annotations

from hgesim.learning.averaged import AveragedRun, averaged_run
from hgesim.learning.history import History, epoch_history
from hgesim.learning.score import (
    Score,
    already_solved,
    case_voltages,
    correlation,
    correlation_loss,
    dither_curvature,
    goal_figure,
    network_outputs,
    score,
    separation,
)
from hgesim.learning.screening import Screened, proportion_interval, screen_starts

__all__ = [
    "AveragedRun",
    "History",
    "Score",
    "Screened",
    "already_solved",
    "averaged_run",
    "case_voltages",
    "correlation",
    "correlation_loss",
    "dither_curvature",
    "epoch_history",
    "goal_figure",
    "network_outputs",
    "proportion_interval",
    "score",
    "screen_starts",
    "separation",
]
