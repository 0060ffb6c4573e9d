"""A piece of a learning run: the transient of some of its epochs, begun from where the integrators are by then."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from hgesim.blocks.transfer import CONTRACT
from hgesim.circuit import CurrentSource, Element, Sine, Square
from hgesim.design.circuit import Circuit, Transient
from hgesim.design.design import Design
from hgesim.errors import RequestError

__all__ = ["piece_of_run"]


def piece_of_run(design: Design, channels: ArrayLike, epoch: int, epochs: int = 1) -> tuple[Design, Circuit]:
    """Cut some epochs out of a run.

    At the border of two epochs the coupler is held, the low-passes are empty, and the network follows its electrodes:
    the integrators' voltages are all that is left of what was before. So a transient that begins with them, and with
    carriers in the phase they have by then, is the piece of the whole one. It goes on through the pause behind its last
    epoch, in which the integrators still take what the low-passes hold.

    Parameters
    ----------
    design : Design
        The whole run.
    channels : array, (C + 1,)
        Voltages of controls and, last, threshold at the begin of the piece, without their dithers, in volt.
    epoch : int
        First epoch of the piece, from 0. Where blocks chop and the cases are odd in number it has to be even.
    epochs : int
        How many.

    Returns
    -------
    design : Design
        Of the piece: its time line, and its start with the dithers of that moment.
    circuit : Circuit
        The same with its carriers in phase: what to simulate.

    Raises
    ------
    RequestError
        ``design.bad-value`` for a piece that is not of the run, or another number of channels.
    """
    loop = design.loop
    line, nets = loop.timeline, loop.channels(design.network)
    volts = np.asarray(channels, dtype=float)
    if volts.shape != (len(nets),) or not (epoch >= 0 and epochs >= 1 and epoch + epochs <= line.epochs):
        raise RequestError(
            "design.bad-value",
            f"epochs {epoch} to {epoch + epochs} from channels of shape {volts.shape}",
            place="piece",
            remedy=f"epochs within {line.epochs}, {len(nets)} channels",
        )
    begin = epoch * line.epoch
    tones = {part.into: part.wave for part in design.circuit.elements if isinstance(part, CurrentSource)}
    dithers = [_value(tones[f"dither_{channel.name}"], begin) for channel in nets]
    reach = CONTRACT.integrator_limit
    starts = np.clip(volts + dithers, -reach, reach).tolist()
    short = dataclasses.replace(line, epochs=epochs)
    part = design.replace(
        loop=dataclasses.replace(loop, timeline=short, start=tuple(starts[:-1]), threshold_start=starts[-1])
    )
    circuit = dataclasses.replace(
        part.circuit,
        elements=tuple(_later(element, begin) for element in part.circuit.elements),
        analysis=Transient(short.stop + short.pause, loop.plan.step),
        remarks=(*part.circuit.remarks, f"A piece of a run: epochs {epoch + 1} to {epoch + epochs} of {line.epochs}."),
    )
    return part, circuit


def _phase(wave: Sine | Square, time: float) -> float:
    """Return the phase of a tone at some time, within half a turn, in radian."""
    turns = wave.frequency * time % 1.0 + wave.phase / (2.0 * math.pi)
    return 2.0 * math.pi * (turns - round(turns))


def _later(element: Element, time: float) -> Element:
    """Return an element as it is from some time on."""
    if time == 0 or not (isinstance(element, CurrentSource) and isinstance(element.wave, Sine | Square)):
        return element
    return dataclasses.replace(element, wave=dataclasses.replace(element.wave, phase=_phase(element.wave, time)))


def _value(wave: object, time: float) -> float:
    """Return the value of a dither at some time."""
    assert isinstance(wave, Sine)
    return wave.amplitude * math.sin(_phase(wave, time))
