"""The text files of a self-contained folder."""

from __future__ import annotations

from pathlib import Path

from hgesim.design.circuit import Circuit
from hgesim.netlist.verilog import uses_osdi, verilog_a
from hgesim.netlist.writer import path_file, write_deck
from hgesim.nonideal.paths import path_text

__all__ = ["DECK", "deck_files", "write_files"]

DECK = "deck.cir"


def deck_files(circuit: Circuit, dialect: str = "osdi") -> dict[str, str]:
    """Return the files of a deck by name: ``deck.cir``, its noise and, where needed, ``bond.va``."""
    files = {DECK: write_deck(circuit, dialect)}
    files |= {path_file(path): path_text(path) for path in circuit.paths}
    if uses_osdi(circuit, dialect):
        files["bond.va"] = verilog_a(circuit)
    return files


def write_files(circuit: Circuit, folder: Path, dialect: str = "osdi") -> Path:
    """Write the files of a deck into a folder, which is made if need be, and return the folder.

    Foundry models and the compiled bond are not text of ours; the engine layer puts them beside
    (`hgesim.engine.fill_folder`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in deck_files(circuit, dialect).items():
        (folder / name).write_text(text, encoding="ascii", newline="\n")
    return folder
