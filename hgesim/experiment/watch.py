"""What is seen of a run under way: its loss, and whether it is worth going on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hgesim.blocks.transfer import CONTRACT
from hgesim.design import Design
from hgesim.engine import Progress, read_raw
from hgesim.errors import HgeError
from hgesim.learning import History, epoch_history, network_outputs, score
from hgesim.loop.wiring import ERROR

__all__ = ["Redraw", "Status", "Watch", "hopeless"]

# So many epochs in a row with an output beyond the read-out's straight range: the loop feels no gradient there.
_OVER_RANGE_EPOCHS = 3
# Less than this off the best loss in `patience` epochs is no progress.
_PROGRESS = 0.05


class Redraw(Exception):
    """The run under way will not learn: the start is to be drawn anew. Its text says why."""


@dataclass(frozen=True)
class Status:
    """Where a run under way stands.

    Parameters
    ----------
    progress : Progress
        The engine's.
    epoch, epochs : int
        Complete and planned.
    loss : float or None
        Of the last complete epoch, in its unit.
    attempt : int
        Number of the start under way, from 0.
    unit : str
        Of the loss: ``"V^2"``, or ``"1"`` of the correlation.
    """

    progress: Progress
    epoch: int
    epochs: int
    loss: float | None
    attempt: int = 0
    unit: str = "V^2"


@dataclass
class Watch:
    """Follows one attempt: tells its status, and raises `Redraw` when it is hopeless and may be given up.

    Parameters
    ----------
    design : Design
        What runs.
    raw : Path
        The rows that grow.
    attempt : int
        Number of the start.
    patience : int or None
        Epochs without progress after which it is given up; None: never given up.
    tell : callable or None
        Gets the status.
    piece : Design or None
        What the rows are of, where they are those of the run's last epochs only.
    before : History or None
        Of the epochs before these.
    """

    design: Design
    raw: Path
    attempt: int
    patience: int | None
    tell: Callable[[Status], None] | None
    piece: Design | None = None
    before: History | None = None
    _past: History | None = None
    _row: int = 0

    def __post_init__(self) -> None:
        """Begin with the epochs before."""
        self._past = self.before

    def __call__(self, progress: Progress) -> None:
        """Look at the new rows. Every epoch is judged by itself, so that the pace of the looks decides nothing."""
        if progress.points > 1:
            seen = 0 if self._past is None else len(self._past.loss)
            self._read(seen)
            if self.patience is not None and self._past is not None:
                for epochs in range(seen + 1, len(self._past.loss) + 1):
                    if why := hopeless(self.design, self._past.head(epochs), self.patience):
                        raise Redraw(why)
        self.show(progress)

    def judge(self, history: History) -> None:
        """Look at all epochs simulated so far; what is hopeless raises `Redraw`."""
        self._past = history
        if self.patience is not None and (why := hopeless(self.design, history, self.patience)):
            raise Redraw(why)

    def show(self, progress: Progress) -> None:
        """Tell the status."""
        if self.tell is not None:
            line, past = self.design.loop.timeline, self._past
            done, loss = 0, None
            if past is not None and len(past.loss):
                done, loss = round(float(past.time[-1]) / line.epoch), float(past.loss[-1])
            self.tell(Status(progress, done, line.epochs, loss, self.attempt))

    def _read(self, seen: int) -> None:
        """Take the rows since the last complete epoch into the history."""
        design = self.piece or self.design
        loop, network = design.loop, design.network
        nets = [ERROR, *(channel.net for channel in loop.channels(network))]
        first = seen - (0 if self.before is None else len(self.before.loss))
        try:
            found = read_raw(self.raw).columns(["time", *(f"v({net})" for net in nets)], self._row)
            time = found["time"]
            fresh = epoch_history(time, {net: found[f"v({net})"] for net in nets}, loop, network, first)
        except (HgeError, OSError, ValueError):
            return  # the file is being written: the next look will do
        if len(fresh.loss):
            self._row += max(0, int(np.searchsorted(time, fresh.time[-1], side="right")) - 1)
            fresh = fresh.later(self.design.loop.timeline.stop - loop.timeline.stop)
            self._past = fresh if self._past is None else self._past.then(fresh)


def hopeless(design: Design, history: History, patience: int) -> str:
    """Say why a run is not worth going on with, or nothing.

    The laboratory draws the controls anew when the output is over range or learning is stuck; so does this.

    Parameters
    ----------
    design : Design
        What runs.
    history : History
        Of the complete epochs that were simulated.
    patience : int
        Epochs without progress that count as stuck.
    """
    last = np.abs(history.errors[-_OVER_RANGE_EPOCHS:])
    if len(last) == _OVER_RANGE_EPOCHS and (last.max(axis=1) > CONTRACT.readout_linear).all():
        return f"an output over range for {_OVER_RANGE_EPOCHS} epochs"
    recent = history.time > history.time[-1] - (patience - 0.5) * design.loop.timeline.epoch
    if recent.all():
        return ""
    before, since = history.loss[~recent].min(), history.loss[recent].min()
    if since < (1.0 - _PROGRESS) * before:
        return ""
    task, settings = design.loop.task, design.loop.settings
    threshold = -float(history.threshold[-1]) / settings.threshold_resistance
    controls = history.controls[-1]
    held = network_outputs(design.network, task, controls, task.test_cases)
    done = not score(task, network_outputs(design.network, task, controls), held, threshold).reason
    return "" if done else f"no progress in {patience} epochs"
