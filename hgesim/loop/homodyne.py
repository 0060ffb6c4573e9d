"""The homodyne gradient extraction loop: how the blocks are wired around a network.

::

    data --> network --> readout --e--> loss --> coupler --+--> mixer --> lowpass --> integrator --> control
              ^  target and threshold current              |      ^ reference f_j        ^ dither f_j     |
              |                                            +--> ... one branch per channel                |
              +-------------------------------------------------------------------------------------------+

Every control carries a dither of its own carrier. Squaring the error brings the derivative of the loss by control j
to carrier j; the mixer brings it down to zero frequency; the integrator moves the control downhill and adds the
dither (Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7, for the principle). The threshold is
one more channel, whose voltage feeds the summing node through a resistor. With the loss "hinge" a gate between loss
and coupler shuts while the output is on the right side of its target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_kind, check_positive, check_real, check_reals
from hgesim.blocks import KINDS, PYTHON, Block, leaky
from hgesim.blocks.transfer import CONTRACT, REFERENCE_SHAPES, hinge_open
from hgesim.circuit import (
    Element,
    Resistor,
    Sine,
    Square,
    Steps,
    VoltageSource,
    electrode_net,
)
from hgesim.errors import RequestError, nearest
from hgesim.loop.converters import Converters
from hgesim.loop.phase import check_phase
from hgesim.loop.task import Task
from hgesim.loop.timeline import Timeline
from hgesim.loop.tones import TonePlan
from hgesim.loop.wiring import (
    DRIVE,
    ERROR,
    TARGET,
    THRESHOLD,
    Channel,
    Placer,
    channels_of,
    chop_clocks,
    detector,
    detector_nets,
    gates,
    grounded,
    place_coupler,
    references,
    refuse_missing,
    refuse_short_hold,
    start_servo,
    supplies,
    target_current,
    target_source,
)
from hgesim.network import Network

__all__ = ["HomodyneLoop", "LoopSettings"]

LOSSES = ("mse", "hinge", "correlation")
# What an integrator sees instead of its low-pass at rate 0: about the low-pass's own resistance.
_REST_OHMS = 250e3


@dataclass(frozen=True)
class LoopSettings:
    """The free values of the loop.

    Parameters
    ----------
    dither : float
        Amplitude of the dither on every control, in volt.
    threshold_dither : float
        Amplitude on the threshold's voltage, in volt: its path is linear, so it may be larger.
    reference : float
        Amplitude of the mixers' references, in volt: at most their rails.
    reference_shape : str
        ``"sine"``, or ``"square"``, which switches the mixers hard (`hgesim.blocks.transfer.reference_wave`): their
        offset falls with the share of the period in which they are neither here nor there.
    reference_phase : float, tuple of float or str
        How far the references lag their dithers, in degree at the carrier: one for all channels, or one for each with
        the threshold's last. ``"auto"`` takes what `hgesim.loop.nominal_lags` says of the blocks.
    rate : float
        Learning rate relative to nominal; 0 disconnects the integrators.
    slowness : float
        Time constant of the integrators at rate 1, in units of the window: slow against an epoch, or the loop tracks
        each case instead of learning all.
    transimpedance : float
        Of the read-out, in ohm.
    threshold_resistance : float
        From the threshold's voltage to the summing node, in ohm.
    loss : str
        ``"mse"``, the error squared, or ``"hinge"``, the same only while the output is on the wrong side of its target;
        of a `DigitalLoop` also ``"correlation"``.
    decay : float or None
        Time constant in which controls and threshold decay towards 0 V by a resistor across each capacitor of the
        integrators, in second: weight decay, which stops the drift along directions that the task leaves free.
    """

    dither: float = 10e-3
    threshold_dither: float = 30e-3
    reference: float = 0.3
    rate: float = 1.0
    slowness: float = 16.0
    transimpedance: float = 2e6
    threshold_resistance: float = 2.5e6
    loss: str = "mse"
    decay: float | None = None
    reference_shape: str = "sine"
    reference_phase: float | tuple[float, ...] | str = 0.0

    def __post_init__(self) -> None:
        """Refuse values that make no loop."""
        for name in ("dither", "threshold_dither", "reference", "slowness", "transimpedance", "threshold_resistance"):
            check_positive(getattr(self, name), "loop.bad-value", f"loop.{name}")
        if self.decay is not None and not 0 < check_real(self.decay, "loop.bad-value", "loop.decay") < math.inf:
            raise RequestError(
                "loop.bad-value", f"{self.decay:g} s", place="loop.decay", remedy="a positive time, or leave it out"
            )
        check_real(self.rate, "loop.bad-value", "loop.rate")
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise RequestError("loop.bad-value", f"{self.rate:g}", place="loop.rate", remedy="0 or more; 1 is nominal")
        if self.loss not in LOSSES:
            raise RequestError(
                "loop.unknown-loss", f'"{self.loss}"', place="loop.loss", remedy=nearest(str(self.loss), LOSSES)
            )
        if self.reference_shape not in REFERENCE_SHAPES:
            raise RequestError(
                "loop.bad-value",
                f'"{self.reference_shape}"',
                place="loop.reference_shape",
                remedy=nearest(str(self.reference_shape), REFERENCE_SHAPES),
            )
        object.__setattr__(self, "reference_phase", check_phase(self.reference_phase))

    @property
    def dithers(self) -> tuple[float, float]:
        """Return the amplitudes on every control and on the threshold, in volt."""
        return self.dither, self.threshold_dither


@dataclass(frozen=True)
class HomodyneLoop:
    """A task, a tone plan, a time line, the loop's values, and where the controls and the threshold start (volt).

    `converters` stand between the circuit and what Python plays of it.
    """

    task: Task
    plan: TonePlan
    timeline: Timeline
    settings: LoopSettings
    start: tuple[float, ...]
    threshold_start: float = 0.0
    converters: Converters = field(default_factory=Converters, repr=False)

    rule = "homodyne"
    update = "analog"
    losses: ClassVar[tuple[str, ...]] = ("mse", "hinge")
    python_parts: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Take starts from any sequence; refuse a pause too short for the hold, a target beyond the read-out."""
        kinds = {"task": Task, "plan": TonePlan, "timeline": Timeline, "settings": LoopSettings}
        for name, kind in {**kinds, "converters": Converters}.items():
            check_kind(getattr(self, name), kind, "loop.bad-value", f"loop.{name}")
        object.__setattr__(self, "start", check_reals(self.start, "loop.bad-value", "loop.start"))
        check_real(self.threshold_start, "loop.bad-value", "loop.threshold_start")
        if not all(math.isfinite(value) for value in (*self.start, self.threshold_start)):
            shown = f"{list(self.start)} V, threshold {self.threshold_start:g} V"
            raise RequestError("loop.bad-value", shown, place="loop.start", remedy="finite voltages")
        if self.timeline.cases != len(self.task.cases):
            raise RequestError(
                "loop.case-count",
                f"{self.timeline.cases} cases in the time line, {len(self.task.cases)} in {self.task.name}",
                place="timeline.cases",
                remedy="make the time line with len(task.cases)",
            )
        refuse_short_hold(self.timeline.pause, "ramp and settling")
        if self.settings.loss not in self.losses:
            raise RequestError(
                "loop.unknown-loss",
                f'no circuit computes the loss "{self.settings.loss}"',
                place="loop.loss",
                remedy='set loop.update to "digital"',
            )
        if self.settings.loss == "hinge" and self.task.kind == "curve":
            raise RequestError(
                "loop.no-classes",
                f"{self.task.name} is a curve, which has no right side of its targets",
                place="loop.loss",
                remedy='use "mse"',
            )
        reach = CONTRACT.integrator_limit
        for place, starts in (("loop.start", self.start), ("loop.threshold_start", (self.threshold_start,))):
            if any(abs(value) > reach for value in starts):
                raise RequestError(
                    "loop.out-of-range",
                    f"a start beyond {reach:g} V, which no integrator reaches",
                    place=place,
                    remedy=f"at most {reach:g} V",
                )
        swing, most = self.settings.transimpedance * self.task.target, CONTRACT.readout_linear
        if swing > most:
            raise RequestError(
                "loop.out-of-range",
                f"{self.task.target:g} A are {swing:.3g} V at the read-out, which is straight up to {most:g} V",
                place="task.target",
                remedy=f"at most {most / self.settings.transimpedance:.3g} A, or a smaller loop.transimpedance",
            )

    @property
    def loss_unit(self) -> str:
        """Return the unit of the loss that results tell."""
        return "V^2"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of blocks that the loop needs."""
        return tuple(kind for kind in KINDS if kind != "hinge" or self.settings.loss == "hinge")

    def counted(self, error: ArrayLike, levels: ArrayLike) -> NDArray[np.float64]:
        """Return the errors (V) that the loss counts: with the hinge, 0 for outputs on the right side of their target.

        Parameters
        ----------
        error : array
            Of the read-out, in volt.
        levels : array
            Target of each error, as in ``task.target_levels``; broadcast against `error`.
        """
        e = np.asarray(error, dtype=float)
        return np.where(hinge_open(e, levels), e, 0.0) if self.settings.loss == "hinge" else e

    def channels(self, network: Network) -> tuple[Channel, ...]:
        """Return the channels: every control electrode in order, then the threshold.

        Raises
        ------
        RequestError
            ``loop.channel-count`` when start voltages or carriers do not fit the network's controls,
            ``task.input-count`` when the inputs do not fit the task.
        """
        self.check_fit(network)
        return channels_of(network, self.plan, self.settings.dithers, (*self.start, self.threshold_start))

    def check_fit(self, network: Network) -> None:
        """Refuse a network with other inputs than the task, or other controls than there are starts."""
        if len(network.inputs) != self.task.n_inputs:
            raise RequestError(
                "task.input-count",
                f"{self.task.name} has {self.task.n_inputs} inputs, the network {len(network.inputs)} input electrodes",
                place="network",
                remedy="give as many electrodes the role input",
            )
        count = len(network.controls)
        if len(self.start) != count:
            raise RequestError(
                "loop.channel-count", f"{len(self.start)} start voltages for {count} controls", place="loop.start"
            )

    def input_nets(self, network: Network) -> dict[str, str]:
        """Return the net of every input electrode."""
        labels = [network.electrode_labels[number] for number in network.inputs]
        return {label: electrode_net(label) for label in labels}

    def signals(self, network: Network) -> dict[str, Any]:
        """Return which net plays which part: what is stored, and what results and reports look waveforms up by."""
        return {
            "error": ERROR,
            "target": TARGET,
            "threshold": THRESHOLD,
            "controls": {c.name: c.net for c in self.channels(network) if c.net != THRESHOLD},
            "inputs": self.input_nets(network),
            "mixer_input": list(DRIVE),
        }

    def elements(self, network: Network, blocks: Mapping[str, Block]) -> tuple[Element, ...]:
        """Wire the loop around a network.

        Parameters
        ----------
        network : Network
            Whose electrodes the loop drives and reads.
        blocks : mapping of str to Block
            One block for each of `kinds`; others are left out.

        Returns
        -------
        tuple of Element
            Sources, read-out, loss (and hinge), coupler and a branch per channel. The network itself is not among them.
        """
        refuse_missing(self.kinds, blocks)
        blocks = {kind: blocks[kind] for kind in self.kinds}
        if self.settings.decay is not None:
            blocks["integrator"] = leaky(blocks["integrator"], self.settings.decay)
        place = Placer(blocks)
        output = electrode_net(network.electrode_labels[network.output])
        parts: list[Element] = [*supplies(blocks), *self._stimuli(network, blocks["coupler"])]
        parts += chop_clocks(blocks, self.timeline)
        loss, gate = ("lossp", "lossn"), list[Element]()
        if "hinge" in blocks:
            loss = ("hingep", "hingen")
            nets = {"e": ERROR, "label": TARGET, "inp": "lossp", "inn": "lossn", "outp": loss[0], "outn": loss[1]}
            gate = [place("hinge", "", nets)]
        parts += [
            place("readout", "", {"inp": output, "out": ERROR}, rf=self.settings.transimpedance),
            target_current(output, self.task.target),
            Resistor("r_threshold", THRESHOLD, output, self.settings.threshold_resistance, "threshold current"),
            place("loss", "", {"e": ERROR, "outp": "lossp", "outn": "lossn"}),
            *gate,
            place_coupler(loss, place),
        ]
        channels = self.channels(network)
        for channel, wave in zip(channels, references(channels, self.settings, blocks), strict=True):
            parts += self._branch(channel, wave, place)
        return tuple(parts)

    def start_voltages(self, network: Network) -> tuple[float, ...]:
        """Return the voltage of every electrode at time 0, in volt: the last case's inputs, the controls' start.

        Raises what `channels` does.
        """
        self.channels(network)
        first = dict(zip(network.inputs, (levels[-1] for levels in self.task.input_levels), strict=True))
        first |= dict(zip(network.controls, self.start, strict=True))
        return tuple(first.get(number, 0.0) for number in range(network.n_electrodes))

    def _stimuli(self, network: Network, coupler: Block) -> list[Element]:
        line = self.timeline
        return [
            *self.data_sources(network),
            *grounded(network),
            target_source(self.task.target_levels, line),
            *gates(coupler, line, line.pause),
        ]

    def data_sources(self, network: Network) -> list[Element]:
        """Return what steps through the inputs of the cases."""
        line = self.timeline
        return [
            VoltageSource(f"v_data_{label}", net, "0", Steps(levels, line.case, line.ramp), "data input")
            for (label, net), levels in zip(self.input_nets(network).items(), self.task.input_levels, strict=True)
        ]

    def _branch(self, channel: Channel, reference: Sine | Square, place: Placer) -> list[Element]:
        name, smooth = channel.name, detector_nets(channel.name)
        rate = self.settings.rate
        driven = smooth if rate > 0 else (f"rest_{name}_p", f"rest_{name}_n")
        rest = [Resistor(f"r_{net}", net, "0", _REST_OHMS, f"rate 0: no drive to channel {name}") for net in driven]
        capacitance = place.default("integrator", "c")
        resistance = self.settings.slowness * self.timeline.window / (capacitance * (rate if rate > 0 else 1.0))
        computed = place.blocks["integrator"].technology == PYTHON  # it is told where to begin, an analog one is led
        servo = start_servo(channel, driven[0], place.blocks["integrator"], decays=self.settings.decay is not None)
        return [
            *detector(channel, reference, place),
            place(
                "integrator",
                name,
                {"inp": driven[0], "inn": driven[1], "dither": f"dither_{name}", "out": channel.net},
                r=resistance,
                **({"start": channel.start} if computed else {}),
            ),
            *(rest if rate == 0 else []),
            *(() if computed else (servo,)),
        ]
