"""Whether the loop adapts when the temperature changes in the middle of learning.

python examples/temperature.py OUTPUT_FOLDER [--kelvin 50 100 150] [--epochs 12] [--config FILE] [--set KEY=VALUE ...]

A gate is learnt. Then the device, the same sites and the same rates, is at another temperature, and goes on from
the very voltages where the first run ended: once with the loop closed and once with the integrators disconnected.
Both runs are judged by the network alone at the new temperature. What the second run does not carry over from the first
is the charge of the low-pass filters and the phase of the carriers, which one case of a millisecond forgets.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import hgesim as hg
from hgesim.config import load_config, parse_config
from hgesim.experiment import Experiment, Run
from hgesim.report.style import LIGHT, channel_style, look, new_figure

AND = Path(__file__).parent / "and.toml"


def goes_on(first: Run, path: Path, overrides: list[str], kelvin: float, **loop: Any) -> Experiment:
    """Return the experiment that goes on from the end of a run, with its device at another temperature."""
    config, folder = load_config(path, overrides)
    data = config.model_dump(exclude_unset=True)
    data["network"] = {"file": str((first.folder / "network.json").resolve()), "temperature": kelvin}
    for key in ("seed", "start_range", "chosen_from"):
        data["loop"].pop(key, None)
    data["loop"] |= {**first.result["continue_with"], **loop}
    return Experiment.from_config(parse_config(data), folder)


def draw(runs: dict[str, dict[str, Any]], first: dict[str, Any], out: Path) -> None:
    """Draw the margin of the network alone, before and after."""
    before = first["timeline"]["epochs"]

    def margins(result: dict[str, Any]) -> list[float]:
        return [result["score"]["initial"], *result["history"]["score"]]

    with look():
        figure = new_figure(7.6, 3.8)
        axes = figure.subplots()
        axes.plot([0, *first["history"]["epoch"]], margins(first), color=LIGHT["ink"], label="before")
        for number, (name, result) in enumerate(runs.items()):
            epochs = [before, *(before + epoch for epoch in result["history"]["epoch"])]
            style = {"color": channel_style(number // 2)["color"], "ls": ("-", ":")[number % 2]}
            axes.plot(epochs, margins(result), **style, label=name)
        goal = first["task"]["goal"]
        axes.axhline(goal, color=LIGHT["soft"], lw=0.8)
        axes.annotate(
            "learnt above", (0.01, goal), (0, 3), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            color=LIGHT["soft"],
        )  # fmt: skip
        axes.axvline(before, color=LIGHT["soft"], lw=0.8)
        axes.set(xlabel="epoch", ylabel="margin of the network alone", title="The temperature of the device changes")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.tight_layout()
        figure.savefig(out, dpi=150, facecolor=LIGHT["paper"])


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
    told, device = first.result, hg.read_network(first.folder / "network.json")
    print(
        f"{told['task']['name']} at {device.temperature:g} K after {given.epochs} epochs: margin {told['margin']:.0%}, "
        f"loss {told['loss']['final']:.2g} V^2, {'learnt' if first.learnt else 'not learnt'}"
    )
    print(f"{'then at':>9s}{'margin at once':>16s}{'loop closed':>13s}{'loop open':>11s}{'loss, closed':>26s}")
    shown: dict[str, dict[str, Any]] = {}
    for kelvin in given.kelvin:
        runs = {
            name: goes_on(first, given.config, overrides, kelvin, **loop).run(
                given.out / f"{kelvin:g}K_{name}", force=True
            )
            for name, loop in (("closed", {}), ("open", {"rate": 0.0}))
        }
        if {run.verdict for run in runs.values()} != {"ok"}:
            print(f"{kelvin:7g} K: {'; '.join(run.verdict + ' ' + run.result['message'] for run in runs.values())}")
            continue
        closed, opened = (run.result for run in runs.values())
        print(
            f"{kelvin:7g} K{closed['score']['initial']:16.0%}{closed['margin']:13.0%}{opened['margin']:11.0%}"
            f"{closed['loss']['initial']:12.2g} -> {closed['loss']['final']:.2g} V^2",
            flush=True,
        )
        shown |= {f"{kelvin:g} K, loop {name}": run.result for name, run in runs.items()}
    draw(shown, told, given.out / "temperature.png")
    print(f"figure: {given.out / 'temperature.png'}")


if __name__ == "__main__":
    main()
