"""Netlists: text for one dialect of ngspice, checked before it is written."""

from __future__ import annotations

from hgesim.netlist.files import DECK, deck_files, write_files
from hgesim.netlist.pyspice import to_pyspice
from hgesim.netlist.verilog import bond_va
from hgesim.netlist.writer import DIALECTS, write_deck

__all__ = ["DECK", "DIALECTS", "bond_va", "deck_files", "to_pyspice", "write_deck", "write_files"]
