"""Where no error holds the controls they drift; a leak across the integrators' capacitors stops it, for a price.

python examples/drift.py [FOLDER] [--chips 6] [--leaks 0.04 0.01] [--milliseconds 120] [--workers 1]

Two controls have one target on the bench of bench.py, so that one direction is free; offsets of mismatched mixers and
integrators push along it, while the error stays small. A leak (`loop.decay`, here in second) pulls the controls towards
0 V: the drift ends where both balance. The price is an error: against the descent, which takes the error back at a rate
p (thresholds.py), the leak pulls with R g.V/leak, and R g.V/(p leak) stays, with the slopes g at the controls V. FOLDER
gets runs.jsonl and drift.png.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from bench import TRANSIMPEDANCE, Bench, Run, arguments, measure
from mismatch import chip
from thresholds import loop_figures

from hgesim.engine import Verdict
from hgesim.report.style import LIGHT, look, new_figure

COLOURS = ("orange", "blue", "green", "purple", "amber")


def moved(run: Run, first: int, last: int) -> float:
    """Return how far the controls went between two milliseconds, V."""
    path = np.array(run.controls)
    return float(np.linalg.norm(path[:, last] - path[:, first]))


def price(run: Run, leak: float) -> float:
    """Return the error that a leak makes by the formula, V, whatever its sign."""
    ends = np.array(run.controls)[:, -1]
    loop = loop_figures(ends)
    return float(abs(TRANSIMPEDANCE * loop.slopes @ ends / (loop.rate * leak)))


def draw(found: dict[str, list[Run]], shown: int, out: Path) -> None:
    """Draw one chip's controls and error over time, without and with each leak."""
    with look():
        figure = new_figure(7.4, 3.6)
        left, right = figure.subplots(1, 2)
        for (words, runs), colour in zip(found.items(), COLOURS, strict=False):
            run, style = runs[shown], {"color": LIGHT[colour]}
            time = np.arange(len(run.error)) + 0.5
            for volts, line in zip(run.controls, ("-", (0, (4, 2))), strict=True):
                left.plot(time, volts, ls=line, **style)
            right.plot(time, 1e3 * np.array(run.error), label=words, **style)
        left.set(xlabel="time, ms", ylabel="V", title=f"Controls of chip {shown}: c1 full, c2 dashed")
        right.set(xlabel="time, ms", ylabel="mV", title="Error at the read-out")
        right.axhline(0, color=LIGHT["soft"], lw=0.8)
        right.legend(loc="lower right")
        figure.tight_layout(w_pad=2.5)
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


def main() -> None:
    """Simulate, print the table and draw."""
    given = arguments(__doc__, "runs/bench", chips=6, leaks=(0.04, 0.01), milliseconds=120)
    if given.milliseconds < 20 or min(given.leaks) <= 0:
        raise SystemExit("at least 20 ms, the first ten are for learning; leaks above 0")
    bench = Bench(milliseconds=given.milliseconds)
    kinds = {"no leak": bench}
    for leak in given.leaks:
        kinds[f"leak of {1e3 * leak:g} ms"] = dataclasses.replace(bench, settings={"decay": leak})
    pairs = [(words, seed) for seed in range(given.chips) for words in kinds]
    work = [({"leak": words, "chip": seed}, kinds[words].design(chip(seed))) for words, seed in pairs]
    runs = measure(work, given.folder, given.workers)
    if bad := [run.about for run in runs if run.verdict != Verdict.OK]:
        raise SystemExit(f"no valid simulation of {bad[0]}")
    found = {words: runs[number :: len(kinds)] for number, words in enumerate(kinds)}
    half = 10 + (given.milliseconds - 10) // 2
    print(f"drift of the controls in V, error of the last millisecond in mV; {given.chips} chips: median and largest")
    print("by the leak: what the error is apart from the same chip's without, and by the formula")
    print(f"| leak | 10 to {half} ms | {half} to {given.milliseconds} ms | error | by the leak | formula |")
    print("| --- " * 6 + "|")
    for (words, rows), leak in zip(found.items(), (None, *given.leaks), strict=True):
        columns = [
            [moved(run, 9, half - 1) for run in rows],
            [moved(run, half - 1, -1) for run in rows],
            [1e3 * run.end for run in rows],
            [1e3 * abs(run.error[-1] - free.error[-1]) for run, free in zip(rows, found["no leak"], strict=True)],
            [1e3 * price(run, leak) if leak else 0.0 for run in rows],
        ]
        print(f"| {words} | " + " | ".join(f"{np.median(c):.2g}, {max(c):.2g}" for c in columns) + " |")
    without = [moved(run, 9, -1) for run in found["no leak"]]
    draw(found, int(np.argmax(without)), given.folder / "drift.png")


if __name__ == "__main__":
    main()
