"""What do larger transistors buy? Yield and what is left of the error against gate area, on the bench of bench.py.

python examples/yield_area.py [FOLDER] [--chips 50] [--areas 0.25 1 4 16] [--variants none gain] [--workers 1]

The same chips as in mismatch.py (in the same FOLDER its runs count here), with every foundry transistor `circuit.area`
times as large. By Pelgrom, Duinmaijer, Welbers, IEEE JSSC 24 (1989) 1433, what mismatch leaves falls with the root of
the area. Areas below 1 would need gates shorter than the foundry's shortest: there the mismatch is larger instead, by
the same law. FOLDER gets runs.jsonl and yield_area.png.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
from bench import LEARNT, Run, arguments, measure
from mismatch import VARIANTS, chip

import hgesim as hg
from hgesim.learning import proportion_interval
from hgesim.report.style import LIGHT, look, new_figure

COLOURS = ("orange", "blue", "green", "purple", "amber", "soft")


def design(variant: str, area: float, seed: int) -> hg.Design:
    """Return a variant on a chip with larger transistors, or with a mismatch as of smaller ones."""
    drawn, bench = chip(seed), VARIANTS[variant][1]
    if area >= 1:
        return dataclasses.replace(bench, area=bench.area * area).design(drawn)
    return bench.design(dataclasses.replace(drawn, sizes={**dict(drawn.sizes), "mismatch": 1 / math.sqrt(area)}))


def spread(runs: list[Run]) -> tuple[float, float]:
    """Return the median of what is left of the error (mV), and its standard error by resampling the chips."""
    errors = np.array([1e3 * run.end for run in runs])
    drawn = np.random.default_rng(0).choice(errors, (400, len(errors)))
    return float(np.median(errors)), float(np.median(drawn, axis=1).std())


def exponent(areas: list[float], middles: list[tuple[float, float]]) -> tuple[float, float]:
    """Fit the median to a power of the area, weighted by its error; return the exponent and its standard error."""
    x = np.log(areas)
    y, weight = np.log([m for m, _ in middles]), np.array([m / s for m, s in middles]) ** 2
    centred = x - (weight * x).sum() / weight.sum()
    total = (weight * centred**2).sum()
    return float((weight * centred * y).sum() / total), float(1 / math.sqrt(total))


def draw(areas: list[float], found: dict[str, list[list[Run]]], out: Path) -> None:
    """Draw what is left and the yield over the area."""
    with look():
        figure = new_figure(7.4, 3.5)
        left, right = figure.subplots(1, 2)
        for (name, columns), colour in zip(found.items(), COLOURS, strict=False):
            style = {"color": LIGHT[colour], "label": VARIANTS[name][0]}
            middles = [spread(runs) for runs in columns]
            middle, bar = np.array(middles).T
            left.errorbar(areas, middle, bar, fmt="o", ms=5, capsize=2, **style)
            law = middle[-1] * np.sqrt(areas[-1] / np.array(areas))
            left.plot(areas, law, color=style["color"], lw=1, ls=(0, (4, 2)))
            counts = [(sum(run.learnt for run in runs), len(runs)) for runs in columns]
            share = np.array([100 * learnt / number for learnt, number in counts])
            bounds = 100 * np.array([proportion_interval(*count) for count in counts]).T
            right.errorbar(areas, share, abs(bounds - share), fmt="o-", ms=5, lw=1, capsize=2, **style)
        left.axhline(1e3 * LEARNT, color=LIGHT["soft"], lw=0.8, ls=(0, (1, 2)))
        left.set(yscale="log", ylabel="median |error| at the end, mV", title="Dashed: root of the area (Pelgrom)")
        right.set(ylim=(-4, 104), ylabel=f"chips below {1e3 * LEARNT:g} mV, %", title="Yield, with 95 % intervals")
        right.legend(loc="lower right")
        left.yaxis.set_major_formatter("{x:g}")
        for axes in (left, right):
            axes.set(xscale="log", xlabel="gate area, relative")
            axes.set_xticks(areas, [f"{area:g}" for area in areas])
            axes.minorticks_off()
        figure.tight_layout(w_pad=2.5)
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


def main() -> None:
    """Simulate, print the table and draw."""
    given = arguments(__doc__, "runs/bench", chips=50, areas=(0.25, 1.0, 4.0, 16.0), variants=("none", "gain"))
    areas = sorted(set(given.areas))
    if areas[0] <= 0 or not set(given.variants) <= set(VARIANTS):
        raise SystemExit(f"areas are above 0, variants among {', '.join(VARIANTS)}")
    cells = [(variant, area) for variant in given.variants for area in areas]
    work = [
        ({"variant": variant, "area": area, "chip": seed}, design(variant, area, seed))
        for seed in range(given.chips)
        for variant, area in cells
    ]
    runs = measure(work, given.folder, given.workers)
    found = {
        variant: [runs[cells.index((variant, area)) :: len(cells)] for area in areas] for variant in given.variants
    }
    print("| variant | area | chips | median left, mV | learnt, 95 % interval |\n" + "| --- " * 5 + "|")
    for variant, columns in found.items():
        for area, rows in zip(areas, columns, strict=True):
            learnt = sum(run.learnt for run in rows)
            low, high = proportion_interval(learnt, len(rows))
            middle, bar = spread(rows)
            told = f"{middle:.2g} +- {bar:.1g} | {learnt} ({100 * low:.0f}-{100 * high:.0f} %)"
            print(f"| {VARIANTS[variant][0]} | {area:g} | {len(rows)} | {told} |")
    if len(areas) > 2:
        for variant, columns in found.items():
            power, bar = exponent(areas, [spread(rows) for rows in columns])
            print(f"{VARIANTS[variant][0]}: median ~ area^({power:.2f} +- {bar:.2f}); Pelgrom: -0.5")
    draw(areas, found, given.folder / "yield_area.png")


if __name__ == "__main__":
    main()
