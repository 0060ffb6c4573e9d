"""Blocks as data: from the library in ``circuits/``, from a user's file, from a PySpice subcircuit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hgesim.blocks.computed import PYTHON, PYTHON_KINDS
from hgesim.blocks.kinds import CHOP, KINDS, TECHNOLOGIES, Kind
from hgesim.blocks.spice import Subckt, foundry, header_of, instances, model_names, read_subckts, transistors_of
from hgesim.errors import HgeError, RequestError, nearest

__all__ = ["Block", "Cell", "all_subckts", "block_from_file", "block_from_pyspice", "circuits_folder", "get_block"]

# Names that a deck uses for the network's own models.
_BONDS = ("hopbond", "d_bond_", "startsw", "noise_", "staircase")


@dataclass(frozen=True)
class Cell:
    """A file that blocks share: an op-amp, a multiplier, a set of model cards.

    Parameters
    ----------
    name : str
        File name without ``.sp``.
    text : str
        The whole file.
    uses : tuple of Cell
        Files that this one needs.
    counts : tuple of (str, int)
        Transistors of each subcircuit that the file defines.
    models : str or None
        Foundry models needed.
    """

    name: str
    text: str
    uses: tuple[Cell, ...]
    counts: tuple[tuple[str, int], ...]
    models: str | None


@dataclass(frozen=True)
class Block:
    """One circuit of one kind.

    Parameters
    ----------
    kind, technology : str
        What it does and what it is made of, with the variant if it is one: ``"gf180"``, ``"gf180_chopper"``.
    subckt : str
        Name to instantiate.
    ports : tuple of str
        Those of the kind; of a block that chops, with the clocks.
    parameters : tuple of (str, float)
        Parameters of the subcircuit with their defaults, SI units.
    text : str
        The whole file, with its header.
    uses : tuple of Cell
        Files it needs, directly; `all_subckts` gathers them all.
    models : str or None
        Foundry models needed, ``"gf180"`` or None.
    transistors : int
        Transistors as drawn, those of the cells included; the m units of one device count once.
    ideal_parts : str
        What is not a transistor model.
    source : str
        Textbook or data sheet.
    """

    kind: str
    technology: str
    subckt: str
    ports: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]
    text: str
    uses: tuple[Cell, ...]
    models: str | None
    transistors: int
    ideal_parts: str
    source: str

    @property
    def chops(self) -> bool:
        """Whether it takes the clocks of a block that chops."""
        return CHOP[0] in self.ports


def circuits_folder() -> Path:
    """Return the folder of the circuit library: beside ``hgesim/`` in a checkout, inside it when installed.

    Raises
    ------
    HgeError
        ``blocks.no-library`` if it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "circuits", package.parent / "circuits"):
        if all((folder / technology).is_dir() for technology in TECHNOLOGIES):
            return folder
    raise HgeError(
        "blocks.no-library", "the circuit files are missing", place=str(package / "circuits"), remedy="reinstall hgesim"
    )


def get_block(kind: str, technology: str) -> Block:
    """Return a block of the library.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    technology : str
        One of `TECHNOLOGIES`, or ``<technology>_<variant>``: the file ``circuits/<technology>/<kind>_<variant>.sp``; or
        ``"python"``, the interface of a block that Python computes.

    Raises
    ------
    RequestError
        ``blocks.unknown-kind`` or ``blocks.unknown-technology`` with the nearest match, ``blocks.unknown-variant`` with
        the variants that the technology has, ``blocks.no-python`` for a kind that Python cannot play.
    """
    known = _known_kind(kind)
    if technology == PYTHON:
        return _python_block(known.name)
    if isinstance(technology, str) and technology in TECHNOLOGIES:
        return _library_block(known.name, technology)
    files = _variants(known.name)
    if isinstance(technology, str) and technology in files:
        return _library_block(known.name, technology)
    family = str(technology).partition("_")[0]
    if family in TECHNOLOGIES:
        have = [family, *(name for name in files if name.startswith(f"{family}_"))]
        raise RequestError(
            "blocks.unknown-variant", f'there is no {kind} "{technology}"', remedy=f"one of: {', '.join(have)}"
        )
    raise RequestError(
        "blocks.unknown-technology",
        f'there is no technology "{technology}"',
        remedy=nearest(str(technology), [*TECHNOLOGIES, PYTHON, *files]),
    )


