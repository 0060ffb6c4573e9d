"""The averaged equations of the homodyne loop: where the integrators drift, case after case, without any carrier.

A transient costs a minute, these a millisecond: they tell which devices and starts are worth a transient. What they
leave out (intermodulation, dither curvature, noise of the circuit) a transient shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.blocks.transfer import CONTRACT, loss_slope, mixer_mean
from hgesim.errors import RequestError
from hgesim.learning.score import case_voltages
from hgesim.loop import HomodyneLoop, trim_gains
from hgesim.network import Network

__all__ = ["AveragedLoop", "AveragedRun", "averaged_run"]

FloatArray = NDArray[np.float64]
_SMALL = 1e-3


@dataclass(frozen=True)
class AveragedRun:
    """What the averaged equations predict for a batch of starts.

    Parameters
    ----------
    controls : ndarray, (S, C)
        At the end, in volt.
    threshold : ndarray, (S,)
        Voltage of the threshold channel at the end.
    loss : ndarray, (S, epochs)
        Mean over the cases of the squared error, in V^2, in each epoch.
    path : ndarray, (S, epochs, C + 1)
        Controls and, last, threshold at the end of each epoch, in volt.
    """

    controls: FloatArray
    threshold: FloatArray
    loss: FloatArray
    path: FloatArray


def averaged_run(network: Network, loop: HomodyneLoop, starts: ArrayLike) -> AveragedRun:
    r"""Follow the averaged equations from many starts at once.

    In case q the error is ``e = -R (I(V) + u/R_b - I_t t_q)`` with the threshold's voltage ``u``. A dither of amplitude
    ``A_j`` on channel j makes a ripple ``S'(e) (de/dV_j) A_j`` at its carrier, with ``S = k e tanh(e/e0)`` the loss
    circuit; the coupler's gain and the mixer's mean response ``G`` turn it into the drive ``m_j = G S'(e) (de/dV_j)
    A_j``; a phase trim multiplies it by `hgesim.loop.trim_gains`. The limiting amplifier sees all carriers together and
    keeps the drive's length below ``m_0``: ``m -> m / sqrt(1 + |m|^2 / m_0^2)``. Over a window T the integrators move
    by ``-m_j T / (R C)``; with a decay they lose a part of their voltage in each case.
    The method of averaging: Sanders, Verhulst and Murdock, Averaging Methods in Nonlinear Dynamical Systems (2007).

    Parameters
    ----------
    network : Network
        The device; its gradient is exact.
    loop : HomodyneLoop
        Task, time line and settings; its own start is not used.
    starts : array, (S, C)
        Start voltages of the controls.

    Returns
    -------
    AveragedRun

    Raises
    ------
    RequestError
        ``loop.channel-count`` for starts of another width; what ``loop.channels`` refuses.
    """
    loop.channels(network)
    controls = np.array(starts, dtype=float)
    if controls.ndim != 2 or controls.shape[1] != len(network.controls):
        raise RequestError(
            "loop.channel-count", f"starts of shape {controls.shape}", remedy=f"(starts, {len(network.controls)})"
        )
    average = AveragedLoop(network, loop)
    channels = np.column_stack([controls, np.full(len(controls), loop.threshold_start)])
    loss = np.zeros((len(controls), loop.timeline.epochs))
    path = np.zeros((*loss.shape, channels.shape[1]))
    for epoch in range(loop.timeline.epochs):
        channels, loss[:, epoch] = average.epoch(channels)
        path[:, epoch] = channels
    return AveragedRun(channels[:, :-1], channels[:, -1], loss, path)


@dataclass(frozen=True, eq=False)
class AveragedLoop:
    """The averaged equations of a loop around a network; see `averaged_run`."""

    network: Network
    loop: HomodyneLoop
    _warm: dict[tuple[int, int], FloatArray] = field(default_factory=dict)

    def epoch(self, channels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Move on by an epoch.

        Parameters
        ----------
        channels : ndarray, (S, C + 1)
            Controls and, last, threshold, in volt.

        Returns
        -------
        channels : ndarray, (S, C + 1)
            At the end of the epoch.
        loss : ndarray, (S,)
            Mean over the cases of the squared error, in V^2.
        """
        network, loop, task, settings = self.network, self.loop, self.loop.task, self.loop.settings
        target = task.target * np.array(task.target_levels)
        kept = 1.0 if settings.decay is None else math.exp(-loop.timeline.case / settings.decay)
        loss, limit = np.zeros(len(channels)), CONTRACT.integrator_limit
        for case, inputs in enumerate(task.cases):
            volts, place = case_voltages(network, task, channels[:, :-1], (inputs,))[:, 0], (len(channels), case)
            current, gradient, self._warm[place] = network.output_and_gradient(volts, self._warm.get(place))
            ends = current + channels[:, -1] / settings.threshold_resistance - target[case]
            error = loop.counted(-settings.transimpedance * ends, task.target_levels[case])
            loss += np.clip(error, -CONTRACT.readout_limit, CONTRACT.readout_limit) ** 2 / len(task.cases)
            slope = loss_slope(error) * (np.abs(error) < CONTRACT.readout_limit)
            step = _steps(slope, gradient[:, list(network.controls)], loop)
            channels = np.clip(kept * channels + step, -limit, limit)
        return channels, loss


def _steps(slope: FloatArray, gradient: FloatArray, loop: HomodyneLoop) -> FloatArray:
    """Return how far each channel moves in one window, (S, C + 1) in volt, the threshold last."""
    settings = loop.settings
    small = float(mixer_mean(_SMALL, settings.reference, settings.reference_shape)) / _SMALL
    gain = CONTRACT.coupler_gain * small * trim_gains(settings, loop.plan.carriers)
    by_control = -settings.transimpedance * settings.dither * gradient
    by_threshold = -settings.transimpedance / settings.threshold_resistance * settings.threshold_dither
    drive = gain * slope[:, None] * np.column_stack([by_control, np.full(len(slope), by_threshold)])
    length = np.linalg.norm(drive, axis=1, keepdims=True)
    limited = drive / np.sqrt(1.0 + (length / CONTRACT.drive_limit) ** 2)
    return np.asarray(-limited * settings.rate / settings.slowness)
