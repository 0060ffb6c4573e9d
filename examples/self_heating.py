"""A network that heats itself while it learns: ngspice has the loop, Python the heat, a millisecond at a time.

python examples/self_heating.py [EPOCHS] [--conductance W/K] [--capacity J/K]

The device of examples/and.toml sits on an island that is held by a leg. After each case the power that the network
takes is told to a model of the leg in finite volumes, and the temperature that this gives is that of the network during
the next case. Ideal blocks; the same run without heat stands beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.linalg import solve_banded

from hgesim.cosim import Session
from hgesim.design import Design
from hgesim.experiment import Experiment
from hgesim.learning import network_outputs

AND = Path(__file__).parent / "and.toml"


@dataclass
class Leg:
    """Heat conduction along a leg from an island to a bath, implicit in time.

    Parameters
    ----------
    bath : float
        In kelvin.
    conductance : float
        Of the whole leg, W/K.
    capacity : float
        Of the island, J/K; the leg has a tenth of it.
    cells : int
        Finite volumes of the leg.
    """

    bath: float
    conductance: float
    capacity: float
    cells: int = 20
    rise: np.ndarray = field(init=False)  # above the bath, island first, kelvin

    def __post_init__(self) -> None:
        """Begin at the bath's temperature."""
        self.rise = np.zeros(self.cells + 1)

    @property
    def capacities(self) -> np.ndarray:
        """Return the heat capacity of island and cells, J/K."""
        return np.array([self.capacity, *[0.1 * self.capacity / self.cells] * self.cells])

    def step(self, power: float, seconds: float) -> float:
        """Heat the island with so many watts for so long; return its temperature in kelvin."""
        between = np.full(
            self.cells + 1, self.conductance * self.cells
        )  # from each cell to the next, the last to the bath
        between[0] *= 2.0  # the middle of the first cell is half a cell away, and so is the bath from the last
        between[-1] *= 2.0
        held = self.capacities / seconds
        matrix = np.zeros((3, self.cells + 1))
        matrix[1] = held + between + np.array([0.0, *between[:-1]])
        matrix[0, 1:] = matrix[2, :-1] = -between[:-1]
        load = held * self.rise
        load[0] += power
        self.rise = solve_banded((1, 1), matrix, load)
        return self.bath + float(self.rise[0])


def power_of(design: Design, session: Session, kelvin: float) -> float:
    """Return what the network takes at the electrode voltages of this moment, in watt."""
    network = design.network.replace(temperature=kelvin)
    volts = np.zeros(network.n_electrodes)
    driven = [*network.inputs, *network.controls]
    volts[driven] = session.read([network.electrode_labels[number] for number in driven])
    return -float(volts @ network.solve(volts).currents)


def learn(design: Design, leg: Leg | None) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Run the loop with or without heat; return the controls at the end, and temperature and mean power by epoch."""
    network, line = design.network, design.loop.timeline
    history, powers, kelvin = [], [], network.temperature
    with Session(design) as session:
        for number in session.every(line.case):
            powers.append(power_of(design, session, kelvin))
            if leg is not None:
                kelvin = leg.step(powers[-1], line.case)
                if session.result is None:
                    session.alter("temperature", kelvin)
            if (number + 1) % line.cases == 0:
                history.append((kelvin, float(np.mean(powers[-line.cases :]))))
        return session.read([network.electrode_labels[control] for control in network.controls]), history


def margin(design: Design, controls: np.ndarray, kelvin: float) -> float:
    """Return the separation of the network alone at some temperature, over the swing of its outputs."""
    task = design.loop.task
    outputs = network_outputs(design.network.replace(temperature=kelvin), task, controls)
    high = np.array(task.targets) > np.mean(task.targets)
    return float((outputs[high].min() - outputs[~high].max()) / np.ptp(outputs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("epochs", type=int, nargs="?", default=8)
    parser.add_argument("--conductance", type=float, default=2e-8)
    parser.add_argument("--capacity", type=float, default=2e-10)
    given = parser.parse_args()
    settings = ["circuit.technology=ideal", f"loop.epochs={given.epochs}"]
    design = Experiment.from_file(AND, settings).design
    cold = design.network.temperature
    leg = Leg(cold, given.conductance, given.capacity)
    heated, history = learn(design, leg)
    print(f"{'epoch':>5s}{'power':>10s}{'temperature':>13s}")
    for epoch, (kelvin, watts) in enumerate(history, 1):
        print(f"{epoch:5d}{1e9 * watts:7.2f} nW{kelvin:11.2f} K")
    unheated, _ = learn(design, None)
    start, warm = np.array(design.loop.start), history[-1][0]
    print(f"margin of the network alone, {design.loop.task.name}: at the start {margin(design, start, cold):.0%}")
    print(f"learnt with its own heat, at {warm:.1f} K {margin(design, heated, warm):.0%}")
    print(f"learnt at {cold:.1f} K {margin(design, unheated, cold):.0%}")
    print(f"learnt at {cold:.1f} K, then at {warm:.1f} K {margin(design, unheated, warm):.0%}")


if __name__ == "__main__":
    main()
