"""The pieces that loops are wired from: nets, rails, generators, gates and the synchronous detector of a channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hgesim.blocks import CHOP, PYTHON, TECHNOLOGIES, Block, Technology
from hgesim.circuit import (
    BlockInstance,
    CurrentSource,
    Dc,
    Element,
    Pulse,
    Resistor,
    Sine,
    Square,
    StartServo,
    Steps,
    Transconductance,
    VoltageSource,
    electrode_net,
)
from hgesim.errors import RequestError
from hgesim.loop.phase import reference_lags
from hgesim.loop.timeline import Timeline
from hgesim.loop.tones import TonePlan
from hgesim.network import Network

if TYPE_CHECKING:
    from hgesim.loop.homodyne import LoopSettings

__all__ = [
    "DRIVE",
    "EDGE",
    "ERROR",
    "START_GATE",
    "TARGET",
    "THRESHOLD",
    "Channel",
    "Placer",
    "channels_of",
    "chop_clocks",
    "detector",
    "detector_nets",
    "gates",
    "grounded",
    "place_coupler",
    "rails_of",
    "references",
    "refuse_missing",
    "refuse_short_hold",
    "start_gate",
    "start_servo",
    "supplies",
    "target_current",
    "target_source",
    "tone",
]

ERROR = "err"
THRESHOLD = "threshold"
TARGET = "target"
DRIVE = ("drivep", "driven")
START_GATE = "start_gate"
EDGE = 1e-6
# The start lets go within 20 ns: the inputs, which ramp from time 0, have moved by a hundred microvolts then.
_START_EDGE = 1e-8
_GENERATOR_OHMS = 1.0
# In siemens: 0.5 V on integrators that decay in 10 ms take three microampere, for which a servo is off by 0.3 mV then.
_AGAINST_DECAY = 1e-2
# More, in ampere, would lift the input behind a low-pass over the rails, where the switches of an op-amp that chops
# conduct: it would be held at a rail then.
_GENTLE = 4e-6
# KLU first matches every row of the matrix to a column, and takes the diagonal where there is one. A net that only a
# source and controlled elements touch has none and pushes others off theirs: three times the work for 500 sites.
_GATE_OHMS = 1e6


@dataclass(frozen=True)
class Channel:
    """One thing that is learnt: name, net, carrier (Hz), dither amplitude and start of the net's voltage (V)."""

    name: str
    net: str
    carrier: float
    dither: float
    start: float


@dataclass(frozen=True)
class Placer:
    """Places a block of a kind, with its rails and its clocks for chopping, under a name that says kind and channel."""

    blocks: Mapping[str, Block]

    def __call__(self, kind: str, channel: str, nets: dict[str, str], **parameters: float) -> BlockInstance:
        """Return the instance; refuse a block that lacks a parameter that is set."""
        block = self.blocks[kind]
        rails = {port: f"{port}_{kind}" for port in ("vp", "vn", *(CHOP if block.chops else ()))}
        name = "x_" + "_".join(part for part in (kind, channel) if part)
        note = f"{kind} ({block.technology})" + (f" of channel {channel}" if channel else "")
        for parameter in parameters:
            self.default(kind, parameter)
        return BlockInstance(name, block, {**nets, **rails}, parameters, note)

    def default(self, kind: str, parameter: str) -> float:
        """Return a block's default, or refuse a block that lacks the parameter: ngspice would ignore its setting."""
        values = dict(self.blocks[kind].parameters)
        if parameter not in values:
            raise RequestError(
                "blocks.missing-parameter",
                f'the {kind} block has no parameter "{parameter}", which the loop sets',
                place=f"circuit.{kind}",
                remedy=f"add {parameter}=... to the line .subckt {self.blocks[kind].subckt}",
            )
        return values[parameter]


def refuse_missing(kinds: tuple[str, ...], blocks: Mapping[str, Block]) -> None:
    """Refuse a set of blocks that lacks a kind."""
    missing = sorted(set(kinds) - set(blocks))
    if missing:
        raise RequestError("loop.missing-block", f"no block for {', '.join(missing)}", place="circuit")


def refuse_short_hold(hold: float, what: str) -> None:
    """Refuse a hold (s) that is shorter than the two edges of its gate."""
    if hold <= 2 * EDGE:
        raise RequestError(
            "loop.bad-time",
            f"{hold:g} s of {what}",
            place="loop.ramp",
            remedy=f"more than {2 * EDGE:g} s, in which the hold switches",
        )


