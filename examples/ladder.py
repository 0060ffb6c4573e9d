"""From the laboratory's loop to the analog one, block by block, on the same device from the same start.

python examples/ladder.py OUTPUT_FOLDER [--bits 8 12] [--rungs 0 3 ...] [--set section.key=value ...]

The first rung is the laboratory's: network, dither and read-out are a circuit, Python does lock-in, loss and update
once an epoch. On the next Python computes every block of the analog loop behind the read-out, step by step; then one
block after the other becomes a circuit, until none is left. --bits adds the first rung with converters of so many bits,
which sample 200,000 times a second; --rungs takes only some, counted from 0. OUTPUT_FOLDER gets ladder.csv, ladder.png
and a run folder, with its report, for each.

Angles are medians over the input cases and over the epochs, in degree, against the exact descent of the loss of a case
and of all: on the first rung of the gradients that the lock-in measured, on the others of the moves of the controls.
The error is that of the last epoch, time averages, root mean square. Energy is what the supplies gave the analog
blocks; the computer and the converters are not in it. Processor time is that of simulator and Python together.
"""

from __future__ import annotations

import argparse
import csv
import math
import resource
from pathlib import Path
from typing import Any

import hgesim as hg

EXAMPLE = Path(__file__).parent / "xor.toml"
CHAIN = ("loss", "coupler", "mixer", "lowpass", "integrator")  # in the order in which signals pass them
DIGITAL = ("loop.update=digital", "loop.learning_rate=0.05")
CONVERTERS = "converters.adc_bits={0} converters.dac_bits={0} converters.rate=200e3"
COLUMNS = {
    "angle_deg": "angle, a case (°)",
    "epoch_angle_deg": "angle, an epoch (°)",
    "error_v": "error at the end (mV rms)",
    "margin": "margin (% of the swing)",
    "processor_s": "processor time (s)",
    "energy_j": "energy of analog blocks (µJ)",
}
SCALE = {"error_v": 1e3, "margin": 100.0, "energy_j": 1e6}


def rungs(bits: list[int]) -> dict[str, list[str]]:
    """Return the settings of each rung by its name."""
    found = {"digital update": list(DIGITAL)}
    for number in bits:
        found[f"the same, {number} bits"] = [*DIGITAL, *CONVERTERS.format(number).split()]
    for analog in range(len(CHAIN)):
        played = CHAIN[analog:]
        name = f"{played[0]} to {played[-1]} in Python" if analog < len(CHAIN) - 1 else f"{played[0]} in Python"
        found[name] = [f"circuit.{kind}=python" for kind in played]
    return found | {"all analog": []}


def processor_s() -> float:
    """Return the processor time of this process and of those it waited for, in second."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def climb(name: str, settings: list[str], folder: Path) -> dict[str, Any]:
    """Run one rung and return its row."""
    before = processor_s()
    run = hg.learn(EXAMPLE, folder, overrides=settings, force=True)
    spent = processor_s() - before
    run.report()
    result = run.result
    row: dict[str, Any] = {"rung": name, "verdict": run.verdict, "processor_s": spent}
    if run.verdict != "ok":
        return row
    return row | {
        "python": ", ".join(result["python_parts"]) or "nothing",
        "angle_deg": result["gradient_along"]["window"]["angle_deg"]["controls"],
        "epoch_angle_deg": result["gradient_along"]["epoch"]["angle_deg"]["controls"],
        "error_v": math.sqrt(result["loss"]["final"]),
        "margin": result["margin"],
        "learnt": run.learnt,
        "simulated_s": result["simulated_s"],
        "energy_j": result["energy_j"]["total"],
    }


def line(row: dict[str, Any]) -> str:
    """Return a row of the table, in Markdown."""
    if row["verdict"] != "ok":
        return f"| {row['rung']} | {row['verdict']} |"
    cells = (
        row["rung"],
        *("-" if row[key] is None else f"{row[key]:.2g} deg" for key in ("angle_deg", "epoch_angle_deg")),
        f"{1e3 * row['error_v']:.3g} mV",
        f"{row['margin']:.0%}" + ("" if row["learnt"] else " (not learnt)"),
        f"{1e3 * row['simulated_s']:.3g} ms",
        f"{row['processor_s']:.3g} s",
        f"{1e6 * row['energy_j']:.3g} uJ",
    )
    return f"| {' | '.join(cells)} |"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each column, a line for each rung."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [row["rung"] for row in rows]
    figure, panels = pyplot.subplots(
        1, len(COLUMNS), figsize=(14.5, 0.42 * len(rows) + 1.3), sharey=True, layout="constrained"
    )
    for axes, (key, label) in zip(panels, COLUMNS.items(), strict=True):
        shown = [(k, SCALE.get(key, 1.0) * row[key]) for k, row in enumerate(rows) if row.get(key) is not None]
        colours = ["#0072b2" if rows[k].get("python") == "nothing" else "#d55e00" for k, _ in shown]
        axes.hlines(
            [k for k, _ in shown], min([0.0, *(v for _, v in shown)]), [v for _, v in shown], color="0.85", lw=4
        )
        axes.scatter([v for _, v in shown], [k for k, _ in shown], c=colours, s=36, zorder=3)
        for k, value in shown:
            axes.annotate(f"{value:.3g}", (value, k), (6, 0), textcoords="offset points", va="center", fontsize=8)
        axes.margins(x=0.3)
        axes.set_title(label, fontsize=9)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].invert_yaxis()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--bits", nargs="*", type=int, default=[], help="add digital updates with such converters")
    parser.add_argument("--rungs", nargs="+", type=int, help="only these, from 0")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    device = hg.Experiment.from_file(EXAMPLE, given.overrides).design.network
    device.gradient([0.0] * device.n_electrodes)  # what is compiled once counts for no rung
    print("| rung | angle, case | angle, epoch | error | margin | simulated | processor | energy |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows = []
    for number, (name, settings) in enumerate(rungs(given.bits).items()):
        if given.rungs is not None and number not in given.rungs:
            continue
        rows.append(climb(name, [*settings, *given.overrides], given.out / f"rung_{number}"))
        print(line(rows[-1]), flush=True)
    with (given.out / "ladder.csv").open("w", newline="", encoding="utf-8") as file:
        keys = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(file, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, given.out / "ladder.png")


if __name__ == "__main__":
    main()
