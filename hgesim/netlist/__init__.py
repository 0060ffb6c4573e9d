"""Netlists: text for one dialect of ngspice, checked before it is written."""

from __future__ import annotations

from hgesim.netlist.bonds import BOND_VA, verilog_a
from hgesim.netlist.files import DECK, deck_files, write_files
from hgesim.netlist.pyspice import to_pyspice
from hgesim.netlist.writer import DIALECTS, uses_osdi, write_deck

__all__ = [
    "BOND_VA",
    "DECK",
    "DIALECTS",
    "deck_files",
    "to_pyspice",
    "uses_osdi",
    "verilog_a",
    "write_deck",
    "write_files",
]