def channels_of(
    network: Network, plan: TonePlan, dithers: tuple[float, float], starts: Sequence[float]
) -> tuple[Channel, ...]:
    """Return a channel for every control electrode in order, then the threshold's.

    Parameters
    ----------
    network : Network
        Whose controls are moved, C of them.
    plan : TonePlan
        Its carriers in the channels' order.
    dithers : tuple of float
        Amplitude on every control, and on the threshold, in volt.
    starts : sequence of float, (C + 1,)
        Of the nets' voltages, in volt.

    Raises
    ------
    RequestError
        ``loop.channel-count`` for carriers that do not fit.
    """
    names = [network.electrode_labels[number] for number in network.controls]
    if len(plan.carriers) != len(names) + 1:
        raise RequestError(
            "loop.channel-count",
            f"{len(plan.carriers)} carriers for {len(names)} controls and the threshold",
            place="loop.carriers",
            remedy=f"give {len(names) + 1}",
        )
    nets = [*map(electrode_net, names), THRESHOLD]
    sizes = [dithers[0]] * len(names) + [dithers[1]]
    return tuple(
        Channel(*values) for values in zip([*names, THRESHOLD], nets, plan.carriers, sizes, starts, strict=True)
    )


def tone(net: str, wave: Sine | Square, note: str) -> list[Element]:
    """Drive a net from a generator of 1 ohm: a source without a branch current for the simulator to agree on.

    An ideal voltage source that drives an integrator's capacitor has a branch current of capacitance over step times
    the rounding of a voltage; at short steps that never settles, and the run dies.
    """
    return [
        CurrentSource(f"i_{net}", net, "0", replace(wave, amplitude=wave.amplitude / _GENERATOR_OHMS), note),
        Resistor(f"r_{net}", net, "0", _GENERATOR_OHMS, f"generator of {note}"),
    ]


def detector_nets(name: str) -> tuple[str, str]:
    """Return the pair behind a channel's low-pass."""
    return f"low_{name}_p", f"low_{name}_n"


def place_coupler(pair: tuple[str, str], place: Placer) -> BlockInstance:
    """Return the coupler from a pair of nets to that which drives all mixers."""
    nets = {"inp": pair[0], "inn": pair[1], "outp": DRIVE[0], "outn": DRIVE[1], "hold": "hold", "holdn": "holdn"}
    return place("coupler", "", nets)


def references(channels: Sequence[Channel], settings: LoopSettings, blocks: Mapping[str, Block]) -> list[Sine | Square]:
    """Return every channel's reference.

    Raises
    ------
    RequestError
        ``loop.out-of-range`` for an amplitude beyond the rails of the mixers, ``loop.channel-count`` for phases.
    """
    most = rails_of(blocks["mixer"]).positive
    if settings.reference > most:
        raise RequestError(
            "loop.out-of-range",
            f"{settings.reference:g} V, but the mixers' rails are at {most:g} V",
            place="loop.reference",
            remedy=f"at most {most:g} V",
        )
    carriers = [channel.carrier for channel in channels]
    kind = Square if settings.reference_shape == "square" else Sine
    lags = reference_lags(settings, carriers, blocks)
    return [kind(settings.reference, f, 0.0 - lag) for f, lag in zip(carriers, lags.tolist(), strict=True)]


def detector(channel: Channel, reference: Sine | Square, place: Placer) -> list[Element]:
    """Return a channel's reference and dither, its mixer on the coupler's output, and the low-pass behind it."""
    name, smooth = channel.name, detector_nets(channel.name)
    mixed = (f"mix_{name}_p", f"mix_{name}_n")
    return [
        *tone(f"ref_{name}", reference, "reference"),
        *tone(f"dither_{name}", Sine(channel.dither, channel.carrier), "dither"),
        place("mixer", name, {"xp": DRIVE[0], "xn": DRIVE[1], "lo": f"ref_{name}", "outp": mixed[0], "outn": mixed[1]}),
        place("lowpass", name, {"inp": mixed[0], "inn": mixed[1], "outp": smooth[0], "outn": smooth[1]}),
    ]


