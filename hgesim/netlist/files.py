"""The text files of a self-contained folder, in each dialect."""

from __future__ import annotations

from pathlib import Path

from hgesim.design.circuit import Circuit
from hgesim.netlist.vacask import vacask_files, write_vacask
from hgesim.netlist.vacask_parts import vacask_verilog
from hgesim.netlist.verilog import uses_osdi, verilog_a
from hgesim.netlist.writer import DIALECTS, path_file, write_deck
from hgesim.nonideal.paths import path_text

__all__ = ["DECK", "DIALECTS_OF", "bond_text", "deck_files", "deck_text", "needs", "write_files"]

DECK = "deck.cir"
VACASK = "vacask"
# of each simulator, the one to be preferred first
DIALECTS_OF = {"ngspice": DIALECTS, VACASK: (VACASK,)}


def deck_files(circuit: Circuit, dialect: str = "osdi") -> dict[str, str]:
    """Return the files of a deck by name.

    Parameters
    ----------
    circuit : Circuit
        What to write.
    dialect : str
        Of ngspice (`hgesim.netlist.write_deck`): ``deck.cir``, its noise and, where needed, ``bond.va``. ``"vacask"``:
        see `hgesim.netlist.vacask_files`.

    Raises
    ------
    RequestError
        What `write_deck` or `vacask_files` raises.
    """
    if dialect == VACASK:
        return vacask_files(circuit)
    files = {DECK: write_deck(circuit, dialect)}
    files |= {path_file(path): path_text(path) for path in circuit.paths}
    if text := bond_text(circuit, dialect):
        files["bond.va"] = text
    return files


def deck_text(circuit: Circuit, dialect: str = "osdi") -> str:
    """Return the deck alone, in any dialect."""
    return write_vacask(circuit) if dialect == VACASK else write_deck(circuit, dialect)


def bond_text(circuit: Circuit, dialect: str) -> str:
    """Return the text of ``bond.va``; empty where nothing has to be compiled."""
    if dialect == VACASK:
        return vacask_verilog(circuit)
    return verilog_a(circuit) if uses_osdi(circuit, dialect) else ""


def needs(circuit: Circuit, dialect: str) -> frozenset[str]:
    """Return the capabilities that an engine needs for a deck, of those in ``Engine.capabilities``."""
    wanted = {"osdi"} if bond_text(circuit, dialect) else set()
    return frozenset(wanted | ({"xspice"} if circuit.paths and dialect != VACASK else set()))


def write_files(circuit: Circuit, folder: Path, dialect: str = "osdi") -> Path:
    """Write the files of a deck into a folder, which is made if need be, and return the folder.

    Foundry models and the compiled bond are not text of ours; the engine layer puts them beside
    (`hgesim.engine.fill_folder`).
    """
    files = deck_files(circuit, dialect)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii", newline="\n")
    return folder
