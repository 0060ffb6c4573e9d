"""A task on a device as a problem for the baselines: controls and threshold in, loss and exact gradient out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hgesim.learning.problem import FloatArray, Problem, bad_value, check_real
from hgesim.learning.score import already_solved, case_voltages, network_outputs, score
from hgesim.loop import HomodyneLoop
from hgesim.network import Network

__all__ = ["task_problem"]


def task_problem(network: Network, loop: HomodyneLoop, control_range: float = 1.2) -> Problem:
    r"""Make the problem that the loop solves, for optimisers that are not the loop.

    A point is the voltages of the controls and, last, of the threshold channel ``u``. In case q the error is
    ``e = -R (I(V) + u/R_b - I_t t_q)``; the loss is the mean of ``e^2`` over the shown cases, in V^2, with the loss
    ``"hinge"`` of ``e^2`` where the output is on the wrong side of its target (the squared hinge of a support vector
    machine). The read-out's limit and the loss circuit's knee, which the loop has to live with, are left out.

    A point solves the problem when `hgesim.learning.score` has nothing against it. Held-out cases, which nobody
    learns from, are looked at only where the shown ones reach the goal with some threshold, and are not counted.

    Parameters
    ----------
    network : Network
        The device: outputs and gradients are exact.
    loop : HomodyneLoop
        Task and settings; start, tones and time line are not used.
    control_range : float
        The box of every control and of the threshold: plus and minus this, in volt.

    Returns
    -------
    Problem
        Of C + 1 controls, one device evaluation for each shown case.

    Raises
    ------
    RequestError
        What ``loop.channels`` refuses; ``baselines.bad-value`` for a range that is not positive.
    """
    loop.channels(network)
    check_real(control_range, "control_range", "a positive voltage")
    if control_range <= 0:
        raise bad_value("control_range", control_range, "a positive voltage")
    device = _Device(network, loop)
    box = np.full(len(network.controls) + 1, float(control_range))
    return Problem(device.loss, device.gradient, device.solved, -box, box, len(loop.task.cases))


@dataclass
class _Device:
    """The twin, which remembers its last outputs: the loss and whether the task is solved are one measurement."""

    network: Network
    loop: HomodyneLoop
    _points: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    _outputs: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    def loss(self, points: FloatArray) -> FloatArray:
        """Return the loss, (n,) in V^2, at points (n, C + 1)."""
        error = self._counted(points, self._measured(points))
        return np.asarray((error**2).mean(axis=1))

    def gradient(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the loss, (n,), and its derivatives, (n, C + 1) in V."""
        volts = case_voltages(self.network, self.loop.task, points[:, :-1])
        currents, slopes, _ = self.network.output_and_gradient(volts)
        self._points, self._outputs = points.copy(), currents
        error, settings = self._counted(points, currents), self.loop.settings
        by_threshold = np.full((*currents.shape, 1), 1.0 / settings.threshold_resistance)
        by_channel = np.concatenate([slopes[..., list(self.network.controls)], by_threshold], axis=-1)
        slope = -2.0 * settings.transimpedance * (error[..., None] * by_channel).mean(axis=1)
        return np.asarray((error**2).mean(axis=1)), slope

    def solved(self, points: FloatArray) -> NDArray[np.bool_]:
        """Tell at which points, (n, C + 1), the task is done."""
        outputs, task = self._measured(points), self.loop.task
        thresholds = -points[:, -1] / self.loop.settings.threshold_resistance
        found = np.array(already_solved(task, outputs)).reshape(len(points))
        for k in np.flatnonzero(found):
            held = network_outputs(self.network, task, points[k, :-1], task.test_cases)
            found[k] = not score(task, outputs[k], held, float(thresholds[k])).reason
        return found

    def _measured(self, points: FloatArray) -> FloatArray:
        if not np.array_equal(points, self._points):
            self._points = points.copy()
            self._outputs = network_outputs(self.network, self.loop.task, points[:, :-1])
        return self._outputs

    def _counted(self, points: FloatArray, outputs: FloatArray) -> FloatArray:
        """Return the errors, (n, cases) in volt; 0 where the hinge is shut."""
        task, settings = self.loop.task, self.loop.settings
        levels = np.array(task.target_levels)
        ends = outputs + points[:, -1:] / settings.threshold_resistance - task.target * levels
        return self.loop.counted(-settings.transimpedance * ends, levels)
