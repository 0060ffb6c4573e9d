"""How much silicon a block takes: gate area of its transistors, and capacitance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hgesim.blocks.catalogue import Block, Cell
from hgesim.blocks.spice import Subckt, bare, foundry_mos, positional, read_number, read_subckts, words

__all__ = ["Size", "block_size"]


@dataclass(frozen=True)
class Size:
    """Gate area of all foundry transistors, in m^2, and all capacitance, in farad."""

    gates: float = 0.0
    capacitance: float = 0.0

    def __add__(self, other: Size) -> Size:
        """Add what another one takes."""
        return Size(self.gates + other.gates, self.capacitance + other.capacitance)


def block_size(block: Block, parameters: Mapping[str, float] | None = None) -> Size:
    """Return what a block takes.

    Gates are what matching is bought with: width times length times the number of parallel units, cells included.
    Wiring, wells and contacts come on top, as do resistors. Parts whose value is an expression that is not a number or
    one parameter do not count, nor do transistors that are no GF180MCU devices.

    Parameters
    ----------
    block : Block
        Any.
    parameters : mapping of str to float
        Of the instance; the defaults of the subcircuit where not given.
    """
    known = {subckt.name: subckt for subckt in _definitions(block)}
    return _size(known[block.subckt], dict(parameters or {}), known)


def _definitions(item: Block | Cell) -> Iterator[Subckt]:
    for cell in item.uses:
        yield from _definitions(cell)
    yield from read_subckts(item.text, item.subckt if isinstance(item, Block) else item.name)


def _size(subckt: Subckt, given: Mapping[str, float], known: Mapping[str, Subckt]) -> Size:
    values = dict(subckt.parameters) | dict(given)
    total = Size()
    for _, card in subckt.lines:
        pairs = [word.split("=", 1) for word in words(card) if "=" in word]
        own = {key: value for key, text in pairs if (value := _value(text, values)) is not None}
        names = positional(card)
        if foundry_mos(card):
            total += Size(gates=own.get("w", 0.0) * own.get("l", 0.0) * own.get("m", 1.0))
        elif card.startswith("x") and names[-1] in known:
            total += _size(known[names[-1]], own, known)
        elif card.startswith("c") and len(names) > 3:
            total += Size(capacitance=_value(names[3], values) or 0.0)
    return total


def _value(text: str, values: Mapping[str, float]) -> float | None:
    """Return a number, or the value of a parameter in braces."""
    number = read_number(text)
    return values.get(bare(text)) if number is None else number
