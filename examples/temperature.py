"""Whether the loop adapts when the temperature changes in the middle of learning.

python examples/temperature.py OUTPUT_FOLDER [--kelvin 50 100 150] [--epochs 12] [--config FILE] [--set KEY=VALUE ...]

A gate is learnt at 77 K. Then the device, the same sites and the same rates, is at another temperature, and goes on
from the very voltages where the first run ended: once with the loop closed and once with the integrators disconnected.
Both runs are judged by the network alone at the new temperature. What the second run does not carry over from the first
is the charge of the low-pass filters and the phase of the carriers, which one case of a millisecond forgets.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

import hgesim as hg
from hgesim.config import Config, load_config, parse_config
from hgesim.experiment import Experiment, Run

AND = Path(__file__).parent / "and.toml"


def goes_on(first: Run, config: Config, kelvin: float, **loop: Any) -> Experiment:
    """Return the experiment that goes on from the end of a run, with its device at another temperature."""
    data = config.model_dump(exclude_unset=True)
    data["network"] = {"file": str((first.folder / "network.json").resolve()), "temperature": kelvin}
    for key in ("seed", "start_range", "chosen_from"):
        data["loop"].pop(key, None)
    data["loop"] |= {**first.result["continue_with"], **loop}
    return Experiment.from_config(parse_config(data))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--kelvin", type=float, nargs="+", default=[50.0, 100.0, 150.0])
    parser.add_argument("--epochs", type=int, default=12, help="before, and again after the change")
    parser.add_argument("--config", type=Path, default=AND)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    overrides = [f"loop.epochs={given.epochs}", *given.overrides]
    first = hg.learn(given.config, given.out / "first", overrides=overrides, force=True)
    told, (config, _) = first.result, load_config(given.config, overrides)
    print(
        f"{told['task']['name']} at 77 K after {given.epochs} epochs: margin {told['margin']:.0%}, "
        f"loss {told['loss']['final']:.2g} V^2, {'learnt' if first.learnt else 'not learnt'}"
    )
    print(f"{'then at':>9s}{'margin at once':>16s}{'loop closed':>13s}{'loop open':>11s}{'loss, closed':>26s}")
    figure, axes = plt.subplots(figsize=(7.6, 3.8), layout="constrained")
    axes.plot(told["history"]["epoch"], told["history"]["score"], color="black", label="77 K")
    for number, kelvin in enumerate(given.kelvin):
        runs = [
            goes_on(first, config, kelvin, rate=rate).run(given.out / f"{kelvin:g}K_{name}", force=True)
            for rate, name in ((1.0, "closed"), (0.0, "open"))
        ]
        closed, opened = (run.result for run in runs)
        if {run.verdict for run in runs} != {"ok"}:
            print(f"{kelvin:7g} K: {'; '.join(run.verdict + ' ' + run.result['message'] for run in runs)}")
            continue
        print(
            f"{kelvin:7g} K{closed['score']['initial']:16.0%}{closed['margin']:13.0%}{opened['margin']:11.0%}"
            f"{closed['loss']['initial']:12.2g} -> {closed['loss']['final']:.2g} V^2",
            flush=True,
        )
        for told_of, style, name in ((closed, "-", "closed"), (opened, ":", "open")):
            epochs = [given.epochs, *(given.epochs + epoch for epoch in told_of["history"]["epoch"])]
            margins = [told_of["score"]["initial"], *told_of["history"]["score"]]
            axes.plot(epochs, margins, style, color=f"C{number}", label=f"{kelvin:g} K, loop {name}")
    axes.axhline(told["task"]["goal"], color="gray", linewidth=0.8)
    axes.annotate("learnt above", (0.5, told["task"]["goal"]), xytext=(0, 3), textcoords="offset points", color="gray")
    axes.axvline(given.epochs, color="gray", linewidth=0.8)
    axes.set(xlabel="epoch", ylabel="margin of the network alone", title="The temperature of the device changes")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(given.out / "temperature.png", dpi=150)
    print(f"figure: {given.out / 'temperature.png'}")


if __name__ == "__main__":
    main()
