"""Put a chip's deviations on the elements of a circuit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from hgesim.blocks import CHOP
from hgesim.circuit import (
    BlockInstance,
    Capacitor,
    CurrentSource,
    Dc,
    Element,
    NoisePath,
    Pulse,
    Resistor,
    Sine,
    SlewFollower,
    Square,
    Staircase,
    StartServo,
    Steps,
    Transconductance,
    VoltageSource,
    level_net,
)
from hgesim.errors import RequestError
from hgesim.nonideal.chip import Nonideal
from hgesim.nonideal.factors import FACTORS
from hgesim.nonideal.own import own_block

__all__ = ["NOISE_STEPS", "deviate"]

# Time steps between samples of noise: it reaches up to twice the highest carrier then.
NOISE_STEPS = 5.0

# Port in series with which an offset voltage stands.
_OFFSETS = {"readout": "inp", "loss": "e", "coupler": "outp", "mixer": "xp", "integrator": "inp"}
# Where a block sees its net from behind, the net has the offset instead: the current input of the read-out holds the
# output electrode at it, and an output drives it.
_BEHIND = ("readout", "coupler")
_POLES = {"readout": ("out",), "coupler": ("outp", "outn"), "integrator": ("out",)}
_POLE_OHMS = 1e3
# Port in series with which an amplifier's noise stands.
_AMPLIFIERS = {"readout": "inp", "loss": "e", "coupler": "inp", "mixer": "xp", "integrator": "inp"}
_DRIFT_SAMPLES = 10_000
# An offset before an integrator is what its start has to be held against: 100 mV behind 200 kOhm of a low-pass are half
# a microampere, for which this servo is off by half a millivolt.
_SERVO_SIEMENS = 1e-3


def deviate(
    elements: Iterable[Element], chip: Nonideal, stop: float = 1.0, step: float = 1e-5, *, every: bool = True
) -> tuple[Element, ...]:
    """Return the elements of a circuit as they are on a chip.

    What belongs to a block is found by the ports at its nets: supplies at ``vp`` and ``vn``, references at a mixer's
    ``lo``, dithers at an integrator's ``dither``, clocks at ``hold``, ``holdn``, ``chop`` and ``chopn``.

    Parameters
    ----------
    elements : iterable of Element
        The nominal ones.
    chip : Nonideal
        What is on.
    stop, step : float
        How long noise is drawn, and the time between its samples, in second: it reaches up to ``1/(2 step)``.
    every : bool
        Refuse factors that have no place here; else they are passed over.

    Returns
    -------
    tuple of Element
        The same elements where nothing is on; new ones follow the element they belong to.

    Raises
    ------
    RequestError
        ``nonideal.no-effect`` for a factor that changes nothing here; what `hgesim.nonideal.own.own_block` raises.
    """
    given = tuple(elements)
    if not chip.sizes:
        return given
    work = _Work(chip, _roles(given), stop, step)
    changed = tuple(part for element in given for part in work.deviate(element))
    idle = [name for name in dict(chip.sizes) if name not in work.touched and FACTORS[name].distribution != "chance"]
    if idle and every:
        raise RequestError(
            "nonideal.no-effect",
            "nothing in this design has it",
            place=f"nonideal.{idle[0]}",
            remedy="leave it out, or choose other blocks (circuit.technology)",
        )
    return changed


def _roles(elements: tuple[Element, ...]) -> dict[str, str]:
    """Return which role each net has at the blocks: ``supply``, ``clock``, ``reference`` or ``dither``."""
    roles = {"vp": "supply", "vn": "supply", "lo": "reference", "dither": "dither"}
    roles |= dict.fromkeys(("hold", "holdn", *CHOP), "clock")
    return {
        net: roles[port]
        for element in elements
        if isinstance(element, BlockInstance)
        for port, net in element.nets.items()
        if port in roles
    }


@dataclass
class _Work:
    """The chip, the roles of nets, and the factors that have changed something so far."""

    chip: Nonideal
    roles: dict[str, str]
    stop: float
    step: float
    touched: set[str] = field(default_factory=set)
    analog: dict[str, str] = field(default_factory=dict)  # net before its voltage is rounded

    def deviate(self, element: Element) -> list[Element]:
        """Return what stands in the place of an element."""
        if isinstance(element, BlockInstance):
            return self._block(element)
        if isinstance(element, CurrentSource) and isinstance(element.wave, Sine | Square):
            return [self._tone(element, element.wave)]
        if isinstance(element, CurrentSource) and element.into.startswith(level_net("")):
            return self._level(element)
        if isinstance(element, VoltageSource):
            return [self._supply(element)]
        if isinstance(element, StartServo):
            held = self.analog.get(element.held, element.held)
            return [dataclasses.replace(element, held=held, siemens=max(_SERVO_SIEMENS, element.siemens))]
        return [element]

    def _draw(self, factor: str, place: str) -> float:
        size = self.chip.draw(factor, place)
        if self.chip.size(factor):
            self.touched.add(factor)
        return size

    def _relative(self, factor: str, place: str) -> float:
        return 1.0 + self._draw(factor, place)

    def _supply(self, source: VoltageSource) -> VoltageSource:
        role, wave = self.roles.get(source.plus), source.wave
        if not self.chip.size("supply") or role not in ("supply", "clock"):
            return source
        scale = self._relative("supply", "")
        if isinstance(wave, Dc):
            return dataclasses.replace(source, wave=Dc(wave.value * scale))
        if isinstance(wave, Pulse):
            wave = dataclasses.replace(wave, high=wave.high * scale, low=wave.low * scale)
        return dataclasses.replace(source, wave=wave)

    def _tone(self, source: CurrentSource, wave: Sine | Square) -> CurrentSource:
        role, name = self.roles.get(source.into), source.name
        if role == "dither":
            wave = dataclasses.replace(wave, amplitude=wave.amplitude * self._relative("dither_spread", name))
        elif role == "reference":
            wave = dataclasses.replace(
                wave,
                amplitude=wave.amplitude * self._relative("reference_spread", name),
                frequency=wave.frequency * self._relative("reference_frequency", name),
                phase=wave.phase + math.radians(self._draw("reference_phase", name)),
            )
        return dataclasses.replace(source, wave=wave)

    def _block(self, placed: BlockInstance) -> list[Element]:
        own, touched = own_block(placed.block, placed.name, self.chip)
        self.touched |= touched
        placed = placed if own is placed.block else dataclasses.replace(placed, block=own)
        around: list[Element] = []
        kind = placed.block.kind
        if kind == "mixer":
            placed = self._mixer(placed, around)
        if kind == "readout":
            placed = self._readout(placed, around)
        if kind == "integrator":
            placed = self._control(placed, around)
        if kind == "coupler":
            placed = self._slowed(placed, around)
        if kind == "readout":
            self._current_noise(placed.nets["inp"], around)
        if kind in _AMPLIFIERS:
            placed = self._voltage_noise(placed, _AMPLIFIERS[kind], around)
        if kind in _OFFSETS and (offset := self._draw(f"{kind}_offset", placed.name)):
            placed = self._series(placed, _OFFSETS[kind], -offset if kind in _BEHIND else offset, around)
        return [placed, *around]

    def _mixer(self, placed: BlockInstance, around: list[Element]) -> BlockInstance:
        """Put gain error and feed-through before a mixer: currents into 1 ohm between the old net and the new one."""
        name, note = placed.name.removeprefix("x_"), placed.note
        signal, minus = placed.nets["xp"], placed.nets["xn"]
        if self.chip.size("mixer_gain"):
            new, gain = f"{name}_gain", self._relative("mixer_gain", placed.name)
            around += [
                Transconductance(f"g_{new}", new, minus, signal, minus, gain, f"gain error of {note}"),
                Resistor(f"r_{new}", new, minus, 1.0, f"gain error of {note}"),
            ]
            signal = new
        if self.chip.size("reference_feedthrough"):
            new, part = f"{name}_feed", self._draw("reference_feedthrough", placed.name)
            around += [
                Transconductance(f"g_{new}", new, signal, placed.nets["lo"], "0", part, f"feed-through of {note}"),
                Resistor(f"r_{new}", new, signal, 1.0, f"feed-through of {note}"),
            ]
            signal = new
        return _rewired(placed, xp=signal)

    def _readout(self, placed: BlockInstance, around: list[Element]) -> BlockInstance:
        if self.chip.size("readout_gain"):
            scale = self._relative("readout_gain", placed.name)
            transimpedance = placed.parameters.get("rf", dict(placed.block.parameters)["rf"])
            placed = dataclasses.replace(placed, parameters={**placed.parameters, "rf": transimpedance * scale})
        name = placed.name.removeprefix("x_")
        if step := self._draw("readout_step", placed.name):
            new = f"{name}_exact"
            around.append(Staircase(f"x_{new}", placed.nets["out"], new, "0", step, f"rounding of {placed.note}"))
            placed = _rewired(placed, out=new)
        return self._slowed(placed, around)

    def _slowed(self, placed: BlockInstance, around: list[Element]) -> BlockInstance:
        """Put a pole behind each output of a block."""
        kind = placed.block.kind
        if not self.chip.size(f"{kind}_bandwidth"):
            return placed
        corner, slew = self._draw(f"{kind}_bandwidth", ""), self._draw(f"{kind}_slew", "")
        nets = {port: f"{placed.name.removeprefix('x_')}_fast{port.removeprefix('out')}" for port in _POLES[kind]}
        for port, fast in nets.items():
            around += _pole(fast, placed.nets[port], (corner, slew), f"pole of {placed.note}")
        return _rewired(placed, **nets)

    def _control(self, placed: BlockInstance, around: list[Element]) -> BlockInstance:
        out = placed.nets["out"]
        placed = self._slowed(placed, around)
        if step := self._draw("control_step", placed.name):
            new, dither = f"{placed.name.removeprefix('x_')}_exact", placed.nets["dither"]
            around.append(Staircase(f"x_{new}", placed.nets["out"], new, dither, step, f"rounding of {placed.note}"))
            self.analog[out] = new
            placed = _rewired(placed, out=new)
        return placed

    def _path(self, net: str, factor: str, corner: float, note: str, place: str) -> NoisePath:
        """Return the path of a net; white below the sampling rate, or with the corner given."""
        self.touched |= {name for name in (factor, factor.replace("_noise", "_corner")) if self.chip.size(name)}
        white = self.chip.size(factor)
        draw = (factor, place, str(self.chip.run))
        return NoisePath(
            f"a_{net}", net, white, white * math.sqrt(corner), self.step, self.stop, self.chip.seed, draw, note
        )

    def _current_noise(self, node: str, around: list[Element]) -> None:
        if self.chip.size("network_noise"):
            net, note = "network_noise", "noise of the network"
            around += [
                self._path(net, "network_noise", self.chip.size("network_corner"), note, "output"),
                Transconductance(f"g_{net}", node, "0", net, "0", 1.0, note),
            ]

    def _voltage_noise(self, placed: BlockInstance, port: str, around: list[Element]) -> BlockInstance:
        if not self.chip.size("amplifier_noise"):
            return placed
        name = placed.name.removeprefix("x_")
        old, new, net, note = placed.nets[port], f"{name}_noisy", f"{name}_noise", f"noise of {placed.note}"
        around += [
            self._path(net, "amplifier_noise", self.chip.size("amplifier_corner"), note, placed.name),
            Transconductance(f"g_{net}", new, old, net, "0", 1.0, note),
            Resistor(f"r_{net}", new, old, 1.0, note),
        ]
        return _rewired(placed, **{port: new})

    def _level(self, source: CurrentSource) -> list[Element]:
        """Let the level of a site drift and age: currents beside the one that makes the level."""
        made: list[Element] = [source]
        if size := self.chip.size("level_drift"):
            self.touched.add("level_drift")
            net, note = f"drift_{source.into}", f"drift of {source.note}"
            step = max(self.step, self.stop / _DRIFT_SAMPLES)
            draw = ("level_drift", source.into, str(self.chip.run))
            made += [
                NoisePath(f"a_{net}", net, 0.0, size, step, self.stop, self.chip.seed, draw, note),
                Transconductance(f"g_{net}", source.into, "0", net, "0", 1.0, note),
            ]
        if rate := self._draw("level_ageing", source.into):
            net, note = f"ageing_{source.into}", f"ageing of {source.note}"
            ramp = Steps((rate * self.stop, 0.0), 2.0 * self.stop, self.stop)
            made += [
                VoltageSource(f"v_{net}", net, "0", ramp, note),
                Transconductance(f"g_{net}", source.into, "0", net, "0", 1.0, note),
            ]
        return made

    def _series(self, placed: BlockInstance, port: str, volt: float, around: list[Element]) -> BlockInstance:
        """Put a voltage in series with a port, which sees its net raised by so much."""
        new = f"{placed.name.removeprefix('x_')}_offset"
        around.append(VoltageSource(f"v_{new}", new, placed.nets[port], Dc(volt), f"offset of {placed.note}"))
        return _rewired(placed, **{port: new})


def _rewired(placed: BlockInstance, **nets: str) -> BlockInstance:
    return dataclasses.replace(placed, nets={**placed.nets, **nets})


def _pole(fast: str, out: str, limits: tuple[float, float], note: str) -> list[Element]:
    """Return what drives a net after a faster one: with a corner in hertz, and a slew rate in V/s if it is not 0."""
    corner, slew = limits
    if slew:
        follower = SlewFollower(f"b_{fast}", out, fast, corner, slew, note)
        return [follower, Capacitor(f"c_{fast}", out, "0", follower.farads, note)]
    farads = 1.0 / (2.0 * math.pi * _POLE_OHMS * corner)
    return [Resistor(f"r_{fast}", fast, out, _POLE_OHMS, note), Capacitor(f"c_{fast}", out, "0", farads, note)]
