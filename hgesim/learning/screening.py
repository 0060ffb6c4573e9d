"""Which starts are worth a transient: the loop on the exact network, start by start.

Of an analog update by its averaged equations, of a digital one by its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.blocks.transfer import CONTRACT
from hgesim.learning.averaged import averaged_run
from hgesim.learning.digital import exact_digital_run
from hgesim.learning.score import Score, already_solved, network_outputs, score
from hgesim.loop import DigitalLoop, HomodyneLoop
from hgesim.network import Network

__all__ = ["Screened", "does_task", "judge_ends", "proportion_interval", "screen_starts", "sort_starts"]


FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Screened:
    """What the averaged equations say of a list of starts on one device for one task.

    Parameters
    ----------
    over_range : tuple of int
        Numbers of the starts at which an output is beyond the read-out's straight range.
    solved : tuple of int
        Numbers of those that do the task already.
    tried : tuple of int
        The rest: those that a demonstration may use.
    scores : tuple of Score
        Predicted end of each start in `tried`. Its reason says so if a control would end beyond its range.
    """

    over_range: tuple[int, ...]
    solved: tuple[int, ...]
    tried: tuple[int, ...]
    scores: tuple[Score, ...]

    @property
    def learnt(self) -> tuple[tuple[int, Score], ...]:
        """Return number and score of the starts that are predicted to learn, best first."""
        found = [(k, s) for k, s in zip(self.tried, self.scores, strict=True) if not s.reason]
        sign = -1.0 if found and found[0][1].name == "error" else 1.0
        return tuple(sorted(found, key=lambda item: (-sign * item[1].value, -sign * item[1].shown, item[0])))


def screen_starts(network: Network, loop: HomodyneLoop, starts: ArrayLike, control_range: float = 1.2) -> Screened:
    """Sort starts into those out of range, those that are no demonstration, and those that learn or do not.

    Parameters
    ----------
    network : Network
        The device.
    loop : HomodyneLoop or DigitalLoop
        As in `averaged_run` or `hgesim.learning.exact_digital_run`.
    starts : array, (S, C)
        Start voltages of the controls.
    control_range : float
        Controls predicted to end beyond it, in volt, count as railed, and as not learnt.
    """
    voltages = np.asarray(starts, dtype=float)
    over, solved = sort_starts(network, loop, voltages)
    tried = np.flatnonzero(~over & ~solved)
    scores: tuple[Score, ...] = ()
    if len(tried):
        scores = judge_ends(network, loop, _ends(network, loop, voltages[tried]), control_range)
    return Screened(_numbers(over), _numbers(solved), tuple(tried.tolist()), scores)


def _ends(network: Network, loop: HomodyneLoop, starts: FloatArray) -> FloatArray:
    """Return where controls and threshold end from each start, (S, C + 1) in volt."""
    if not isinstance(loop, DigitalLoop):
        return averaged_run(network, loop, starts).path[:, -1]
    loops = [replace(loop, start=tuple(start)) for start in starts.tolist()]
    last = [exact_digital_run(one, network).epochs[-1] for one in loops]
    return np.array([[*epoch.controls, epoch.threshold] for epoch in last])


def sort_starts(network: Network, loop: HomodyneLoop, starts: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which starts, (S, C) in volt, are over the read-out's range, and which of the others do the task already."""
    before = network_outputs(network, loop.task, np.asarray(starts, dtype=float))
    over = np.abs(before).max(axis=1) > CONTRACT.readout_linear / loop.settings.transimpedance
    return over, ~over & does_task(network, loop, starts)


def does_task(network: Network, loop: HomodyneLoop, starts: ArrayLike) -> NDArray[np.bool_]:
    """Tell which starts, (S, C) in volt, are no demonstration, (S,).

    Those that do the shown cases with any threshold, and those that do what decides with the loop's own.
    """
    task, controls = loop.task, np.asarray(starts, dtype=float)
    shown, held = network_outputs(network, task, controls), network_outputs(network, task, controls, task.test_cases)
    threshold = -loop.threshold_start / loop.settings.threshold_resistance
    done = [not score(task, *outputs, threshold).reason for outputs in zip(shown, held, strict=True)]
    return np.asarray(already_solved(task, shown) | np.array(done, dtype=bool))


def judge_ends(network: Network, loop: HomodyneLoop, ends: ArrayLike, control_range: float = 1.2) -> tuple[Score, ...]:
    """Score the ends of runs as a run is judged: by the network alone, and not learnt if anything is railed.

    Parameters
    ----------
    network : Network
        The device.
    loop : HomodyneLoop
        Task and settings.
    ends : array, (S, C + 1)
        Controls and, last, threshold, in volt.
    control_range : float
        Beyond it, in volt, a channel or an error of the read-out is railed.
    """
    channels, task = np.asarray(ends, dtype=float), loop.task
    outputs = network_outputs(network, task, channels[:, :-1])
    held = network_outputs(network, task, channels[:, :-1], task.test_cases)
    settings = loop.settings
    thresholds = -channels[:, -1] / settings.threshold_resistance
    found = [score(task, *values) for values in zip(outputs, held, thresholds.tolist(), strict=True)]
    errors = settings.transimpedance * (outputs - thresholds[:, None] - task.target * np.array(task.target_levels))
    railed = np.maximum(np.abs(channels).max(axis=1), np.abs(errors).max(axis=1)) > control_range
    return tuple(_railed(one) if bad and not one.reason else one for one, bad in zip(found, railed, strict=True))


def _railed(found: Score) -> Score:
    return replace(found, reason="a control or the error ends at the limit of its range")


def _numbers(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())


def proportion_interval(successes: int, tried: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion, 0 to 1 where nothing was tried.

    By Wilson's score (J. Am. Stat. Assoc. 22, 209 (1927)).
    """
    from scipy.stats import binomtest

    if tried == 0:
        return 0.0, 1.0
    interval = binomtest(successes, tried).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
