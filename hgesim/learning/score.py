"""Is the task learnt? The network alone decides, at the controls where the loop left it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.loop import GateTask, HomodyneLoop
from hgesim.network import Network

__all__ = ["GateScore", "case_voltages", "dither_curvature", "network_outputs", "score_gate", "separation"]

FloatArray = NDArray[np.float64]

_SAMPLES_PER_CYCLE = 16  # harmonics of the device up to the 15th do not alias to zero frequency


def separation(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Return the least output of target 1 minus the greatest of target 0, in the outputs' unit.

    Parameters
    ----------
    outputs : array, (cases,)
        One output per case.
    targets : array, (cases,)
        0 or 1.
    """
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(targets) > 0
    return float(y[wanted].min() - y[~wanted].max())


@dataclass(frozen=True)
class GateScore:
    """How well four outputs make a gate.

    Parameters
    ----------
    separation, swing : float
        As defined in `separation`; greatest minus least output. In ampere.
    threshold : float
        In ampere.
    between : bool
        Whether the threshold lies between the two classes.
    """

    separation: float
    swing: float
    threshold: float
    between: bool

    @property
    def margin(self) -> float:
        """Return separation over swing; negative when the gate is wrong."""
        return self.separation / self.swing if self.swing > 0 else -1.0

    def reason(self, task: GateTask) -> str:
        """Say in words why this is not the gate, or nothing if it is."""
        if self.separation <= 0:
            return f"no threshold separates the outputs (separation {self.separation * 1e9:.3g} nA)"
        if self.margin < task.margin:
            return f"margin {self.margin:.1%} is below {task.margin:.1%}"
        if not self.between:
            return f"the threshold learnt ({self.threshold * 1e9:.3g} nA) does not lie between the two classes"
        return ""


def score_gate(outputs: ArrayLike, targets: ArrayLike, threshold: float) -> GateScore:
    """Score the outputs of a gate's cases against a threshold; currents in ampere."""
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(targets) > 0
    between = bool(y[wanted].min() > threshold > y[~wanted].max())
    return GateScore(separation(y, targets), float(np.ptp(y)), threshold, between)


def case_voltages(network: Network, task: GateTask, controls: ArrayLike) -> FloatArray:
    """Return the electrode voltages of every case at given control voltages.

    Parameters
    ----------
    network : Network
        Decides which electrode is what; output and ground are at 0 V.
    task : GateTask
        Input levels.
    controls : array, (..., C)
        In the order of ``network.controls``, in volt.

    Returns
    -------
    ndarray, (..., cases, E)
        In volt.
    """
    c = np.asarray(controls, dtype=float)
    voltages = np.zeros((*c.shape[:-1], len(task.cases), network.n_electrodes))
    voltages[..., list(network.controls)] = c[..., None, :]
    voltages[..., list(network.inputs)] = np.asarray(task.input_levels).T
    return voltages


def network_outputs(network: Network, task: GateTask, controls: ArrayLike) -> FloatArray:
    """Return the output currents of the network alone, (..., cases) in ampere, at control voltages (..., C)."""
    return network.output_current(case_voltages(network, task, controls))


def dither_curvature(network: Network, loop: HomodyneLoop, controls: ArrayLike) -> float:
    """Return how much the dither changes the mean output: largest change over the swing.

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
    return float(np.abs(moved - still).max() / np.ptp(still))
