"""Which loop learns although no two transistors are alike? The mismatch table: variants of it on the same chips.

python examples/mismatch.py [FOLDER] [--chips 50] [--variants none gain ...] [--workers 1]

Every chip draws the threshold voltage and mobility of each transistor by the foundry's law, and the spread of its
resistors and capacitors (`nonideal.preset = "gf180"`); the bench is that of bench.py. A run takes seconds. FOLDER gets
runs.jsonl (the same command goes on where it was stopped) and mismatch.png.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import numpy as np
from bench import LEARNT, Bench, Run, arguments, measure

import hgesim as hg
from hgesim.engine import Verdict
from hgesim.learning import proportion_interval
from hgesim.nonideal import preset_sizes
from hgesim.report.style import LIGHT, look, new_figure

# Without gain the integrators have to be so much faster to learn in the same time: smaller capacitors.
NO_GAIN = {"choices": {"coupler": "gf180_plain"}, "capacitor": 20e-12, "tau": 40e-6}
SQUARE = {"reference": 0.4, "reference_shape": "square"}
VARIANTS: dict[str, tuple[str, Bench]] = {
    "none": ("no gain", Bench(**NO_GAIN)),
    "square": ("no gain, square reference", Bench(**NO_GAIN, settings=SQUARE)),
    "gain": ("gain of 26 (default)", Bench()),
    "choppers": ("gain, chopper mixers", Bench(choices={"mixer": "gf180_chopper"})),
    "area": ("gain, area times 4", Bench(area=4.0)),
    "chopped": ("gain, chopped integrators", Bench(choices={"integrator": "gf180_chopped"})),
    "squarer": ("gain, ideal squarer", Bench(choices={"loss": "ideal"})),
}


def chip(seed: int) -> hg.Nonideal:
    """Return a chip."""
    return hg.Nonideal(preset_sizes("gf180"), seed=seed)


def figures(bench: Bench, runs: list[Run], others: list[Run]) -> list[str]:
    """Return the columns of the table; `others` are the same chips' runs that the time is compared with."""
    good = [run for run in runs if run.verdict == Verdict.OK]
    errors = 1e3 * np.array([run.error[-1] for run in good])
    learnt = sum(run.learnt for run in runs)
    low, high = proportion_interval(learnt, len(runs))
    sizes = bench.design().sizes.values()
    times = [run.engine_s / other.engine_s for run, other in zip(runs, others, strict=True)]
    return [
        f"{len(good)}/{len(runs)}" if len(good) < len(runs) else f"{len(runs)}",
        *(f"{value:.2g}" for value in (np.median(abs(errors)), errors.std(ddof=1), abs(errors).max())),
        f"{1e3 * np.median([abs(run.alone) for run in good]):.2g}",
        f"{learnt} ({100 * low:.0f}-{100 * high:.0f} %)",
        f"{1e12 * sum(size.gates for size in sizes):,.0f}",
        f"{1e12 * sum(size.capacitance for size in sizes):,.0f}",
        f"{1e3 * np.median([run.power for run in good]):.2f}",
        f"{np.median(times):.2g}",
    ]


HEAD = ["variant", "chips", "median", "sd", "max", "network alone", "learnt", "gates um^2", "C pF", "mW", "time"]


def draw(found: dict[str, list[Run]], out: Path) -> None:
    """Draw the error of every chip, in a column for each variant."""
    with look():
        figure = new_figure(7.2, 3.9)
        axes = figure.subplots()
        for number, runs in enumerate(found.values()):
            errors = 1e3 * np.array([run.end for run in runs if np.isfinite(run.end)])
            across = number + 0.5 * (np.arange(len(errors)) / max(len(errors) - 1, 1) - 0.5)
            for kept, colour in ((errors < 1e3 * LEARNT, "blue"), (errors >= 1e3 * LEARNT, "orange")):
                axes.plot(across[kept], errors[kept], "o", ms=3.5, mec="none", alpha=0.75, color=LIGHT[colour])
            axes.plot([number - 0.32, number + 0.32], 2 * [np.median(errors)], color=LIGHT["ink"], lw=2)
            learnt = sum(run.learnt for run in runs)
            axes.annotate(
                f"{learnt} of {len(runs)}", (number, 1.0), (0, 3), ha="center", fontsize=8,
                xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            )  # fmt: skip
        axes.axhline(1e3 * LEARNT, color=LIGHT["soft"], lw=0.8, ls=(0, (5, 3)))
        axes.set(yscale="log", ylabel="|error| at the end, mV", xlim=(-0.6, len(found) - 0.4))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xticks(range(len(found)), [fill(VARIANTS[name][0], 12) for name in found])
        axes.tick_params(axis="x", length=0)
        axes.set_title(f"Chips with mismatch that learn: below {1e3 * LEARNT:g} mV, from 45 mV", pad=18)
        figure.tight_layout()
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


def main() -> None:
    """Simulate, print the table and draw."""
    given = arguments(__doc__, "runs/bench", chips=50, variants=tuple(VARIANTS))
    names = [name for name in VARIANTS if name in given.variants]
    if unknown := set(given.variants) - set(VARIANTS):
        raise SystemExit(f"no variant {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    work = [({"variant": name, "chip": seed}, name, seed) for seed in range(given.chips) for name in names]
    designs = [(about, VARIANTS[name][1].design(chip(seed))) for about, name, seed in work]
    runs = measure(designs, given.folder, given.workers)
    found = {name: runs[number :: len(names)] for number, name in enumerate(names)}
    print(f"errors in mV at the read-out; learnt: below {1e3 * LEARNT:g} mV, with 95 % interval (Wilson)")
    print("time: of the engine, relative to the default's on the same chip; C: all capacitors")
    print("| " + " | ".join(HEAD) + " |\n" + "| --- " * len(HEAD) + "|")
    beside = found.get("gain", runs[0 :: len(names)])
    for name, rows in found.items():
        words, bench = VARIANTS[name]
        print("| " + " | ".join([words, *figures(bench, rows, beside)]) + " |")
    if "gain" in found and given.chips > 2:
        base = np.array([run.error[-1] if run.error else np.nan for run in found["gain"]])
        for name, rows in found.items():
            errors = np.array([run.error[-1] if run.error else np.nan for run in rows])
            both = np.isfinite(base) & np.isfinite(errors)
            if name != "gain":
                same = np.corrcoef(base[both], errors[both])[0, 1]
                print(f"{VARIANTS[name][0]}: correlation with the errors of the same chips as by default {same:.2f}")
    draw(found, given.folder / "mismatch.png")


if __name__ == "__main__":
    main()
