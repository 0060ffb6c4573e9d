"""From a networkx graph to a learning run, one stage at a time: print, change and compare what stands between.

python examples/step_by_step.py [OUTPUT_FOLDER] [EPOCHS]
"""

from __future__ import annotations

import itertools
import math
import sys

import networkx as nx
import numpy as np

import hgesim as hg
from hgesim.config import parse_config


def ring_of_dopants(seed: int = 4, dopants: int = 14) -> nx.Graph:
    """Describe a device by hand: any networkx graph with these attributes will do."""
    draw = np.random.default_rng(seed)
    graph = nx.Graph(temperature=77.0, site_leak=1e-13)
    for number in range(dopants):
        radius, angle = 35e-9 * math.sqrt(draw.uniform(0.05, 1)), draw.uniform(0, 2 * math.pi)
        pos = (radius * math.cos(angle), radius * math.sin(angle))
        graph.add_node(f"d{number}", kind="dopant", level=f"{draw.normal(0, 40):.6f} meV", pos=pos)
    for number, role in enumerate(["output", "control", "input", "control", "input", "control"]):
        pos = (37e-9 * math.cos(number * math.pi / 3), 37e-9 * math.sin(number * math.pi / 3))
        graph.add_node(f"e{number}", role=role, number=number, pos=pos)
    for a, b in itertools.combinations(graph, 2):
        distance = math.dist(graph.nodes[a]["pos"], graph.nodes[b]["pos"])
        if distance < 30e-9 and not (a.startswith("e") and b.startswith("e")):
            graph.add_edge(a, b, law="hopping", rate=2e-2 * math.exp(-2 * distance / 3e-9))
    return graph


def main(out: str = "runs/step_by_step", epochs: int = 20) -> None:
    """Build the stages, print them, and run."""
    network = hg.from_graph(ring_of_dopants(), levers="disc")
    print(network)
    print("exact gradient of the output, S:", network.gradient(np.zeros(network.n_electrodes)))

    task = hg.gate_task("OR", hg.Scales(target=20e-9))
    plan = hg.plan_tones(channels=len(network.controls) + 1, base=1e3)
    timeline = hg.Timeline(ramp=100e-6, settle=50e-6, window=plan.beat, cases=4, epochs=epochs)
    settings = hg.LoopSettings(transimpedance=5e6)
    loop = hg.HomodyneLoop(task, plan, timeline, settings, start=(0.3, -0.2, 0.1))
    design = hg.Design(network, loop, hg.block_set("ideal"))
    print(design)
    print("with a discrete mixer:", design.with_block("mixer", "discrete").circuit.transistors, "transistors")
    print("\n".join(design.netlist().splitlines()[:6]))

    run = hg.Experiment(design, parse_config({})).run(out, force=True)
    print(f"{run.verdict}; loss {run.loss['initial']:.3g} -> {run.loss['final']:.3g} V^2; learnt: {run.learnt}")
    print("report:", run.report())


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
