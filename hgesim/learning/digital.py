"""What Python does in a digital loop: from outputs and their derivatives to the loss, its gradient and the next move.

Nothing here knows where the outputs come from: a simulated read-out, or the exact network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_finite
from hgesim.errors import RequestError
from hgesim.learning.score import case_voltages, correlation, correlation_loss, separation
from hgesim.loop import DigitalLoop
from hgesim.network import Network
from hgesim.waveforms import demodulate, derivative, window_means

__all__ = [
    "DigitalEpoch",
    "DigitalUpdate",
    "Measured",
    "correlation_loss_slope",
    "exact_digital_run",
    "exact_measurement",
    "measure_epoch",
    "output_loss",
]

FloatArray = NDArray[np.float64]

_BESIDE = 8  # points before and behind a window, for the spline between points


def correlation_loss_slope(outputs: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Return the derivative of `hgesim.learning.correlation_loss` by every output, (cases,) in 1/A.

    With E = (1.1 - c)/(s + 0.05), s the sigmoid of g = (separation - 5 nA)/3 nA: ``dE = -dc/(s + 0.05) - (1.1 - c)
    s (1 - s) dg/(s + 0.05)^2``; ``dc/dy_k = (w_k/|w| - c y_k/|y|)/|y|`` with the means of y and w taken off; the
    separation moves with the least output of class 1 and against the greatest of class 0. Where all outputs are equal
    the correlation has no derivative: 0.

    Parameters
    ----------
    outputs : array, (cases,)
        In ampere.
    targets : array, (cases,)
        0 or 1, both there.
    """
    y = check_finite(outputs, "loop.bad-value", "outputs")
    wanted = np.asarray(targets, dtype=float)
    gap = float(np.clip(separation(y, wanted) * 1e9, -1e3, 1e3))
    sigmoid = 1.0 / (1.0 + np.exp(-(gap - 5.0) / 3.0))
    below, c = sigmoid + 0.05, correlation(y, wanted)
    off, goal = y - y.mean(), wanted - wanted.mean()
    size = float(np.linalg.norm(off))
    by_correlation = (goal / np.linalg.norm(goal) - c * off / size) / size if size > 0 else np.zeros_like(y)
    by_gap = np.zeros_like(y)
    by_gap[np.flatnonzero(wanted > 0)[np.argmin(y[wanted > 0])]] = 1e9 / 3.0
    by_gap[np.flatnonzero(wanted <= 0)[np.argmax(y[wanted <= 0])]] = -1e9 / 3.0
    return np.asarray(-by_correlation / below - (1.1 - c) * sigmoid * (1.0 - sigmoid) * by_gap / below**2)


def output_loss(loop: DigitalLoop, outputs: ArrayLike, threshold: float) -> tuple[float, FloatArray, float]:
    """Return the loss of a loop, and its derivatives.

    Parameters
    ----------
    loop : DigitalLoop
        Its ``settings.loss`` decides: ``mse`` and ``hinge`` are the mean of the squared errors (V^2) that a read-out
        behind the summing node of the analog loop would show; ``correlation`` has no unit.
    outputs : array, (cases,)
        In ampere.
    threshold : float
        Its voltage, as in the analog loop.

    Returns
    -------
    loss : float
    by_output : ndarray, (cases,)
        Per ampere.
    by_threshold : float
        Per volt; 0 for ``correlation``, whose threshold is where the classes are told apart best.
    """
    y, task, settings = np.asarray(outputs, dtype=float), loop.task, loop.settings
    if settings.loss == "correlation":
        return correlation_loss(y, task.targets), correlation_loss_slope(y, task.targets), 0.0
    counted = loop.counted(summed_error(loop, y, threshold), task.target_levels)
    by_output = -2.0 * settings.transimpedance * counted / len(y)
    return float((counted**2).mean()), by_output, float(by_output.sum() / settings.threshold_resistance)


