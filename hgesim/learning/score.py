"""Is the task learnt? The network alone decides, at the controls and with the threshold where the loop left them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.loop import HomodyneLoop, Points, Task
from hgesim.network import Network

__all__ = [
    "Score",
    "already_solved",
    "case_voltages",
    "correlation",
    "correlation_loss",
    "dither_curvature",
    "goal_figure",
    "network_outputs",
    "score",
    "separation",
]

FloatArray = NDArray[np.float64]

_SAMPLES_PER_CYCLE = 16  # harmonics of the device up to the 15th do not alias to zero frequency
_NAMES = {"gate": "margin", "classes": "accuracy", "curve": "error"}


def separation(outputs: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return the least output of target 1 minus the greatest of target 0, in the outputs' unit.

    Parameters
    ----------
    outputs : array, (..., cases)
        One output per case.
    targets : array, (cases,)
        0 or 1.
    """
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(targets) > 0
    return np.asarray(y[..., wanted].min(axis=-1) - y[..., ~wanted].max(axis=-1))


def goal_figure(task: Task, outputs: ArrayLike, targets: ArrayLike, threshold: ArrayLike) -> FloatArray:
    """Return what a task's goal is compared with.

    Parameters
    ----------
    task : Task
        Its kind decides: ``gate``, separation over swing (-1 where nothing swings); ``classes``, share of the cases
        on the right side of the threshold, averaged over the classes so that a rare one counts as much; ``curve``,
        root-mean-square deviation of the outputs above the threshold from the targets, in units of the targets'
        standard deviation; of a case alone, which has none, in units of ``task.target``.
    outputs : array, (..., cases)
        In ampere.
    targets : array, (cases,)
        As in `Task`.
    threshold : array, (...,)
        In ampere.

    Returns
    -------
    ndarray, (...,)
    """
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(targets, dtype=float)
    if task.kind == "gate":
        swing = np.ptp(y, axis=-1)
        return np.asarray(np.where(swing > 0, separation(y, wanted) / np.where(swing > 0, swing, 1.0), -1.0))
    above = y - np.asarray(threshold, dtype=float)[..., None]
    if task.kind == "classes":
        right = (above > 0) == (wanted > 0)
        return np.asarray(np.mean([right[..., wanted == value].mean(axis=-1) for value in np.unique(wanted)], axis=0))
    unit = wanted.std() if len(wanted) > 1 else 1.0
    return np.asarray(np.sqrt(((above / task.target - wanted) ** 2).mean(axis=-1)) / unit)


@dataclass(frozen=True)
class Score:
    """How well outputs do a task.

    Parameters
    ----------
    name : str
        Of the figure that the goal is compared with: ``margin``, ``accuracy`` or ``error``.
    value : float
        That figure, on the held-out cases where there are any.
    shown : float
        The same on the cases shown to the loop.
    separation : float or None
        Of the shown cases' classes, in ampere; None for a curve.
    swing : float
        Greatest minus least output of the shown cases, in ampere.
    threshold : float
        In ampere.
    reason : str
        Why the task is not done, or nothing if it is.
    """

    name: str
    value: float
    shown: float
    separation: float | None
    swing: float
    threshold: float
    reason: str


def score(task: Task, outputs: ArrayLike, held: ArrayLike, threshold: float) -> Score:
    """Score one set of outputs.

    Parameters
    ----------
    task : Task
        Targets and goal.
    outputs : array, (cases,)
        Of the shown cases, in ampere.
    held : array, (test cases,)
        Of the held-out cases, in ampere; empty where there are none.
    threshold : float
        In ampere.
    """
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(task.targets)
    shown = float(goal_figure(task, y, wanted, threshold))
    value = float(goal_figure(task, held, task.test_targets, threshold)) if task.test_cases else shown
    gap = None if task.kind == "curve" else float(separation(y, wanted))
    between = bool(y[wanted > 0].min() > threshold > y[wanted <= 0].max()) if task.kind == "gate" else True
    reason = _reason(task, value, gap, threshold, between)
    return Score(_NAMES[task.kind], value, shown, gap, float(np.ptp(y)), threshold, reason)


def _reason(task: Task, value: float, gap: float | None, threshold: float, between: bool) -> str:
    which = "held-out" if task.test_cases else "shown"
    if task.kind == "curve":
        return "" if value <= task.goal else f"error {value:.3g} on the {which} cases is above {task.goal:.3g}"
    if task.kind == "classes":
        return "" if value >= task.goal else f"accuracy {value:.1%} on the {which} cases is below {task.goal:.1%}"
    if gap is not None and gap <= 0:
        return f"no threshold separates the outputs (separation {gap * 1e9:.3g} nA)"
    if not value >= task.goal:
        return f"margin {value:.1%} is below {task.goal:.1%}"
    if not between:
        return f"the threshold learnt ({threshold * 1e9:.3g} nA) does not lie between the two classes"
    return ""


