"""Netlists: text for one dialect of ngspice, checked before it is written."""

from __future__ import annotations

from hgesim.netlist.files import DECK, deck_files, write_files
from hgesim.netlist.pyspice import to_pyspice
from hgesim.netlist.verilog import uses_osdi, verilog_a
from hgesim.netlist.writer import DIALECTS, write_deck

__all__ = ["DECK", "DIALECTS", "deck_files", "to_pyspice", "uses_osdi", "verilog_a", "write_deck", "write_files"]
