"""When what happens: ramps, settling, hold windows, cases and epochs."""

from __future__ import annotations

from dataclasses import dataclass

from hgesim.arguments import check_positive, check_whole

__all__ = ["Timeline"]


@dataclass(frozen=True)
class Timeline:
    """A run as a sequence of epochs, an epoch as a sequence of cases, a case as ramp, settling and window.

    During ramp and settling the coupler is held at zero, so nothing is learnt from the step between two cases. The
    window is a whole number of beats, so that all unwanted products average out over it.

    Parameters
    ----------
    ramp, settle, window : float
        In second.
    cases, epochs : int
        Cases in an epoch, epochs in a run.
    """

    ramp: float
    settle: float
    window: float
    cases: int
    epochs: int

    def __post_init__(self) -> None:
        """Refuse times and counts that make no run."""
        for name in ("ramp", "settle", "window"):
            check_positive(getattr(self, name), "loop.bad-time", f"loop.{name}", "s")
        for name in ("epochs", "cases"):
            check_whole(getattr(self, name), 1, "loop.bad-count", f"loop.{name}")

    @property
    def pause(self) -> float:
        """Return the time from the start of a case to its window, in second."""
        return self.ramp + self.settle

    @property
    def case(self) -> float:
        """Return the duration of a case, in second."""
        return self.pause + self.window

    @property
    def epoch(self) -> float:
        """Return the duration of an epoch, in second."""
        return self.cases * self.case

    @property
    def stop(self) -> float:
        """Return the duration of the run, in second."""
        return self.epochs * self.epoch

    def span(self, epoch: int, case: int) -> tuple[float, float]:
        """Return begin and end of the window of one case in one epoch, in second."""
        begin = epoch * self.epoch + case * self.case + self.pause
        return begin, begin + self.window
