"""Operating points by ngspice's library in a process of its own: sources are altered, and ``op`` is run again.

``python -m hgesim.bench.altered FOLDER`` takes ``deck.cir`` and ``points.json`` there and prints currents and time.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hgesim.bench.child import run_child
from hgesim.bench.figure import timed
from hgesim.design import network_bench
from hgesim.engine import fill_folder
from hgesim.engine.library import find_library
from hgesim.errors import EngineError
from hgesim.netlist import write_files
from hgesim.network import Network

__all__ = ["altered_currents"]

FloatArray = NDArray[np.float64]


def altered_currents(network: Network, volts: FloatArray, folder: Path) -> tuple[FloatArray, float]:
    """Load a network once and find its output current at points, (P, E); return ampere, (P,), and second a point.

    Raises
    ------
    EngineError
        ``bench.no-library`` without libngspice; ``bench.failed``.
    """
    if find_library() is None:
        raise EngineError("bench.no-library", "libngspice is missing", place="twin", remedy="run: hgesim doctor")
    write_files(network_bench(network, volts[:1]), folder)
    fill_folder(folder)
    deck = (folder / "deck.cir").read_text(encoding="ascii")
    (folder / "deck.cir").write_text("\n".join(_plain(deck, network.electrode_labels)), encoding="ascii")
    points = {"labels": network.electrode_labels, "output": network.output, "volts": volts.tolist()}
    (folder / "points.json").write_text(json.dumps(points), encoding="utf-8")
    told = json.loads(run_child([sys.executable, "-m", "hgesim.bench.altered", folder]).printed.splitlines()[-1])
    return np.array(told["currents"]), told["took"] / len(volts)


def _plain(deck: str, labels: Sequence[str]) -> list[str]:
    """Turn the deck of a sweep into one whose electrodes are plain sources."""
    lines = deck.split(".control")[0].splitlines()
    sources = tuple(f"{letter}{mark}_{label} " for label in labels for letter, mark in (("v", ""), ("b", "v")))
    kept = [line for line in lines if not line.startswith((*sources, "vcase_number", ".dc", ".save"))]
    return [*kept, *(f"v_{label} el_{label} 0 dc 0" for label in labels), ".end"]


def main(folder: Path) -> None:
    """Find the operating points one after the other; only they count, not loading."""
    from hgesim.engine.binding import Library

    points = json.loads((folder / "points.json").read_text(encoding="utf-8"))
    labels, output = points["labels"], points["labels"][points["output"]]
    engine = Library(find_library() or Path())
    engine.command("set num_threads=1", silent=True)
    engine.command(f"osdi {folder / 'bond.osdi'}", silent=True)
    engine.load((folder / "deck.cir").read_text(encoding="ascii").splitlines())

    def current(row: Sequence[float]) -> float:
        for label, value in zip(labels, row, strict=True):
            engine.command(f"alter v_{label} = {value:.12e}", silent=True)
        engine.command("op", silent=True)
        answer = re.search(r"=\s*(\S+)", " ".join(engine.command(f"print i(v_{output})", silent=True)))
        engine.command("destroy all", silent=True)
        return float(answer[1]) if answer else math.nan

    took, currents = timed(lambda: [current(row) for row in points["volts"]])
    print(json.dumps({"currents": currents, "took": took}), flush=True)
    os._exit(0)  # no clean-up: unloading the library is not safe


if __name__ == "__main__":
    main(Path(sys.argv[1]))
