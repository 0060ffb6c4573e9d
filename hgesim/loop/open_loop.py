"""The loop cut open: an analog instrument that measures all derivatives of a network at once, and learns nothing.

::

    points --+--> network --> readout --e--> [loss] --> coupler --+--> mixer --> lowpass --> derivative by V_j
    dither --+      ^  target and pilot current                   |      ^ reference f_j
                                                                  +--> ... one branch per channel

The operating points follow one another in one transient. At each the coupler is held during the ramp, let go, and
after some of its own time constants the mean of each low-pass over a whole number of beats is read. The threshold's
channel is a pilot: its derivative is a resistor's, known beforehand, and lies in every measurement beside the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hgesim.arguments import check_finite, check_kind, check_real
from hgesim.blocks import Block
from hgesim.blocks.transfer import CONTRACT
from hgesim.circuit import Element, Resistor, Steps, VoltageSource, electrode_net
from hgesim.errors import RequestError, nearest
from hgesim.loop.homodyne import LoopSettings
from hgesim.loop.timeline import Timeline
from hgesim.loop.tones import TonePlan
from hgesim.loop.wiring import (
    ERROR,
    THRESHOLD,
    Channel,
    Placer,
    channels_of,
    chop_clocks,
    detector,
    gates,
    grounded,
    place_coupler,
    references,
    refuse_missing,
    refuse_short_hold,
    supplies,
    target_current,
    target_source,
)
from hgesim.network import Network

__all__ = ["MEASURED", "RELEASE", "OpenLoop", "OperatingPoints"]

MEASURED = ("output", "loss")
# From letting the coupler go to the window: e^-8 of the ripple it was let go at, which the carriers average out once
# more. The ripple of the largest tone counts, against the smallest that is measured.
RELEASE = 8.0 * CONTRACT.coupler_r * CONTRACT.coupler_c


@dataclass(frozen=True)
class OperatingPoints:
    """Operating points.

    Parameters
    ----------
    volts : tuple of tuple of float, (P, E)
        Voltages of all electrodes, in volt.
    targets : tuple of float, (P,)
        Target currents in ampere; zeros where not given.
    thresholds : tuple of float, (P,)
        Voltages of the threshold, in volt; zeros where not given.
    """

    volts: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Take any sequences; refuse what is no table of finite numbers."""
        table = check_finite(self.volts, "gradient.bad-points", "volts")
        if table.ndim != 2 or not table.size:
            raise RequestError("gradient.bad-points", f"shape {table.shape}", remedy="(points, electrodes)")
        object.__setattr__(self, "volts", tuple(tuple(row) for row in table.tolist()))
        for name in ("targets", "thresholds"):
            row = check_finite(getattr(self, name), "gradient.bad-points", name)
            filled = row if row.size else np.zeros(len(table))
            if filled.shape != (len(table),):
                raise RequestError(
                    "gradient.bad-points",
                    f"{name} of shape {row.shape} for {len(table)} points",
                    place=name,
                    remedy="one value for each point",
                )
            object.__setattr__(self, name, tuple(filled.tolist()))

    def __len__(self) -> int:
        """Return P."""
        return len(self.volts)

    def take(self, numbers: Sequence[int]) -> OperatingPoints:
        """Return the points with these numbers, in their order."""
        targets, thresholds = (tuple(row[k] for k in numbers) for row in (self.targets, self.thresholds))
        return OperatingPoints(tuple(self.volts[k] for k in numbers), targets, thresholds)


