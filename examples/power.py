"""What a learnt gate costs: power and energy of every block, from the currents of its supplies.

python examples/power.py OUTPUT_FOLDER [--gates AND XOR] [--technologies gf180 discrete] [--set section.key=value ...]

Each gate is one learning run of its own. The energy counts up to the end of the first epoch from which on the network
alone does the gate with the margin asked for: supplies draw nearly the same current all the time, so it is power times
that time. Sources of data, carriers and clocks are ideal and draw nothing here. OUTPUT_FOLDER gets power.csv and a run
folder, with its report, for each.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import hgesim as hg

EXAMPLES = Path(__file__).parent
# Starts that do not have the gate yet, on the device of the examples (network.seed 112): from the README's table.
STARTS = {"AND": 168, "OR": 283, "NAND": 118, "NOR": 161, "XOR": 471, "XNOR": 188}


def rows_of(gate: str, technology: str, result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each kind of block, and one for all."""
    epoch = result["timeline"]["epoch"]
    span = epoch * result["timeline"]["epochs"]
    learnt = result["learnt_epoch"]
    energies = {**result["energy_j"]["per_block"], "all": result["energy_j"]["total"]}
    areas = {**result["size"]["gates_per_block_m2"], "all": result["size"]["gates_m2"]}
    return [
        {
            "gate": gate,
            "technology": technology,
            "block": kind,
            "power_w": energy / span,
            "learnt_in_epochs": learnt,
            "energy_to_learn_j": None if learnt is None else energy / span * learnt * epoch,
            "energy_per_epoch_j": energy / span * epoch,
            "gate_area_m2": areas.get(kind, 0.0),
        }
        for kind, energy in energies.items()
    ]


def line(row: dict[str, Any]) -> str:
    cost = "not learnt" if row["energy_to_learn_j"] is None else f"{row['energy_to_learn_j'] * 1e6:8.1f} uJ"
    took = "" if row["learnt_in_epochs"] is None else f"epoch {row['learnt_in_epochs']}"
    area = f"{row['gate_area_m2'] * 1e12:9.0f} um^2" if row["gate_area_m2"] else ""
    head = f"{row['gate']:5s} {row['technology']:9s} {row['block']:11s}"
    return f"{head}{row['power_w'] * 1e3:8.3f} mW {cost:>12s}  {took:9s} {area}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--gates", nargs="+", choices=list(STARTS), default=["AND", "XOR"])
    parser.add_argument("--technologies", nargs="+", default=["gf180", "discrete"])
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for gate in given.gates:
        for technology in given.technologies:
            changes = [f"task.gate={gate}", f"loop.seed={STARTS[gate]}", f"circuit.technology={technology}"]
            folder = given.out / f"{gate}_{technology}"
            run = hg.learn(EXAMPLES / "and.toml", folder, overrides=[*changes, *given.overrides], force=True)
            run.report()
            if run.verdict != "ok":
                print(f"{gate} {technology}: {run.verdict}: {run.result['message']}")
                continue
            rows += rows_of(gate, technology, run.result)
            print(
                "\n".join(line(row) for row in rows if (row["gate"], row["technology"]) == (gate, technology)),
                flush=True,
            )
    if rows:
        with (given.out / "power.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
