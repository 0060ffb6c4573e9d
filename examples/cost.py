"""What a time point of a learning loop costs, for small and large networks and for few and many controls.

python examples/cost.py [FOLDER] [--dopants 20 50 100 200 500] [--controls 2 5 10 20] [--technology gf180]

Dopant discs of constant density and fixed cut-off, without Coulomb terms, learn AND: the first time points of the
transient are simulated. Bonds are what evaluating the bonds takes (the same deck with each bond written as four in
parallel takes three times as much more), electronics what the same loop takes around a network of one site, matrix and
rest what the network adds besides. Processor time, the least of the repeats; a quiet machine gives good differences.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from hgesim.bench.cost import Cost, growth, loop_design, point_cost
from hgesim.report.style import LIGHT, look, new_figure

DOPANTS, CONTROLS = 20, 5  # where the other one is varied
DRAWN = {"electronics": "soft", "bonds_s": "blue", "matrix": "orange"}  # the rest is within the error
WORDS = {"electronics": "electronics", "bonds_s": "bonds", "matrix": "matrix", "rest": "rest of the network"}


def table(costs: Sequence[Cost]) -> None:
    """Print a line for each loop, in microseconds a time point."""
    heads = ("dopants", "bonds", "controls", "transistors", "iterations", "whole", *WORDS.values(), "network")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for cost in costs:
        counts = (cost.dopants, cost.bonds, cost.controls, cost.transistors)
        times = (cost.whole, *(getattr(cost, part) for part in WORDS), cost.network)
        cells = (*map(str, counts), f"{cost.iterations:.1f}", *(f"{1e6 * time:.0f}" for time in times))
        print("| " + " | ".join(cells) + " |")


def draw(panels: dict[str, tuple[str, Sequence[Cost]]], out: Path) -> None:
    """Draw the parts over dopants and over controls."""
    with look():
        figure = new_figure(9.0, 3.9)
        for axes, (name, (field, costs)) in zip(figure.subplots(1, 2), panels.items(), strict=True):
            sizes = [getattr(cost, field) for cost in costs]
            for part, colour in DRAWN.items():
                times = [1e6 * getattr(cost, part) / cost.iterations for cost in costs]
                axes.plot(sizes, times, "o-", ms=4, color=LIGHT[colour], label=WORDS[part])
            axes.set(xscale="log", yscale="log", xlabel=name, ylabel="time of an iteration (µs)", xticks=sizes)
            axes.set_xticklabels([str(size) for size in sizes])
            axes.set_xticks([], minor=True)
            axes.yaxis.set_major_formatter("{x:g}")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=len(DRAWN))
        figure.tight_layout(rect=(0, 0, 1, 0.92))
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


def main() -> None:
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default="cost", type=Path)
    parser.add_argument("--dopants", nargs="+", type=int, default=[20, 50, 100, 200, 500])
    parser.add_argument("--controls", nargs="+", type=int, default=[2, 5, 10, 20])
    parser.add_argument("--technology", default="gf180")
    parser.add_argument("--points", type=int, default=500, help="time points of each run")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)

    def cost(dopants: int, controls: int) -> Cost:
        design = loop_design(dopants, controls, given.technology)
        decks = given.folder / f"{dopants}_{controls}"
        return point_cost(design, decks, points=given.points, repeats=given.repeats, tell=print)

    sizes = [cost(dopants, CONTROLS) for dopants in given.dopants]
    channels = [cost(DOPANTS, controls) for controls in given.controls]
    print(f"\nA time point, {given.technology}, in µs of the processor's time\n")
    table(sizes + channels)
    if len(sizes) > 1:
        print(f"\nThe network's cost for an iteration grows with the dopants to the power of {growth(sizes):.2f}")
    with (given.folder / "cost.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Cost)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(one) for one in sizes + channels)
    draw({"dopants": ("dopants", sizes), "controls": ("controls", channels)}, given.folder / "cost.png")
    print(f"\nfigure and table: {given.folder}")


if __name__ == "__main__":
    main()
