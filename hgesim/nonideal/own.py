"""One chip's own version of a block: its subcircuits written anew for one instance, with that instance's values."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from hgesim.blocks import Block, Cell
from hgesim.blocks.rewrite import PART, integrates
from hgesim.blocks.spice import bare, cards, foundry, model_names, positional, words
from hgesim.errors import RequestError
from hgesim.names import MAX_LENGTH
from hgesim.nonideal.chip import Nonideal
from hgesim.nonideal.transistors import PELGROM, wrapper
from hgesim.units import spice_number

__all__ = ["INSIDE", "own_block"]

# Factors that act inside of blocks.
INSIDE = (
    "mismatch",
    "transistor_offset",
    "resistor_tolerance",
    "resistor_spread",
    "capacitor_tolerance",
    "capacitor_spread",
    "integrator_leak",
    "dielectric_absorption",
)
# Time constants of the slow charge in a capacitor, s: its recovery is near to 1/t over decades, which branches a decade
# apart give (Dow, IRE Trans. Electronic Computers EC-7 (1958) 17). These are the decades of an epoch.
_SLOW = (1e-3, 1e-2, 1e-1)


def own_block(block: Block, instance: str, chip: Nonideal) -> tuple[Block, set[str]]:
    """Write a block anew for one instance.

    Parameters
    ----------
    block : Block
        The nominal one.
    instance : str
        Name of the instance. A part is drawn by its path, such as ``x_mixer_e1``, ``xm``, ``xt1``.
    chip : Nonideal
        What is on.

    Returns
    -------
    block : Block
        With names of its own; the given one where no factor touches it.
    touched : set of str
        Names of the factors that changed something.

    Raises
    ------
    RequestError
        ``nonideal.no-law`` for a foundry transistor without coefficients, ``nonideal.unreadable-part`` for a resistor
        or capacitor without a plain value, ``nonideal.nested`` for subcircuits defined inside of one.
    """
    if not any(chip.size(name) for name in INSIDE):
        return block, set()
    work = _Work(block, chip, dict(_definitions(block)))
    name = work.write(block.subckt, (instance,))
    if not work.touched:
        return block, set()
    cells = (*(wrapper(model) for model in sorted(work.wrappers)), *_model_cards(block.uses))
    text = f"* {block.subckt} as it is in {instance}\n" + "\n".join(work.lines) + "\n"
    return dataclasses.replace(block, subckt=name, text=text, uses=cells), work.touched


def _definitions(item: Block | Cell) -> Iterator[tuple[str, list[str]]]:
    """Yield each subcircuit that a block can use, with its cards."""
    for cell in item.uses:
        yield from _definitions(cell)
    place = item.subckt if isinstance(item, Block) else item.name
    inside: list[str] = []
    for number, card in cards(item.text, place):
        if card.startswith(".subckt") and inside:
            raise RequestError(
                "nonideal.nested",
                f"line {number} defines a subcircuit inside of one",
                place=place,
                remedy="move it out",
            )
        if inside or card.startswith(".subckt"):
            inside.append(card)
        if card.startswith(".ends"):
            yield inside[0].split()[1], inside[:-1]
            inside = []


def _model_cards(uses: tuple[Cell, ...]) -> Iterator[Cell]:
    """Yield the cells that define models, which every instance may share."""
    for cell in uses:
        if model_names(cell.text, cell.name):
            yield cell
        else:
            yield from _model_cards(cell.uses)


@dataclass
class _Work:
    """What grows while a block is written anew."""

    block: Block
    chip: Nonideal
    known: dict[str, list[str]]
    lines: list[str] = field(default_factory=list)
    wrappers: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    def write(self, subckt: str, path: tuple[str, ...]) -> str:
        """Write a subcircuit and, before it, those it uses; return its new name."""
        name = _name(subckt, path)
        head, *body = self.known[subckt]
        lines = [head.replace(f".subckt {subckt}", f".subckt {name}", 1)]
        for card in body:
            lines += self._card(card, path)
        self.lines += [*lines, f".ends {name}"]
        return name

    def _card(self, card: str, path: tuple[str, ...]) -> list[str]:
        if card.startswith("x"):
            return [self._instance(card, path)]
        if card[0] in "mqj":
            return self._transistor(card, path)
        if card[0] in "rc":
            card = self._part(card, path)
        if self.block.kind == "integrator" and len(path) == 1 and integrates(card):
            return [card, *self._losses(card)]
        return [card]

    def _transistor(self, card: str, path: tuple[str, ...]) -> list[str]:
        """Put a voltage in series with the gate or base, which is the second net of all kinds."""
        name, first, control, rest = card.split(maxsplit=3)
        volt = self.chip.draw("transistor_offset", *path, name)
        if not volt:
            return [card]
        self.touched.add("transistor_offset")
        net = f"offset_{name}"
        return [f"v{net} {net} {control} {spice_number(volt)}", f"{name} {first} {net} {rest}"]

    def _part(self, card: str, path: tuple[str, ...]) -> str:
        """Scale a resistor or capacitor by its own deviation and by the one that all on the chip have."""
        kind = {"r": "resistor", "c": "capacitor"}[card[0]]
        own, common = f"{kind}_tolerance", f"{kind}_spread"
        if not (self.chip.size(own) or self.chip.size(common)):
            return card
        name, a, b, value, rest = _read(card, path)
        scale = (1.0 + self.chip.draw(own, *path, name)) * (1.0 + self.chip.draw(common))
        if scale <= 0:
            raise RequestError(
                "nonideal.out-of-range",
                f"{'/'.join((*path, name))} would be {scale:.2g} times its value",
                place=f"nonideal.{own}",
                remedy="a smaller deviation, or another seed",
            )
        self.touched |= {factor for factor in (own, common) if self.chip.size(factor)}
        nominal = bare(value)
        return f"{name} {a} {b} {{({nominal})*{spice_number(scale)}}}{rest}"

    def _losses(self, card: str) -> list[str]:
        """Return what stands beside an integrator's capacitor: its leak, and branches that charge slowly."""
        name, a, b, value, _ = _read(card, (self.block.subckt,))
        farads, lines = bare(value), []
        if leak := self.chip.draw("integrator_leak"):
            self.touched.add("integrator_leak")
            lines.append(f"rleak_{name} {a} {b} {spice_number(1.0 / leak)}")
        if share := self.chip.draw("dielectric_absorption"):
            self.touched.add("dielectric_absorption")
            for k, slow in enumerate(_SLOW):
                part = f"({farads})*{spice_number(share / len(_SLOW))}"
                node = f"slow{k}_{name}"
                lines += [f"c{node} {a} {node} {{{part}}}", f"r{node} {node} {b} {{{spice_number(slow)}/({part})}}"]
        return lines

    def _instance(self, card: str, path: tuple[str, ...]) -> str:
        parts, used = words(card), positional(card)[-1]
        at = max(k for k, word in enumerate(parts) if word == used)  # a net may have the same name
        place = (*path, parts[0])
        if used in self.known:
            parts[at] = self.write(used, place)
        elif foundry(used) and self.chip.size("mismatch"):
            if used not in PELGROM:
                raise RequestError(
                    "nonideal.no-law",
                    f"no mismatch coefficients for {used}, which {'/'.join(place)} is",
                    place="nonideal.mismatch",
                    remedy=f"use {', '.join(PELGROM)}, or set it to 0",
                )
            draws = (f"{key}={spice_number(self.chip.draw('mismatch', *place, key))}" for key in ("zvth", "zk"))
            parts[at:] = [f"drawn_{used}", *parts[at + 1 :], *draws]
            self.wrappers.add(used)
            self.touched.add("mismatch")
        return " ".join(parts)


def _read(card: str, path: tuple[str, ...]) -> tuple[str, str, str, str, str]:
    """Return name, two nets, value and the rest of a resistor's or capacitor's card."""
    found = PART.fullmatch(card)
    if found is None:
        raise RequestError(
            "nonideal.unreadable-part",
            f'"{card[:60]}" has no plain value',
            place="/".join(path),
            remedy="write name, two nets and a number or {expression}",
        )
    name, a, b, value, rest = found.groups()
    return name, a, b, value, rest or ""


def _name(subckt: str, path: tuple[str, ...]) -> str:
    """Return the name of a subcircuit at a place: readable, and of the length that a name may have."""
    name = "_".join((subckt, "of", *path)).lower()
    if len(name) <= MAX_LENGTH:
        return name
    return f"{subckt[:40]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"
