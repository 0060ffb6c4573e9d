"""Blocks: the circuits of the loop as data. A block says what it is, which ports it has and which text a deck needs."""

from __future__ import annotations

from hgesim.blocks.catalogue import (
    Block,
    Cell,
    all_subckts,
    block_from_file,
    block_from_pyspice,
    circuits_folder,
    get_block,
)
from hgesim.blocks.computed import PYTHON, PYTHON_KINDS
from hgesim.blocks.kinds import CHOP, KINDS, TECHNOLOGIES, Kind, Technology
from hgesim.blocks.rewrite import enlarged, leaky
from hgesim.blocks.size import Size, block_size
from hgesim.blocks.transfer import CONTRACT, Contract

__all__ = [
    "CHOP",
    "CONTRACT",
    "KINDS",
    "PYTHON",
    "PYTHON_KINDS",
    "TECHNOLOGIES",
    "Block",
    "Cell",
    "Contract",
    "Kind",
    "Size",
    "Technology",
    "all_subckts",
    "block_from_file",
    "block_from_pyspice",
    "block_size",
    "circuits_folder",
    "enlarged",
    "get_block",
    "leaky",
]
