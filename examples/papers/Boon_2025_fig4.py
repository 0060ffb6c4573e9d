"""Figure 4 of Boon et al. (Nature Communications 2025, doi 10.1038/s41467-025-65155-7): the sphere, learnt in materia.

python examples/papers/Boon_2025_fig4.py [OUTPUT_FOLDER] [--set SECTION.KEY=VALUE ...]

Trains on shown points, tests on held-out ones, and draws panels b to d. Number, range and gap of the points, the
voltages and the device are hgesim's own: the paper's are not known to it. The figures printed for other gaps judge the
same trained network on points closer to the surface.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import hgesim as hg
from hgesim.learning import goal_figure, network_outputs
from hgesim.network import read_network
from hgesim.report import figure4

SETTINGS = Path(__file__).parents[1] / "sphere.toml"


def main(words: list[str] | None = None) -> None:
    """Run, print accuracies, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="runs/Boon_2025_fig4")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="SECTION.KEY=VALUE")
    chosen = parser.parse_args(words)
    experiment = hg.Experiment.from_file(SETTINGS, chosen.overrides)
    run = experiment.run(chosen.folder, force=True)
    if run.verdict != "ok":
        raise SystemExit(f"{run.verdict}: {run.result['message']}")
    found = run.result["score"]
    print(f"accuracy on {len(run.result['outputs_held_out'])} held-out points: {found['initial']:.1%} -> ", end="")
    print(f"{found['final']:.1%}; on the shown ones {found['shown']['final']:.1%}; learnt: {run.learnt}")
    for gap, share in other_gaps(experiment, run):
        print(f"the same network on points with a gap of {gap:g}: {share:.1%}")
    target = run.folder / "figure4.png"
    figure4(run.folder).savefig(target, dpi=150)
    print(f"figure: {target}\nreport: {run.report()}")


def other_gaps(
    experiment: hg.Experiment, run: hg.Run, gaps: tuple[float, ...] = (0.3, 0.0)
) -> list[tuple[float, float]]:
    """Return the accuracy on other held-out points around the same sphere, by the network alone."""
    task, network = experiment.design.loop.task, read_network(run.folder / "network.json")
    controls = np.array([values[-1] for values in run.result["history"]["controls"].values()])
    found = []
    for gap in gaps:
        draw = hg.Draw(test=2000, seed=experiment.config.task.seed + 1, scales=task.scales)
        other = hg.sphere_task(draw, radius=experiment.config.task.radius, gap=gap)
        outputs = network_outputs(network, other, controls, other.test_cases)
        found.append((gap, float(goal_figure(other, outputs, other.test_targets, run.result["threshold"]))))
    return found


if __name__ == "__main__":
    main()