def start_servo(channel: Channel, into: str, integrator: Block, *, decays: bool = False) -> StartServo:
    """Return what holds a channel's integrator at its start through net `into`, against a decay if there is one."""
    servo = StartServo(
        f"b_start_{channel.name}", into, channel.net, channel.start, START_GATE, f"start of channel {channel.name}"
    )
    return replace(
        servo,
        siemens=_AGAINST_DECAY if decays else servo.siemens,
        most=_GENTLE if integrator.chops else servo.most,
    )


def grounded(network: Network) -> list[Element]:
    """Return a source of 0 V for every grounded electrode."""
    return [
        VoltageSource(f"v_ground_{label}", electrode_net(label), "0", Dc(0.0), "grounded electrode")
        for label, role in zip(network.electrode_labels, network.roles, strict=True)
        if role == "ground"
    ]


def target_source(levels: tuple[float, ...], line: Timeline) -> VoltageSource:
    """Return what steps through the targets' levels."""
    return VoltageSource("v_target", TARGET, "0", Steps(levels, line.case, line.ramp), "target: within +1 and -1")


def target_current(output: str, siemens: float) -> Transconductance:
    """Return what draws the target current from the summing node."""
    note = "target current: the read-out's output is the error"
    return Transconductance("g_target", "0", output, TARGET, "0", siemens, note)


def gates(coupler: Block, line: Timeline, hold: float) -> list[Element]:
    """Return what holds the coupler for the first `hold` seconds of every case, and what holds the start."""
    rails = rails_of(coupler)
    gate = {"width": hold, "period": line.case, "edge": EDGE, "late": EDGE / 4}
    return [
        VoltageSource("v_hold", "hold", "0", Pulse(rails.positive, rails.negative, **gate), "hold during ramps"),
        VoltageSource("v_holdn", "holdn", "0", Pulse(rails.negative, rails.positive, **gate), "its complement"),
        start_gate(line),
        *(Resistor(f"r_{net}", net, "0", _GATE_OHMS, "load of a gate") for net in ("hold", "holdn", START_GATE)),
    ]


def start_gate(line: Timeline) -> VoltageSource:
    """Return what holds the start."""
    begin = Pulse(1.0, 0.0, 2 * _START_EDGE, 2 * line.stop, _START_EDGE)
    return VoltageSource("v_start", START_GATE, "0", begin, "holds the start, then lets go")


def chop_clocks(blocks: Mapping[str, Block], line: Timeline) -> list[Element]:
    """Give every kind whose block chops its complementary clocks, which toggle at the start of each case.

    An offset counts with alternate signs in alternate cases: over an epoch it is gone, with an odd number of cases over
    two.
    """
    # the edge belongs to the ramp: what goes back after `width` has gone back `EDGE` earlier
    late = 3 * EDGE / 4
    clock = {"width": line.case + EDGE + late, "period": 2 * line.case, "edge": EDGE, "late": late}
    parts: list[Element] = []
    for kind, block in sorted(blocks.items()):
        if block.chops:
            high, low = rails_of(block).positive, rails_of(block).negative
            for port, wave in zip(CHOP, (Pulse(high, low, **clock), Pulse(low, high, **clock)), strict=True):
                parts.append(VoltageSource(f"v_{port}_{kind}", f"{port}_{kind}", "0", wave, f"chopping of {kind}"))
    return parts


def rails_of(block: Block) -> Technology:
    """Return the technology whose rails a block runs from: its own, else that of the transistors it is made of.

    What Python computes has none; what it hears from outside swings as an ideal block's.
    """
    family = block.technology.partition("_")[0]
    own = TECHNOLOGIES.get("ideal" if family == PYTHON else family)
    return own or TECHNOLOGIES["gf180" if block.models == "gf180" else "discrete"]


def supplies(blocks: Mapping[str, Block]) -> list[Element]:
    """Give every kind of block a supply of its own, so that its energy can be told apart."""
    parts: list[Element] = []
    for kind, block in sorted(blocks.items()):
        rails = rails_of(block)
        parts += [
            VoltageSource(f"v_vp_{kind}", f"vp_{kind}", "0", Dc(rails.positive), f"supply of {kind}"),
            VoltageSource(f"v_vn_{kind}", f"vn_{kind}", "0", Dc(rails.negative), f"supply of {kind}"),
        ]
    return parts
