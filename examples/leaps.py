"""Slow learning in leaps against the whole transient: where the controls end, and how much had to be simulated.

python examples/leaps.py OUT [GATE=START ...] [--rate 0.02] [--epochs 300] [--technology gf180] [--workers 1]

Each gate is learnt on the device of and.toml from a start of its own (loop.seed), once whole and once with
`engine.multirate`. The rate is so slow that the controls follow the mean over the cases instead of every case. OUT gets
a folder for each run, leaps.csv and leaps.png; a run that OUT has already is not made again.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hgesim as hg
from hgesim.report.style import LIGHT, channel_style, look, new_figure

SETTINGS = Path(__file__).with_name("and.toml")
GATES = ("AND=168", "NAND=118", "XOR=471")
WAYS = ("whole", "leaps")


def run(job: tuple[Path, Sequence[str]]) -> None:
    """Make a run unless its folder has its result."""
    folder, sets = job
    if not (folder / "result.json").is_file():
        hg.learn(SETTINGS, folder, overrides=sets, force=True)


def ends(found: hg.Run) -> NDArray[np.float64]:
    """Return where controls and threshold end, in volt."""
    after = found.result["continue_with"]
    return np.array([*after["start"], after["threshold_start"]])


def compared(gate: str, whole: hg.Run, leaps: hg.Run) -> dict[str, Any]:
    """Return a row of the table."""
    if bad := [each for each in (whole, leaps) if each.verdict != "ok"]:
        raise SystemExit(f"{bad[0].folder}: {bad[0].verdict}, {bad[0].result['message']}")
    told = leaps.result["multirate"]
    settings = json.loads((leaps.folder / "config.json").read_text(encoding="utf-8"))
    full_scale = 2 * settings["loop"]["control_range"]
    apart = np.abs(ends(leaps) - ends(whole)).max()
    return {
        "gate": gate,
        "learnt": f"{whole.learnt} / {leaps.learnt}",
        "margin": f"{whole.result['margin']:.1%} / {leaps.result['margin']:.1%}",
        "apart_mV": round(1e3 * apart, 2),
        "apart_percent": round(100 * apart / full_scale, 3),
        "estimated_percent": round(100 * told["error"]["share"], 3),
        "bursts": told["bursts"],
        "less_simulated": round(told["factor"], 2),
        "less_time": round(whole.result["wall_s"] / leaps.result["wall_s"], 2),
        "fallback": (told["fallback"] or {}).get("reason", "none"),
    }


def draw(pairs: dict[str, tuple[hg.Run, hg.Run]], out: Path) -> None:
    """Draw the controls: lines for the whole transients, dots for the epochs that leaps simulated."""
    with look():
        figure = new_figure(3.2 * len(pairs), 3.1)
        for number, (axes, (gate, (whole, leaps))) in enumerate(
            zip(figure.subplots(1, len(pairs), squeeze=False)[0], pairs.items(), strict=True)
        ):
            past, bursts = whole.result["history"], leaps.result["history"]
            tracks = [*past["controls"].items(), ("threshold", past["threshold"])]
            for channel, (name, track) in enumerate(tracks):
                style = channel_style(channel)
                axes.plot(past["epoch"], track, lw=1, **style)
                dots = bursts["threshold"] if name == "threshold" else bursts["controls"][name]
                axes.plot(bursts["epoch"], dots, "o", ms=3, color=style["color"], mec=LIGHT["paper"], mew=0.4)
            axes.set(title=gate, xlabel="epoch", ylabel="" if number else "controls and threshold, V")
        figure.tight_layout(w_pad=1.5)
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


def main() -> None:
    """Run, print the table and draw."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("out", type=Path)
    words.add_argument("gates", nargs="*", default=GATES)
    words.add_argument("--rate", type=float, default=0.02)
    words.add_argument("--epochs", type=int, default=300)
    words.add_argument("--technology", default="gf180")
    words.add_argument("--workers", type=int, default=1)
    given = words.parse_args()
    common = [f"circuit.technology={given.technology}", f"loop.rate={given.rate}", f"loop.epochs={given.epochs}"]
    jobs, folders = [], dict[str, tuple[Path, Path]]()
    for words_of in given.gates:
        gate, _, seed = words_of.partition("=")
        whole, leaps = folders[gate] = (given.out / f"{gate}_{WAYS[0]}", given.out / f"{gate}_{WAYS[1]}")
        sets = [*common, f"task.gate={gate}", *([f"loop.seed={seed}"] if seed else []), "engine.timeout=100000"]
        jobs += [(whole, sets), (leaps, [*sets, "engine.multirate=true"])]
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        pool.map(run, jobs, chunksize=1)
    pairs = {gate: (hg.Run.load(whole), hg.Run.load(leaps)) for gate, (whole, leaps) in folders.items()}
    rows = [compared(gate, *pair) for gate, pair in pairs.items()]
    with (given.out / "leaps.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    print("| " + " | ".join(rows[0]) + " |\n" + "| --- " * len(rows[0]) + "|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    draw(pairs, given.out / "leaps.png")


if __name__ == "__main__":
    main()
