"""Designs: a network, blocks and a loop as one frozen value, expanded into circuit elements without any dialect."""

from __future__ import annotations

from hgesim.design.bench import network_bench
from hgesim.design.circuit import CaseSweep, Circuit, Transient
from hgesim.design.design import Design, block_set
from hgesim.design.expand import network_elements
from hgesim.design.open_bench import open_loop_bench, resistor_standard
from hgesim.design.piece import piece_of_run

__all__ = [
    "CaseSweep",
    "Circuit",
    "Design",
    "Transient",
    "block_set",
    "network_bench",
    "network_elements",
    "open_loop_bench",
    "piece_of_run",
    "resistor_standard",
]
