"""Blocks made from blocks: the same circuit with larger transistors, or with a leak across its integrating capacitors.

Names stay, so a deck holds one version of a circuit: two are refused as a conflict of names.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from functools import cache

from hgesim.arguments import check_positive
from hgesim.blocks.catalogue import Block, Cell
from hgesim.blocks.spice import bare, cards, foundry_mos, read_number
from hgesim.errors import RequestError
from hgesim.units import spice_number

__all__ = ["PART", "enlarged", "integrates", "leaky"]

# name, two nets, value or {expression}, and the rest of a resistor's or capacitor's card
PART = re.compile(r"(\S+) +(\S+) +(\S+) +(\{[^}]*\}|'[^']*'|[^\s={}']+)( .*)?")
# The foundry's models end at this width; a wider transistor is several in parallel.
_WIDEST = 100e-6
# Gates that they hold for: from the shortest of 3.3 V transistors on.
_SHORTEST, _LONGEST = 0.28e-6, 50e-6
_SIZE = re.compile(r"\b([wlm])\s*=\s*(\S+)")
_Change = Callable[[str, str], list[str]]


def integrates(card: str) -> bool:
    """Tell whether a card is a capacitor that the parameter ``c`` of its block decides: in integrators, what counts."""
    return card[0] == "c" and re.search(r"[{'(*]c\b", card) is not None


def enlarged(block: Block, area: float) -> Block:
    """Return a block whose foundry transistors have `area` times the gate area: width and length times its root.

    Currents and voltages stay nearly the same; the standard deviation of mismatch falls with the root of the area
    (Pelgrom, Duinmaijer, Welbers, IEEE JSSC 24 (1989) 1433), the transit frequency with the area. What becomes wider
    than the foundry's models reach is split into parallel units.

    Parameters
    ----------
    block : Block
        Those without foundry transistors come back as they are.
    area : float
        Above 0; 1 is as drawn.

    Raises
    ------
    RequestError
        ``blocks.bad-area`` for an area that is not positive, or that makes a gate shorter or longer than the foundry's
        models hold for (0.28 um to 50 um); ``blocks.unreadable-size`` for a width or length that is no number.
    """
    times = check_positive(area, "blocks.bad-area", "circuit.area")
    return block if times == 1 or block.models is None else _enlarged(block, times)


@cache
def _enlarged(block: Block, area: float) -> Block:
    scale = math.sqrt(area)

    def change(card: str, place: str) -> list[str]:
        return [_larger(card, scale, place) if foundry_mos(card) else card]

    return _rewritten(block, f"transistors of {area:g} times the area", change)


@cache
def leaky(block: Block, seconds: float) -> Block:
    """Return an integrator that forgets: a resistor across each integrating capacitor, with this time constant (s).

    Raises
    ------
    RequestError
        ``blocks.no-capacitor`` for a block in which the parameter ``c`` is no capacitor between two of its nets.
    """

    def change(card: str, place: str) -> list[str]:
        found = PART.fullmatch(card)
        if not integrates(card) or found is None:
            return [card]
        name, a, b, value, _ = found.groups()
        return [card, f"rdecay_{name} {a} {b} {{{spice_number(seconds)}/({bare(value)})}}"]

    made = _rewritten(block, f"decays within {seconds:g} s", change, deep=False)
    if "rdecay_" not in made.text:
        raise RequestError(
            "blocks.no-capacitor",
            "no capacitor of this integrator has the value {c}, so a decay has no place",
            place="circuit.integrator",
            remedy="leave loop.decay out, or write the capacitor as in circuits/gf180/integrator.sp",
        )
    return made


def _rewritten(block: Block, remark: str, change: _Change, *, deep: bool = True) -> Block:
    uses = tuple(_rewritten_cell(cell, remark, change) for cell in block.uses) if deep else block.uses
    return dataclasses.replace(block, text=_text(block.text, block.subckt, remark, change), uses=uses)


def _rewritten_cell(cell: Cell, remark: str, change: _Change) -> Cell:
    uses = tuple(_rewritten_cell(inner, remark, change) for inner in cell.uses)
    return dataclasses.replace(cell, text=_text(cell.text, cell.name, remark, change), uses=uses)


def _text(text: str, place: str, remark: str, change: _Change) -> str:
    """Return the header, a remark if anything changed, and the cards."""
    before = [card for _, card in cards(text, place)]
    after = [line for card in before for line in change(card, place)]
    if before == after:
        return text
    header = [line for line in text.splitlines() if line.startswith("*")][:1]
    return "\n".join([*header, f"* {remark}", *after]) + "\n"


def _larger(card: str, scale: float, place: str) -> str:
    sizes = {key: _size(key, value, card, place) for key, value in _SIZE.findall(card)}
    if "w" not in sizes or "l" not in sizes:
        raise _unreadable(card, "has no w= and l=", place)
    width, length = scale * sizes["w"], scale * sizes["l"]
    if not _SHORTEST <= length * (1 + 1e-9) <= _LONGEST * (1 + 2e-9):
        most, least = ((end / sizes["l"]) ** 2 for end in (_LONGEST, _SHORTEST))
        raise RequestError(
            "blocks.bad-area",
            f'"{card[:40]}" of {place} would be {length * 1e6:.3g} um long',
            place="circuit.area",
            remedy=f"from {least:.3g} to {most:.3g}; smaller transistors match as nonideal.mismatch above 1 does",
        )
    units = math.ceil(width / _WIDEST - 1e-9)
    rest = _SIZE.sub("", card).split()
    parts = [f"w={spice_number(width / units)}", f"l={spice_number(length)}"]
    number = units * sizes.get("m", 1.0)
    return " ".join([*rest, *parts, *([f"m={number:g}"] if number != 1 else [])])


def _size(key: str, value: str, card: str, place: str) -> float:
    number = read_number(value)
    if number is None:
        raise _unreadable(card, f"has {key}={value}", place)
    return number


def _unreadable(card: str, what: str, place: str) -> RequestError:
    return RequestError(
        "blocks.unreadable-size", f'"{card[:60]}" {what}', place=place, remedy="write w= and l= as plain numbers"
    )
