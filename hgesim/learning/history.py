"""What happened epoch by epoch: loss, controls and the network's own separation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.learning.score import goal_figure, network_outputs, separation
from hgesim.loop import HomodyneLoop, Task, Timeline
from hgesim.loop.wiring import ERROR
from hgesim.network import Network
from hgesim.waveforms import window_means

__all__ = ["History", "epoch_history", "learnt_epoch"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """One row for every epoch that was simulated.

    Parameters
    ----------
    time : ndarray, (epochs,)
        End of the epoch, in second.
    errors : ndarray, (epochs, cases)
        Time average of the read-out's error over each case's window, in volt.
    outputs : ndarray, (epochs, cases)
        The network's mean output current in the loop, dither and all, worked back from error, target and threshold.
    loss : ndarray, (epochs,)
        Mean over the cases of the squared time-averaged error, in V^2; of a hinge loss, over the cases on the wrong
        side of their targets, the others counting as zero.
    controls : ndarray, (epochs, C)
        Averaged over the epoch's last window (the dither averages out), in volt.
    threshold : ndarray, (epochs,)
        Voltage of the threshold channel, likewise.
    separation : ndarray, (epochs,), or None
        Of the classes by the network alone at these controls, in ampere; None for a curve.
    figure : ndarray, (epochs,)
        What the task's goal is compared with (`hgesim.learning.goal_figure`), by the network alone at these controls
        with this threshold, on the shown cases.
    """

    time: FloatArray
    errors: FloatArray
    outputs: FloatArray
    loss: FloatArray
    controls: FloatArray
    threshold: FloatArray
    separation: FloatArray | None
    figure: FloatArray

    def head(self, epochs: int) -> History:
        """Return the first rows."""
        return History(*(None if rows is None else rows[:epochs] for rows in self._columns))  # type: ignore[arg-type]

    def then(self, later: History) -> History:
        """Return these rows and, behind them, those of later epochs of the same run."""
        pairs = zip(self._columns, later._columns, strict=True)
        return History(*(None if rows is None else np.concatenate([rows, more]) for rows, more in pairs))  # type: ignore[arg-type]

    def later(self, seconds: float) -> History:
        """Return the same rows of a transient that begins so much later in its run."""
        return replace(self, time=self.time + seconds)

    @property
    def _columns(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]


def learnt_epoch(task: Task, figure: ArrayLike) -> int | None:
    """Return the epoch, from 1, from which on the shown cases met the goal to the end; None where they did not.

    Parameters
    ----------
    task : Task
        Its goal, which errors of a curve have to be below and all other figures above.
    figure : array, (epochs,)
        Of `History`.
    """
    values = np.asarray(figure, dtype=float)
    met = values <= task.goal if task.kind == "curve" else values >= task.goal
    late = np.flatnonzero(~met)
    first = int(late[-1]) + 2 if len(late) else 1
    return first if first <= len(met) else None


def _windows(timeline: Timeline, epochs: range) -> FloatArray:
    return np.array([[timeline.span(epoch, case) for case in range(timeline.cases)] for epoch in epochs])


def epoch_history(
    time: FloatArray, signals: Mapping[str, FloatArray], loop: HomodyneLoop, network: Network, first: int = 0
) -> History:
    """Read the epochs that are complete in a transient.

    Parameters
    ----------
    time : ndarray, (T,)
        In second; from the begin of epoch `first` on, or earlier.
    signals : mapping of str to ndarray
        By net: the error ``"err"`` and every channel's net; in volt.
    loop : HomodyneLoop
        Time line and channels.
    network : Network
        For the separation without electronics.
    first : int
        Number of the epoch to begin with, from 0.

    Returns
    -------
    History
        Rows for complete epochs only; none if the run stopped before one.
    """
    line, channels = loop.timeline, loop.channels(network)
    complete = min(line.epochs, int(np.floor(time[-1] / line.epoch + 1e-9))) if len(time) > 1 else 0
    if complete <= first:
        empty = np.zeros(0)
        gaps = None if loop.task.kind == "curve" else empty
        none = np.zeros((0, line.cases))
        return History(empty, none, none, empty, np.zeros((0, len(channels) - 1)), empty, gaps, empty)
    windows = _windows(line, range(first, complete))
    errors = window_means(time, signals[ERROR], windows)
    means = np.stack([window_means(time, signals[c.net], windows) for c in channels], axis=-1)
    controls, threshold = means[:, -1, :-1], means[:, -1, -1]
    task, alone = loop.task, network_outputs(network, loop.task, controls)
    loss = np.asarray((loop.counted(errors, task.target_levels) ** 2).mean(axis=1))
    gaps = None if task.kind == "curve" else separation(alone, task.targets)
    figure = goal_figure(task, alone, task.targets, -threshold / loop.settings.threshold_resistance)
    end = np.asarray(line.epoch * np.arange(first + 1, complete + 1), dtype=np.float64)
    return History(end, errors, _outputs(errors, means[:, :, -1], loop), loss, controls, threshold, gaps, figure)


def _outputs(errors: FloatArray, threshold: FloatArray, loop: HomodyneLoop) -> FloatArray:
    """Solve the summing node for the network's current: error = -R (I + V_threshold/R_threshold - I_target)."""
    settings = loop.settings
    target = loop.task.target * np.array(loop.task.target_levels)
    return np.asarray(target - errors / settings.transimpedance - threshold / settings.threshold_resistance)
