"""Small decks around single blocks, run by a real simulator."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hgesim.blocks import TECHNOLOGIES, Block, all_subckts
from hgesim.engine import Engine, RawData, gf180_models, read_raw, run_deck
from hgesim.engine.models import GF180_FILES
from hgesim.loop.wiring import rails_of

FOUNDRY = """.include design.ngspice
.lib sm141064.ngspice typical
.param sw_stat_global=0 sw_stat_mismatch=0
"""


@dataclass
class Bench:
    """A folder and an engine; every run gets the rails of the technologies it uses, and leaves its iterations here."""

    folder: Path
    engine: Engine
    options: str = "reltol=1e-4 abstol=1e-13"
    iterations: int | None = None

    def run(self, blocks: Iterable[Block], lines: str, analysis: str, saved: str) -> RawData:
        """Run `lines` (nodes vp_<technology>, vn_<technology> are the rails) and return the saved vectors."""
        blocks = tuple(blocks)
        deck = ["* bench"]
        if any(block.models == "gf180" for block in blocks):
            for name in GF180_FILES:
                shutil.copy(gf180_models() / name, self.folder / name)
            deck.append(FOUNDRY)
        deck += all_subckts(blocks)
        for technology in TECHNOLOGIES.values():
            deck.append(f"v{technology.name}p vp_{technology.name} 0 {technology.positive}")
            deck.append(f"v{technology.name}n vn_{technology.name} 0 {technology.negative}")
        deck += [lines, f".save {saved}", analysis, f".options {self.options}"]
        deck += [".control", "set num_threads=1", "set filetype=binary", "run waveforms.raw", "rusage totiter"]
        deck += ["quit", ".endc", ".end"]
        (self.folder / "deck.cir").write_text("\n".join(deck) + "\n")
        words = analysis.split()
        end = float(words[2]) if words[0] == ".tran" else 0.0
        result = run_deck(self.folder, self.engine, end_time=end, timeout=60)
        assert result.ok, result.message
        self.iterations = result.iterations
        return read_raw(result.raw)


def use(block: Block, name: str, nodes: str) -> str:
    """Return the line that places a block between `nodes` and the rails of its technology."""
    rails = rails_of(block).name
    return f"{name} {nodes} vp_{rails} vn_{rails} {block.subckt}"


def mean(time: NDArray, values: NDArray, start: float, end: float) -> float:
    """Return the time average of a waveform between two times."""
    grid = np.linspace(start, end, 20001)
    return float(np.interp(grid, time, values)[:-1].mean())


def amplitude(time: NDArray, values: NDArray, frequency: float, window: tuple[float, float]) -> complex:
    """Return the complex amplitude of a sine (1 for sin, 1j for cos) in a window of whole periods."""
    grid = np.linspace(*window, 40001)[:-1]
    return complex(2j * np.mean(np.interp(grid, time, values) * np.exp(-2j * np.pi * frequency * grid)))