def summed_error(loop: DigitalLoop, outputs: ArrayLike, threshold: ArrayLike) -> FloatArray:
    """Return the error (V) that the analog loop's read-out would show of outputs (A), (..., cases)."""
    settings, wanted = loop.settings, loop.task.target * np.array(loop.task.target_levels)
    shift = np.asarray(threshold, dtype=float)[..., None] / settings.threshold_resistance
    return np.asarray(-settings.transimpedance * (np.asarray(outputs, dtype=float) + shift - wanted))


def middle_threshold(loop: DigitalLoop, outputs: ArrayLike) -> float:
    """Return the threshold's voltage halfway between the classes: least output of class 1, greatest of class 0."""
    y, wanted = np.asarray(outputs, dtype=float), np.asarray(loop.task.targets) > 0
    return float(-0.5 * (y[wanted].min() + y[~wanted].max()) * loop.settings.threshold_resistance)


@dataclass(frozen=True, eq=False)
class Measured:
    """What an epoch showed: mean outputs, (cases,) in ampere, and their derivatives, (cases, C) in A/V."""

    outputs: FloatArray
    derivatives: FloatArray


def measure_epoch(time: FloatArray, output: FloatArray, loop: DigitalLoop, network: Network, epoch: int) -> Measured:
    """Read an epoch of a transient: what the converter and the lock-in make of the read-out's voltage.

    Parameters
    ----------
    time, output : ndarray, (T,)
        In second, and of the read-out in volt; at least the windows of the epoch.
    loop : DigitalLoop
        Time line, carriers, dither, converters.
    network : Network
        The device, for its channels.
    epoch : int
        Number, from 0.
    """
    channels, settings = loop.channels(network)[:-1], loop.settings
    carriers = [channel.carrier for channel in channels]
    currents, slopes = [], []
    for case in range(loop.timeline.cases):
        begin, end = span = loop.timeline.span(epoch, case)
        around = slice(max(int(np.searchsorted(time, begin)) - _BESIDE, 0), int(np.searchsorted(time, end)) + _BESIDE)
        t, volts = loop.converters.sample(time[around], output[around], span, "epoch", epoch, "case", case)
        current = -volts / settings.transimpedance
        in_phase, quadrature = demodulate(t, current, carriers, float(t[-1] - t[0]))
        currents.append(float(window_means(t, current, [t[0], t[-1]])))
        slopes.append(derivative(in_phase, quadrature, settings.dither, loop.digital.estimate))
    return Measured(np.array(currents), np.array(slopes))


def exact_measurement(loop: DigitalLoop, network: Network, controls: ArrayLike) -> Measured:
    """Return what the network alone would show at control voltages (C,), exactly: no electronics, no dither."""
    current, gradient, _ = network.output_and_gradient(case_voltages(network, loop.task, controls))
    return Measured(current, gradient[:, list(network.controls)])


@dataclass(frozen=True, eq=False)
class DigitalEpoch:
    """What was done with an epoch.

    Parameters
    ----------
    controls : ndarray, (C,)
        Voltages that were applied, converter included.
    threshold : float
        Its voltage.
    measured : Measured
        What the epoch showed.
    loss : float
        In the loss's own unit.
    gradient : ndarray, (C + 1,)
        Of the loss by controls and threshold, per volt, by the chain rule from what was measured.
    note : str
        ``"over range"`` where an output was beyond the clip level, ``"final"`` of the measurement without dither.
    """

    controls: FloatArray
    threshold: float
    measured: Measured
    loss: float
    gradient: FloatArray
    note: str = ""