def _variants(kind: str) -> dict[str, Path]:
    """Return the files of a kind's variants by the name to choose them by: whatever lies in the library."""
    return {
        f"{technology}_{path.stem.removeprefix(f'{kind}_')}": path
        for technology in TECHNOLOGIES
        for path in sorted((circuits_folder() / technology).glob(f"{kind}_*.sp"))
    }


@cache
def _library_block(kind: str, technology: str) -> Block:
    plain = circuits_folder() / technology / f"{kind}.sp"
    return block_from_file(plain if technology in TECHNOLOGIES else _variants(kind)[technology], kind)


@cache
def _python_block(kind: str) -> Block:
    if kind not in PYTHON_KINDS:
        raise RequestError(
            "blocks.no-python",
            f"Python cannot play a {kind}",
            place=f"circuit.{kind}",
            remedy=f"it plays {', '.join(PYTHON_KINDS)}",
        )
    return block_from_file(circuits_folder() / PYTHON / f"{kind}.sp", kind)


def block_from_file(path: str | Path, kind: str) -> Block:
    """Make a block from a plain SPICE file: writing one is all it takes to add a block or a technology.

    Parameters
    ----------
    path : str or Path
        File with one ``.subckt`` that no other in the file uses, the block, and any cells it needs. Its optional
        header lines ``* uses:`` (files in the same folder), ``* models:``, ``* ideal parts:`` and ``* source:`` are
        read. The technology is what follows ``<kind>_`` in the name of the subcircuit, else ``custom``.
    kind : str
        One of `KINDS`.

    Raises
    ------
    RequestError
        ``blocks.no-file``, ``blocks.forbidden-line``, ``blocks.ports-mismatch``, ``blocks.not-one``,
        ``blocks.unknown-cell``, or ``blocks.unknown-kind``.
    """
    path = Path(path)
    return _block(_read(path), _known_kind(kind), path.name, path.parent)


def block_from_pyspice(subcircuit: Any, kind: str) -> Block:
    """Make a block from a PySpice ``SubCircuit`` instance.

    Parameters
    ----------
    subcircuit : PySpice.Spice.Netlist.SubCircuit
        Its text is read as a block file would be, with the same checks.
    kind : str
        One of `KINDS`.
    """
    return _block(str(subcircuit), _known_kind(kind), f"PySpice subcircuit {subcircuit.name}", None)


