"""Stands in for the engine: plays back a transient of as many rows as a deck asks for, without simulating it.

``python -m hgesim.bench.playback -n -b deck.cir`` writes what ngspice would write for the deck's ``.tran`` and
``.save`` lines: every step at its bound, every channel at its start with a sine on it. Any other deck goes to the real
ngspice, which HGESIM_PLAYBACK_ENGINE names. It serves to measure what hgesim itself does with long runs.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np

__all__ = ["ENGINE", "main", "play", "write_script"]

ENGINE = "HGESIM_PLAYBACK_ENGINE"
_ROWS = 1 << 16
_DITHER, _TURNS = 0.01, 9e3


def play(deck: str, path: Path) -> int:
    """Write the raw file of a deck's transient and return how many rows it has."""
    step, stop = (float(word) for word in re.findall(r"^\.tran (\S+) (\S+)", deck, re.MULTILINE)[0])
    names = re.findall(r"^\.save (.*)$", deck, re.MULTILINE)[0].split()
    starts = {net: float(value) for net, value in re.findall(r"v\((\w+)\)=(\S+)", _nodeset(deck))}
    rows = round(stop / step) + 1
    levels = np.array([starts.get(name[2:-1], 0.0) if name.startswith("v(") else -1e-3 for name in names])
    head = ["Title: * playback", "Date: today", "Plotname: Transient Analysis", "Flags: real"]
    head += [f"No. Variables: {len(names) + 1}", f"No. Points: {rows}", "Variables:", "\t0\ttime\ttime"]
    kinds = ("voltage" if name.startswith("v(") else "current" for name in names)
    head += [f"\t{k + 1}\t{name}\t{kind}" for k, (name, kind) in enumerate(zip(names, kinds, strict=True))]
    with path.open("wb") as file:
        file.write(("\n".join([*head, "Binary:"]) + "\n").encode("ascii"))
        for first in range(0, rows, _ROWS):
            time = np.linspace(0.0, stop, rows)[first : first + _ROWS]
            wave = _DITHER * np.sin(2 * np.pi * _TURNS * time)
            file.write(np.column_stack([time, levels + wave[:, None]]).tobytes())
    return rows


def _nodeset(deck: str) -> str:
    return next((line for line in deck.splitlines() if line.startswith(".nodeset")), "")


def write_script(path: Path) -> Path:
    """Write an executable that hgesim takes for an engine, and return it."""
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hgesim.bench.playback "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def main(words: list[str]) -> None:
    """Play a transient back, or become the real engine."""
    deck = Path(words[-1]).read_text(encoding="ascii")
    if ".tran " in deck and "run waveforms.raw" in deck:
        rows = play(deck, Path("waveforms.raw"))
        print(f"No. of Data Rows : {rows}")
        return
    os.execv(os.environ[ENGINE], [os.environ[ENGINE], *words])


if __name__ == "__main__":
    main(sys.argv[1:])
