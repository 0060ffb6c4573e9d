"""The blocks of a circuit that Python computes, joined: what they read, what they drive, and one function for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hgesim.blocks import KINDS
from hgesim.blocks.computed import PYTHON, SENSES, SIGNAL, Computation, computation, ohms_of
from hgesim.circuit import BlockInstance, Element
from hgesim.loop.converters import Converter, Converters

__all__ = ["ComputedBlocks", "python_instances"]

_CLOCKS = ("hold", "holdn")  # two levels: no converter reads them


def python_instances(elements: Iterable[Element]) -> tuple[BlockInstance, ...]:
    """Return the blocks that Python computes, in the order in which signals pass them."""
    order = list(KINDS)
    found = [e for e in elements if isinstance(e, BlockInstance) and e.block.technology == PYTHON]
    return tuple(sorted(found, key=lambda instance: order.index(instance.block.kind)))


def _values(instance: BlockInstance) -> dict[str, float]:
    return {**dict(instance.block.parameters), **instance.parameters}


def _output(instance: BlockInstance) -> tuple[str, str] | None:
    """Return the nets of an output pair."""
    return (instance.nets["outp"], instance.nets["outn"]) if "outp" in instance.nets else None


def _loads(elements: Iterable[Element]) -> dict[tuple[str, str] | None, dict[str, float]]:
    """Return what loads pairs of nets: the resistors of integrators, whatever computes these."""
    integrators = [e for e in elements if isinstance(e, BlockInstance) and e.block.kind == "integrator"]
    return {(one.nets["inp"], one.nets["inn"]): {"load": _values(one)["r"]} for one in integrators}


@dataclass(frozen=True)
class _Input:
    """One input: sensed between two nets (numbers in the list of nodes; -1 is ground), or the output of a block."""

    plus: int
    minus: int
    source: int  # number of the computed block that drives it, -1 for the circuit
    share: float  # of the source's signal, between what stands behind it and what loads it
    exact: bool  # a clock


class ComputedBlocks:
    """Computes blocks in one go: a block behind another gets what that one has just put out.

    So however many follow one another, the way through Python is late by one step of the simulator (with a clock, by
    one of its periods). What comes from the circuit goes through the analog-to-digital converter, pairs as one
    difference; what goes to the circuit through the digital-to-analog one; between blocks of Python nothing is rounded.

    Parameters
    ----------
    elements : iterable of Element
        Of the circuit.
    converters : Converters
        At the crossings.
    """

    def __init__(self, elements: Iterable[Element], converters: Converters) -> None:
        elements = tuple(elements)
        placed = python_instances(elements)
        self.converters = converters
        self.sources = tuple(f"v.{instance.name.lower()}.{SIGNAL}" for instance in placed)
        loads = _loads(elements)
        values = [_values(instance) | loads.get(_output(instance), {}) for instance in placed]
        self.initial = tuple(converters.dac([own.get("start", 0.0) for own in values]).tolist())
        self._blocks: list[Computation] = [
            computation(instance.block.kind, own) for instance, own in zip(placed, values, strict=True)
        ]
        outputs = {nets: n for n, instance in enumerate(placed) if (nets := _output(instance))}
        nodes: dict[str, int] = {}
        self._inputs = []
        for number, instance in enumerate(placed):
            kind, ohms = instance.block.kind, ohms_of(instance.block.kind, values[number])[0]
            row = []
            for plus, minus in SENSES[kind]:
                nets = (instance.nets[plus], "0" if minus is None else instance.nets[minus])
                source = outputs.get(nets, -1)
                behind = ohms_of(placed[source].block.kind, values[source])[1] if source >= 0 else 0.0
                share = 1.0 if behind == 0 else 1.0 / (1.0 + behind / ohms)
                at = [-1 if net == "0" or source >= 0 else nodes.setdefault(net, len(nodes)) for net in nets]
                row.append(_Input(at[0], at[1], source, share, plus in _CLOCKS))
            self._inputs.append(row)
        self.nodes = tuple(nodes)
        self._noise = converters.deviates("clock") if converters.clock.jitter else None
        self._steps: tuple[tuple[float, Sequence[float]], ...] = ((-1.0, ()),)

    def watch(self, time: float, *values: float) -> None:
        """Be told of every step before it is sampled: its slope turns a sample's error in time into one in voltage."""
        self._steps = (self._steps[-1], (time, values))

    def __call__(self, time: float, *values: float) -> Sequence[float]:
        """Return the signal of every block, in volt.

        Parameters
        ----------
        time : float
            In second; rises from call to call.
        *values : float
            Of `nodes`, in volt.
        """
        sensed = [*self._sampled(time, values), 0.0]
        adc, signals = self.converters.adc, list[float]()
        rounds = adc != Converter()
        for block, row in zip(self._blocks, self._inputs, strict=True):
            entries = []
            for entry in row:
                if entry.source >= 0:
                    entries.append(entry.share * signals[entry.source])
                else:
                    volts = sensed[entry.plus] - sensed[entry.minus]
                    entries.append(float(adc(volts)) if rounds and not entry.exact else volts)
            signals.append(block(time, entries))
        dac = self.converters.dac
        return signals if dac == Converter() else dac(signals).tolist()

    def _sampled(self, time: float, values: Sequence[float]) -> Sequence[float]:
        """Return the voltages as a clock with jitter finds them."""
        if self._noise is None:
            return values
        late = self.converters.clock.jitter * float(self._noise.standard_normal())
        before, then = next((step for step in reversed(self._steps) if step[0] < time), (-1.0, ()))
        if not then:
            return values
        share = late / (time - before)
        return [now + share * (now - old) for now, old in zip(values, then, strict=True)]