@dataclass(frozen=True)
class OpenLoop:
    """Operating points, a tone plan, a time line and values.

    Parameters
    ----------
    points : OperatingPoints
        One after the other.
    plan : TonePlan
        Carriers of the controls in order, then that of the pilot.
    timeline : Timeline
        One epoch with a case for each point; its settling lasts longer than `release`.
    settings : LoopSettings
        Dithers, reference, transimpedance (which is the range) and threshold resistance.
    measured : str
        ``"output"``: the read-out goes to the coupler. ``"loss"``: through the loss circuit.
    release : float
        How long before the window the coupler is let go, in second.
    """

    points: OperatingPoints
    plan: TonePlan
    timeline: Timeline
    settings: LoopSettings
    measured: str = "output"
    release: float = RELEASE

    def __post_init__(self) -> None:
        """Refuse what cannot be wired."""
        kinds = {"points": OperatingPoints, "plan": TonePlan, "timeline": Timeline, "settings": LoopSettings}
        for name, kind in kinds.items():
            check_kind(getattr(self, name), kind, "loop.bad-value", f"loop.{name}")
        check_real(self.release, "loop.bad-time", "loop.release")
        if self.measured not in MEASURED:
            raise RequestError(
                "gradient.unknown-quantity", f'"{self.measured}"', remedy=nearest(str(self.measured), MEASURED)
            )
        if (self.timeline.cases, self.timeline.epochs) != (len(self.points), 1):
            raise RequestError(
                "loop.case-count",
                f"{self.timeline.epochs} x {self.timeline.cases} cases in the time line, {len(self.points)} points",
                place="timeline.cases",
                remedy="one epoch with a case for each point",
            )
        if not (math.isfinite(self.release) and 0 < self.release < self.timeline.settle):
            raise RequestError(
                "loop.bad-time",
                f"{self.release:g} s between the coupler's release and the window",
                place="loop.settle",
                remedy=f"above 0 and less than {self.timeline.settle:g} s of settling",
            )
        refuse_short_hold(self._hold, "ramp and hold")

    @property
    def _hold(self) -> float:
        """How long the coupler is held at each point, in second."""
        return self.timeline.pause - self.release

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of blocks needed."""
        return ("readout", *(("loss",) if self.measured == "loss" else ()), "coupler", "mixer", "lowpass")

    def channels(self, network: Network) -> tuple[Channel, ...]:
        """Return the channels: every control electrode in order, then the pilot, where the transient starts.

        Raises
        ------
        RequestError
            ``loop.channel-count`` for carriers that do not fit, ``gradient.bad-points`` for points of another width.
        """
        last = self.start_voltages(network)
        starts = [*(last[number] for number in network.controls), self.points.thresholds[-1]]
        return channels_of(network, self.plan, self.settings.dithers, starts)

    def start_voltages(self, network: Network) -> tuple[float, ...]:
        """Return the voltage of every electrode at time 0, in volt: that of the last point."""
        width = len(self.points.volts[0])
        if width != network.n_electrodes:
            raise RequestError(
                "gradient.bad-points",
                f"{width} voltages a point for {network.n_electrodes} electrodes",
                remedy="one for each electrode",
            )
        return self.points.volts[-1]

    def elements(self, network: Network, blocks: Mapping[str, Block]) -> tuple[Element, ...]:
        """Wire the instrument around a network; the network itself is not among the elements.

        Raises
        ------
        RequestError
            ``loop.missing-block``, ``blocks.missing-parameter``, and what `channels` raises.
        """
        refuse_missing(self.kinds, blocks)
        blocks = {kind: blocks[kind] for kind in self.kinds}
        place, channels = Placer(blocks), self.channels(network)
        output = electrode_net(network.electrode_labels[network.output])
        parts: list[Element] = [*supplies(blocks), *self._sources(network, channels), *grounded(network)]
        parts += gates(blocks["coupler"], self.timeline, self._hold)
        parts += chop_clocks(blocks, self.timeline)
        most = max(map(abs, self.points.targets))
        if most > 0:
            levels = tuple(target / most for target in self.points.targets)
            parts += [target_source(levels, self.timeline), target_current(output, most)]
        parts += [
            Resistor("r_threshold", THRESHOLD, output, self.settings.threshold_resistance, "pilot current"),
            place("readout", "", {"inp": output, "out": ERROR}, rf=self.settings.transimpedance),
        ]
        coupled = (ERROR, "0")
        if self.measured == "loss":
            coupled = ("lossp", "lossn")
            parts.append(place("loss", "", {"e": ERROR, "outp": coupled[0], "outn": coupled[1]}))
        parts.append(place_coupler(coupled, place))
        for channel, wave in zip(channels, references(channels, self.settings, blocks), strict=True):
            parts += detector(channel, wave, place)
        return tuple(parts)

    def _sources(self, network: Network, channels: tuple[Channel, ...]) -> list[Element]:
        """Return what steps from point to point: inputs alone, controls and threshold in series with their dither."""
        columns = dict(zip(network.electrode_labels, zip(*self.points.volts, strict=True), strict=True))
        columns[THRESHOLD] = self.points.thresholds
        feet = {channel.name: f"dither_{channel.name}" for channel in channels}
        labels = [network.electrode_labels[number] for number in network.inputs]
        steps = [(label, electrode_net(label), "0", "data input") for label in labels]
        steps += [(channel.name, channel.net, feet[channel.name], "operating point") for channel in channels]
        line = self.timeline
        return [
            VoltageSource(f"v_point_{label}", net, foot, Steps(columns[label], line.case, line.ramp), note)
            for label, net, foot, note in steps
        ]
