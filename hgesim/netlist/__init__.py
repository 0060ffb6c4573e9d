"""Netlists: text for one dialect of ngspice, or for VACASK, checked before it is written."""

from __future__ import annotations

from hgesim.netlist.files import DECK, DIALECTS_OF, bond_text, deck_files, deck_text, needs, write_files
from hgesim.netlist.pyspice import to_pyspice
from hgesim.netlist.vacask import VACASK_DECK, vacask_files, write_vacask
from hgesim.netlist.verilog import uses_osdi, verilog_a
from hgesim.netlist.writer import DIALECTS, write_deck

__all__ = [
    "DECK",
    "DIALECTS",
    "DIALECTS_OF",
    "VACASK_DECK",
    "bond_text",
    "deck_files",
    "deck_text",
    "needs",
    "to_pyspice",
    "uses_osdi",
    "vacask_files",
    "verilog_a",
    "write_deck",
    "write_files",
    "write_vacask",
]
