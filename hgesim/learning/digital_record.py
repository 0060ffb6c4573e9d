"""What a digital loop did, epoch by epoch: its history, and its gradients against the exact ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hgesim.learning.digital import DigitalUpdate, exact_measurement, output_loss, summed_error
from hgesim.learning.gradient import gradient_angle
from hgesim.learning.history import History
from hgesim.learning.score import goal_figure, network_outputs, separation
from hgesim.network import Network

__all__ = ["DigitalGradients", "digital_gradients", "digital_history"]

FloatArray = NDArray[np.float64]


def digital_history(update: DigitalUpdate, network: Network) -> History:
    """Return one row an epoch, the last that of the measurement without dither.

    Controls are those that were applied; the loss is that which was descended, in its own unit; errors are what the
    read-out of the analog loop would have shown.

    Parameters
    ----------
    update : DigitalUpdate
        At least one epoch of it done.
    network : Network
        For what it does at these controls without electronics.
    """
    loop, epochs = update.loop, update.epochs
    controls = np.array([epoch.controls for epoch in epochs])
    threshold = np.array([epoch.threshold for epoch in epochs])
    outputs = np.array([epoch.measured.outputs for epoch in epochs])
    task, alone = loop.task, network_outputs(network, loop.task, controls)
    return History(
        time=loop.timeline.epoch * np.arange(1.0, len(epochs) + 1),
        errors=summed_error(loop, outputs, threshold),
        outputs=outputs,
        loss=np.array([epoch.loss for epoch in epochs]),
        controls=controls,
        threshold=threshold,
        separation=None if task.kind == "curve" else separation(alone, task.targets),
        figure=goal_figure(task, alone, task.targets, -threshold / loop.settings.threshold_resistance),
    )


@dataclass(frozen=True, eq=False)
class DigitalGradients:
    """Measured gradients against those of the exact network at the same controls and threshold, no dither.

    Parameters
    ----------
    case_angles : ndarray, (epochs, cases)
        Of the derivatives of the output by the controls, in degree.
    loss_angles : ndarray, (epochs, 2)
        Of the gradient of the loss: by the controls, and by controls and threshold; NaN where the exact one is zero, as
        that of a hinge is once all outputs are on their side.
    slopes : ndarray, (epochs,)
        Length of the exact gradient of the loss by the controls, per volt.
    moves : ndarray, (epochs,)
        How far the controls moved after the epoch, in volt.
    """

    case_angles: FloatArray
    loss_angles: FloatArray
    slopes: FloatArray
    moves: FloatArray


def digital_gradients(update: DigitalUpdate, network: Network) -> DigitalGradients:
    """Compare the epochs in which a gradient was measured: all but the last, which has no dither.

    Parameters
    ----------
    update : DigitalUpdate
        A run of it.
    network : Network
        The device.

    Raises
    ------
    HgeError
        ``network.no-convergence``.
    """
    measured = [epoch for epoch in update.epochs if epoch.note != "final"]
    cases, losses, slopes = [], [], []
    for epoch in measured:
        exact = exact_measurement(update.loop, network, epoch.controls)
        _, by_output, by_threshold = output_loss(update.loop, exact.outputs, epoch.threshold)
        gradient = np.append(by_output @ exact.derivatives, by_threshold)
        cases.append(gradient_angle(epoch.measured.derivatives, exact.derivatives))
        losses.append([_angle(epoch.gradient[:n], gradient[:n]) for n in (-1, len(gradient))])
        slopes.append(float(np.linalg.norm(gradient[:-1])))
    places = np.array([epoch.controls for epoch in update.epochs])
    moves = np.linalg.norm(np.diff(places, axis=0), axis=1)[: len(measured)]
    return DigitalGradients(
        np.array(cases).reshape(len(measured), update.loop.timeline.cases),
        np.array(losses).reshape(len(measured), 2),
        np.array(slopes),
        moves,
    )


def _angle(measured: FloatArray, exact: FloatArray) -> float:
    return float(gradient_angle(measured, exact)) if exact.any() else math.nan