def already_solved(task: Task, outputs: ArrayLike) -> NDArray[np.bool_]:
    """Tell whether outputs do a task with the best of all thresholds: a start that does is no demonstration.

    Parameters
    ----------
    task : Task
        For a gate any separation counts, for the others the goal, over the shown cases.
    outputs : array, (..., cases)
        In ampere.

    Returns
    -------
    ndarray of bool, (...,)
    """
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(task.targets)
    if task.kind == "gate":
        return np.asarray(separation(y, wanted) > 0)
    if task.kind == "curve":
        best = (y - task.target * wanted).mean(axis=-1)
        return np.asarray(goal_figure(task, y, wanted, best) <= task.goal)
    tried = np.concatenate([y, y.min(axis=-1, keepdims=True) - 1.0], axis=-1)  # just below any case, or below all
    figures = [goal_figure(task, y, wanted, tried[..., k]) for k in range(tried.shape[-1])]
    return np.asarray(np.max(figures, axis=0) >= task.goal)


def correlation(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Return Pearson's correlation of outputs and targets, (cases,) each; 0 where the outputs are all equal."""
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(targets, dtype=float)
    y, wanted = y - y.mean(), wanted - wanted.mean()
    size = float(np.sqrt((y**2).sum() * (wanted**2).sum()))
    return float((y * wanted).sum()) / size if size > 0 else 0.0


def correlation_loss(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Return the laboratory's loss of classes: correlation over a sigmoid of the separation.

    ``(1.1 - corr) / (1/(1 + exp(-(sep - 5)/3)) + 0.05)``, separation in nanoampere: at least 0.095, below 0.1 for a
    gate with room (the public experiment code of the first author of Boon et al., Nature Communications 2025).

    Parameters
    ----------
    outputs : array, (cases,)
        In ampere.
    targets : array, (cases,)
        0 or 1.
    """
    gap = float(np.clip(separation(outputs, targets) * 1e9, -1e3, 1e3))
    return (1.1 - correlation(outputs, targets)) / (1.0 / (1.0 + np.exp(-(gap - 5.0) / 3.0)) + 0.05)


def case_voltages(network: Network, task: Task, controls: ArrayLike, cases: Points | None = None) -> FloatArray:
    """Return the electrode voltages of every case at given control voltages.

    Parameters
    ----------
    network : Network
        Decides which electrode is what; output and ground are at 0 V.
    task : Task
        Input levels.
    controls : array, (..., C)
        In the order of ``network.controls``, in volt.
    cases : tuple of tuple of float, optional
        Inputs; those shown to the loop by default.

    Returns
    -------
    ndarray, (..., cases, E)
        In volt.
    """
    c, inputs = np.asarray(controls, dtype=float), task.input_voltages(task.cases if cases is None else cases)
    voltages = np.zeros((*c.shape[:-1], len(inputs), network.n_electrodes))
    voltages[..., list(network.controls)] = c[..., None, :]
    voltages[..., list(network.inputs)] = inputs
    return voltages


def network_outputs(network: Network, task: Task, controls: ArrayLike, cases: Points | None = None) -> FloatArray:
    """Return the output currents of the network alone, (..., cases) in ampere, at control voltages (..., C)."""
    return network.output_current(case_voltages(network, task, controls, cases))


def dither_curvature(network: Network, loop: HomodyneLoop, controls: ArrayLike) -> float:
    """Return how much the dither changes the mean output: largest change over the swing, or `target` for one case.

    The device is not linear over a dither of a few kT/e, so the loop sees the output averaged over the dither; here
    over one beat of the tone plan, all carriers at once.

    Parameters
    ----------
    network : Network
        The device.
    loop : HomodyneLoop
        Task, tone plan and dither.
    controls : array, (C,)
        In volt.
    """
    c = np.asarray(controls, dtype=float)
    multiples = np.array(loop.plan.multiples[: len(c)])
    samples = _SAMPLES_PER_CYCLE * max(loop.plan.multiples)
    phases = 2 * np.pi * np.outer(np.arange(samples) / samples, multiples)
    still = network_outputs(network, loop.task, c)
    moved = network_outputs(network, loop.task, c + loop.settings.dither * np.sin(phases)).mean(axis=0)
    unit = np.ptp(still) if len(still) > 1 else loop.task.target
    return float(np.abs(moved - still).max() / unit)