class DigitalUpdate:
    """Moves controls and threshold once an epoch.

    `position` is what to apply in the epoch to come (C controls and the threshold, V); give `take` what that epoch
    showed. When `final` is True the epoch to come is the measurement without dither; after it there is no more.

    Parameters
    ----------
    loop : DigitalLoop
        Task, start and rules.
    draw : callable
        Gives the controls (C,) that take the place of those over range, for the number of the draw from 1 on.
    """

    def __init__(self, loop: DigitalLoop, draw: Callable[[int], ArrayLike]) -> None:
        self.loop, self._draw = loop, draw
        self.epochs: list[DigitalEpoch] = []
        self.redraws: list[int] = []
        self.final = False
        self.best: int | None = None
        self.reason = "all epochs done"
        self._place = np.array([*loop.start, loop.threshold_start])
        self._state = loop.digital.optimizer.begin(len(self._place))

    @property
    def position(self) -> FloatArray:
        """Return controls and threshold of the epoch to come; controls as the converter gives them."""
        controls = self.loop.converters.dac(self._place[:-1])
        return np.append(controls, self._place[-1])

    @property
    def done(self) -> bool:
        """Tell whether the last measurement has been taken."""
        return bool(self.epochs) and self.epochs[-1].note == "final"

    def take(self, measured: Measured) -> DigitalEpoch:
        """Take what an epoch showed, and move.

        Raises
        ------
        RequestError
            ``loop.bad-value`` after the last measurement.
        """
        if self.done:
            raise RequestError("loop.bad-value", "the run has had its last measurement", place="take")
        here = self._judged(measured)
        self.epochs.append(here)
        if self.final:
            return here
        if here.note:
            self.redraws.append(len(self.epochs))
            drawn = np.asarray(self._draw(len(self.redraws)), dtype=float)
            self._place = np.append(drawn, self.loop.threshold_start)
            self._state = self.loop.digital.optimizer.begin(len(self._place))
        else:
            if self.best is None or here.loss < self.epochs[self.best].loss:
                self.best = len(self.epochs) - 1
            self._move(here)
        self._look_ahead(here)
        return here

    def _judged(self, measured: Measured) -> DigitalEpoch:
        place, loop = self.position, self.loop
        threshold = float(place[-1])
        if loop.settings.loss == "correlation":
            threshold = middle_threshold(loop, measured.outputs)
            self._place[-1] = threshold
        loss, by_output, by_threshold = output_loss(loop, measured.outputs, threshold)
        gradient = np.append(by_output @ measured.derivatives, by_threshold)
        over = bool(np.abs(measured.outputs).max() > loop.clip)
        note = "final" if self.final else "over range" if over else ""
        return DigitalEpoch(place[:-1], threshold, measured, loss, gradient, note)

    def _move(self, here: DigitalEpoch) -> None:
        most = np.full(len(self._place), self.loop.control_reach)  # beyond it a control would have to come back first
        most[-1] = self.loop.digital.control_range
        moved, self._state = self.loop.digital.optimizer.step(self._place, here.gradient, self._state)
        self._place = np.clip(moved, -most, most)

    def _look_ahead(self, here: DigitalEpoch) -> None:
        """Go to the best controls for the measurement without dither when the loss is low enough, or time is up."""
        stop = self.loop.digital.stop_loss
        if not here.note and stop is not None and here.loss <= stop:
            self.reason = "the loss is at or below loop.stop_loss"
        elif len(self.epochs) < self.loop.timeline.epochs - 1:
            return
        self.final = True
        if self.best is not None:
            best = self.epochs[self.best]
            self._place = np.append(best.controls, best.threshold)


def exact_digital_run(
    loop: DigitalLoop, network: Network, draw: Callable[[int], ArrayLike] | None = None
) -> DigitalUpdate:
    """Follow a digital loop on the exact network: its rules without electronics, dither or transient, in milliseconds.

    Parameters
    ----------
    loop : DigitalLoop
        Task, start and rules; its DAC counts, its ADC does not.
    network : Network
        The device.
    draw : callable, optional
        As for `DigitalUpdate`; without it controls over range stay where they are.

    Raises
    ------
    HgeError
        ``network.no-convergence``.
    """
    update = DigitalUpdate(loop, draw or (lambda number: update.position[:-1]))
    while not update.done:
        update.take(exact_measurement(loop, network, update.position[:-1]))
    return update