def all_subckts(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Return the texts a deck needs for some blocks, each once, what is used before what uses it.

    Raises
    ------
    RequestError
        ``blocks.name-conflict`` if two different texts define the same subcircuit or model.
    """
    texts: list[str] = []
    owner: dict[str, str] = {}

    def add(item: Block | Cell) -> None:
        for cell in item.uses:
            add(cell)
        if item.text in texts:
            return
        place = item.subckt if isinstance(item, Block) else item.name
        names = [s.name for s in read_subckts(item.text, place) if not s.is_local] + list(model_names(item.text, place))
        for name in names:
            if name in owner or foundry(name) or name.startswith(_BONDS):
                others = "the network's bonds" if name.startswith(_BONDS) else "the foundry models"
                raise RequestError(
                    "blocks.name-conflict",
                    f'"{name}" is defined differently by {owner.get(name, others)}',
                    place=place,
                    remedy="rename one",
                )
            owner[name] = place
        texts.append(item.text)

    for block in blocks:
        add(block)
    return tuple(texts)


def _known_kind(kind: str) -> Kind:
    if not isinstance(kind, str) or kind not in KINDS:
        raise RequestError(
            "blocks.unknown-kind", f'there is no kind of block "{kind}"', remedy=nearest(str(kind), KINDS)
        )
    return KINDS[kind]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise RequestError("blocks.no-file", f"cannot be read: {error.strerror}", place=str(path)) from None
    except UnicodeDecodeError:
        raise RequestError("blocks.no-file", "is not UTF-8 text", place=str(path)) from None


def _listed(header: dict[str, str], key: str) -> list[str]:
    return [word for word in header.get(key, "none").split() if word != "none"]


def _load(text: str, place: str, folder: Path | None, above: tuple[str, ...]) -> tuple[Cell, tuple[Subckt, ...]]:
    """Read one file and those it uses, count its transistors, and resolve every instance."""
    subckts = read_subckts(text, place)
    header = header_of(text)
    uses = tuple(_cell(name, place, folder, above) for name in _listed(header, "uses"))
    counts = {name: count for cell in uses for name, count in cell.counts}
    waiting, models = list(subckts), next((cell.models for cell in uses if cell.models), None)
    own = {s.name for s in subckts}
    while waiting:
        ready = [s for s in waiting if not any(name in own and name not in counts for _, name in instances(s))]
        if not ready:
            raise RequestError("blocks.not-one", "the subcircuits use each other in a circle", place=place)
        for subckt in ready:
            for number, name in instances(subckt):
                if name not in counts and not foundry(name):
                    raise RequestError(
                        "blocks.unknown-cell",
                        f'line {number} uses "{name}", which is defined nowhere',
                        place=place,
                        remedy='define it in the file, or name its file in a line "* uses:"',
                    )
                models = models or ("gf180" if name not in counts else None)
            counts[subckt.name] = transistors_of(subckt, counts)
            waiting.remove(subckt)
    named = next(iter(_listed(header, "models")), models)
    return Cell(place.removesuffix(".sp"), text, uses, tuple((s.name, counts[s.name]) for s in subckts), named), subckts


def _cell(name: str, place: str, folder: Path | None, above: tuple[str, ...]) -> Cell:
    if folder is None or not name.isidentifier():
        raise RequestError("blocks.unknown-cell", f'"uses: {name}" names no file beside the block', place=place)
    if name in above:
        raise RequestError("blocks.not-one", f'"uses: {name}" goes round in a circle', place=place)
    return _load(_read(folder / f"{name}.sp"), f"{name}.sp", folder, (*above, name))[0]


def _block(text: str, kind: Kind, place: str, folder: Path | None) -> Block:
    cell, subckts = _load(text, place, folder, (place.removesuffix(".sp"),))
    used = {name for s in subckts for _, name in instances(s)}
    tops = [s for s in subckts if not s.is_local and s.name not in used]
    if len(tops) != 1:
        names = ", ".join(s.name for s in tops) or "none"
        raise RequestError(
            "blocks.not-one",
            f"one subcircuit has to be the block, found: {names}",
            place=place,
            remedy="one block a file",
        )
    top = tops[0]
    if top.ports not in (kind.ports, kind.chopped):
        raise RequestError(
            "blocks.ports-mismatch",
            f'"{top.name}" has the ports "{" ".join(top.ports)}"',
            place=place,
            remedy=f'a {kind.name} has "{" ".join(kind.ports)}", before vp also "{" ".join(CHOP)}" if it chops',
        )
    header = header_of(text)
    prefix = f"{kind.name}_"
    return Block(
        kind=kind.name,
        technology=top.name.removeprefix(prefix) if top.name.startswith(prefix) else "custom",
        subckt=top.name,
        ports=top.ports,
        parameters=top.parameters,
        text=text,
        uses=cell.uses,
        models=cell.models,
        transistors=dict(cell.counts)[top.name],
        ideal_parts=header.get("ideal parts", "not stated"),
        source=header.get("source", "not stated"),
    )
