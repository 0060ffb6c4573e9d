"""The laboratory's loop: network, dither and read-out are analog; lock-in, loss and the update are Python.

::

    data --> network --> readout --out--> [ADC] --> lock-in --> loss --> optimizer --> [DAC] --> controls
               ^                                                                                    |
               +------------------------------- controls, each with its dither <--------------------+

All controls carry dithers at once. In every input case the lock-in reads the derivative of the output by each control;
once all cases of an epoch are through, the loss and its derivative by each output are worked out, the chain rule gives
the derivative by each control, and the controls move (the public experiment code of the first author of Boon et al.,
Nature Communications 2025). The threshold is a number in Python: its derivative is known and needs no dither. The last
epoch of a run is the measurement without dither, at the best controls that were met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hgesim.arguments import check_kind, check_positive, check_real
from hgesim.blocks import Block
from hgesim.blocks.transfer import CONTRACT
from hgesim.circuit import Dc, Element, Sine, VoltageSource, electrode_net
from hgesim.errors import RequestError, nearest
from hgesim.loop.homodyne import HomodyneLoop
from hgesim.loop.lockin import ESTIMATES
from hgesim.loop.optimizer import Optimizer
from hgesim.loop.wiring import THRESHOLD, Channel, Placer, grounded, refuse_missing, start_gate, supplies, tone
from hgesim.network import Network

__all__ = ["OUTPUT", "DigitalLoop", "DigitalSettings", "control_source", "dither_source"]

OUTPUT = "out"
_BELOW = 0.99  # of a converter's largest code: a mean so near is one of samples that are clipped


@dataclass(frozen=True)
class DigitalSettings:
    """What Python does.

    Parameters
    ----------
    optimizer : Optimizer
        How controls and threshold move.
    estimate : str
        Of the lock-in: ``"in-phase"``, or ``"magnitude"`` times the sign of the in-phase part, as in the laboratory.
    stop_loss : float or None
        A loss at or below it ends the run, in the loss's unit; None: never.
    clip : float or None
        An output beyond it (mean over a window, either sign), in ampere, has all controls drawn anew; None: what
        read-out and converter are straight to.
    control_range : float
        Controls and threshold stay within plus and minus so many volt.

    Raises
    ------
    RequestError
        ``loop.bad-value``.
    """

    optimizer: Optimizer = field(default_factory=Optimizer)
    estimate: str = "in-phase"
    stop_loss: float | None = None
    clip: float | None = None
    control_range: float = 1.2

    def __post_init__(self) -> None:
        """Refuse values that make no loop."""
        check_kind(self.optimizer, Optimizer, "loop.bad-value", "loop.optimizer")
        if not isinstance(self.estimate, str) or self.estimate not in ESTIMATES:
            remedy = nearest(str(self.estimate), ESTIMATES)
            raise RequestError("loop.bad-value", f'"{self.estimate}"', place="loop.lock_in", remedy=remedy)
        check_positive(self.control_range, "loop.bad-value", "loop.control_range", "V")
        if self.clip is not None:
            check_positive(self.clip, "loop.bad-value", "loop.clip", "A")
        if self.stop_loss is not None and not math.isfinite(
            check_real(self.stop_loss, "loop.bad-value", "loop.stop_loss")
        ):
            raise RequestError("loop.bad-value", f"{self.stop_loss:g}", place="loop.stop_loss", remedy="a number")


@dataclass(frozen=True)
class DigitalLoop(HomodyneLoop):
    """The same task, tone plan, time line, values and start as of `HomodyneLoop`, and what Python does with them.

    Of the values count ``dither``, ``transimpedance``, ``threshold_resistance`` (which turns the threshold's voltage
    into a current, here by arithmetic) and ``loss``: ``"mse"``, ``"hinge"`` or ``"correlation"``
    (`hgesim.learning.correlation_loss`). The plan has one carrier for each control. The last epoch of the time line is
    the measurement without dither.
    """

    digital: DigitalSettings = field(default_factory=DigitalSettings)

    update = "digital"
    losses: ClassVar[tuple[str, ...]] = ("mse", "hinge", "correlation")
    python_parts: ClassVar[tuple[str, ...]] = ("lock-in", "loss", "threshold", "update")

    def __post_init__(self) -> None:
        """Refuse what `HomodyneLoop` refuses, and a run that has no epoch to learn in."""
        super().__post_init__()
        check_kind(self.digital, DigitalSettings, "loop.bad-value", "loop.digital")
        if self.timeline.epochs < 2:
            raise RequestError(
                "loop.bad-count",
                f"{self.timeline.epochs} epoch, of which the last is the measurement without dither",
                place="loop.epochs",
                remedy="at least 2",
            )
        if self.settings.loss == "correlation" and self.task.kind == "curve":
            raise RequestError(
                "loop.no-classes",
                f"{self.task.name} is a curve, which has no classes to tell apart",
                place="loop.loss",
                remedy='use "mse"',
            )
        most = self.digital.control_range
        if any(abs(value) > most for value in (*self.start, self.threshold_start)):
            raise RequestError(
                "loop.out-of-range", f"a start beyond {most:g} V", place="loop.control_range", remedy="a larger range"
            )
        rate, fastest = self.converters.clock.rate, max(self.plan.carriers)
        if rate is not None and not rate > 2.0 * fastest:
            raise RequestError(
                "converters.too-slow",
                f"{rate:g} samples a second of a carrier of {fastest:g} Hz",
                place="converters.rate",
                remedy=f"more than {2 * fastest:g} Hz, a whole number in each beat",
            )
        if self.clip > self.straight:
            raise RequestError(
                "loop.out-of-range",
                f"{self.clip:g} A, but read-out and converter are straight up to {self.straight:.3g} A",
                place="loop.clip",
                remedy=f"at most {self.straight:.3g} A, or a smaller loop.transimpedance",
            )

    @property
    def straight(self) -> float:
        """Return up to which current read-out and analog-to-digital converter are straight, in ampere."""
        adc = self.converters.adc
        top = _BELOW * max(adc.reach - adc.step, adc.reach / 2)
        return min(CONTRACT.readout_linear, top) / self.settings.transimpedance

    @property
    def control_reach(self) -> float:
        """Return how far controls get: as ``digital.control_range`` and the digital-to-analog converter let them, V."""
        return min(self.digital.control_range, self.converters.dac.reach)

    @property
    def clip(self) -> float:
        """Return the output beyond which controls are drawn anew, in ampere."""
        return self.straight if self.digital.clip is None else self.digital.clip

    @property
    def loss_unit(self) -> str:
        """Return the unit of the loss."""
        return "1" if self.settings.loss == "correlation" else super().loss_unit

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of blocks that are analog."""
        return ("readout",)

    def channels(self, network: Network) -> tuple[Channel, ...]:
        """Return a channel for every control electrode in order, then the threshold's, which has no tone and no net.

        Raises what `HomodyneLoop.channels` does.
        """
        self.check_fit(network)
        names = [network.electrode_labels[number] for number in network.controls]
        if len(self.plan.carriers) != len(names):
            raise RequestError(
                "loop.channel-count",
                f"{len(self.plan.carriers)} carriers for {len(names)} controls",
                place="loop.carriers",
                remedy=f"give {len(names)}: the threshold of a digital update has none",
            )
        starts = self.converters.dac(self.start).tolist()
        controls = (
            Channel(name, electrode_net(name), carrier, self.settings.dither, start)
            for name, carrier, start in zip(names, self.plan.carriers, starts, strict=True)
        )
        return (*controls, Channel(THRESHOLD, "", 0.0, 0.0, self.threshold_start))

    def signals(self, network: Network) -> dict[str, Any]:
        """Return which net plays which part."""
        return {
            "output": OUTPUT,
            "controls": {channel.name: channel.net for channel in self.channels(network)[:-1]},
            "inputs": self.input_nets(network),
        }

    def elements(self, network: Network, blocks: Mapping[str, Block]) -> tuple[Element, ...]:
        """Wire what is analog around a network: data, controls with their dithers, and the read-out.

        The voltage of control j is that of source ``v_control_<j>``, its dither that of ``i_dither_<j>`` in 1 ohm.
        """
        refuse_missing(self.kinds, blocks)
        blocks = {kind: blocks[kind] for kind in self.kinds}
        place = Placer(blocks)
        output = electrode_net(network.electrode_labels[network.output])
        parts: list[Element] = [*supplies(blocks), *self.data_sources(network), *grounded(network)]
        parts.append(start_gate(self.timeline))
        for channel in self.channels(network)[:-1]:
            foot = f"dither_{channel.name}"
            parts += tone(foot, Sine(channel.dither, channel.carrier), "dither")
            parts.append(VoltageSource(control_source(channel.name), channel.net, foot, Dc(channel.start), "control"))
        parts.append(place("readout", "", {"inp": output, "out": OUTPUT}, rf=self.settings.transimpedance))
        return tuple(parts)


def control_source(name: str) -> str:
    """Return the source that Python sets for a control."""
    return f"v_control_{name}"


def dither_source(name: str) -> str:
    """Return the source of a control's dither."""
    return f"i_dither_{name}"
