"""One small network of each law of conduction: its output, its gradient, its picture; and a memristor that learns.

python examples/networks.py [OUTPUT_FOLDER]

Prints a line for each law, simulates a memristive network in ngspice over two voltage pulses, and draws everything in
networks.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import hgesim as hg
from hgesim.circuit import Dc, Steps, VoltageSource, electrode_net
from hgesim.design import Circuit, Transient
from hgesim.design.expand import network_elements
from hgesim.engine import fill_folder, read_raw, run_deck, select_engine
from hgesim.errors import EngineError
from hgesim.netlist import write_files
from hgesim.network import Gf180Nmos, Nmos, diode, hopping, memristor, ohmic, sinh, space_charge, with_gates
from hgesim.units import show_quantity

PULSE = 6.0  # s


def networks() -> dict[str, hg.Network]:
    """Make the same lattice with the bonds of each law; transistors get a gate for each bond."""
    laws = {
        "ohmic": ohmic(),
        "sinh": sinh(scale=0.1),
        "hopping": hopping(localisation=1e-6),
        "space charge": space_charge(onset=0.1),
        "diode": diode(1e-9, 2.0),
        "memristor": memristor(),
    }
    made = {name: hg.lattice(3, 3, seed=2, electrodes=4, law=law) for name, law in laws.items()}
    made["ALD1106"] = with_gates(made["ohmic"], Nmos())
    made["GF180 nfet"] = with_gates(made["ohmic"], Gf180Nmos())
    return {name: network.replace(temperature=300.0) for name, network in made.items()}


def voltages(network: hg.Network) -> np.ndarray:
    """Return 0 V at the output, a little at the other ends, and gates around 1.5 V."""
    gates = network.n_electrodes - 4
    return np.r_[0.0, 0.3, 0.1, 0.45, np.linspace(1.0, 2.0, gates)]


def draw(axes: plt.Axes, network: hg.Network, volts: np.ndarray) -> None:
    """Draw bonds as wide as their currents, electrodes with their voltages, gates as small squares."""
    place = np.vstack([network.site_positions, network.electrode_positions]) * 1e6
    current = np.abs(network.bond_currents(volts))
    for ends, part in zip(network.bond_sites, current / current.max(), strict=True):
        axes.plot(*place[ends].T, color="#0072b2", lw=0.6 + 4.0 * part, alpha=0.35 + 0.65 * part, zorder=1)
    n = network.n_sites
    axes.scatter(*place[:n].T, s=28, c="#fefefd", edgecolors="#1d232b", zorder=3)
    for number, (x, y) in enumerate(place[n:].tolist()):
        gate = number >= 4
        colour = "#d55e01" if gate else "#00856f" if number == network.output else "#1d232b"
        axes.scatter(x, y, s=16 if gate else 60, marker="s", color=colour, zorder=4)
        if not gate:
            label = "output" if number == network.output else f"{volts[number]:g} V"
            shift = (0, 10 if y > -1 else -10)
            axes.annotate(
                label, (x, y), shift, textcoords="offset points", ha="center", va="center", fontsize=8, color=colour
            )
    axes.set(aspect="equal", xlim=(-1.9, 1.9), ylim=(-1.9, 1.9))
    axes.axis("off")


def pulses(network: hg.Network, folder: Path) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Simulate a strong and a weak voltage at one electrode; return time, output current and all states."""
    engine = select_engine(requires=frozenset({"osdi"}))
    states = [f"g_bond_{bond}" for bond in range(network.n_bonds)]
    waves = [Dc(0.0), Steps((3.0, 0.3), PULSE, 0.01), Dc(0.0), Dc(0.0)]
    sources = [
        VoltageSource(f"v_{label}", electrode_net(label), "0", wave, f"electrode {label}")
        for label, wave in zip(network.electrode_labels, waves, strict=True)
    ]
    elements = (*network_elements(network), *sources)
    circuit = Circuit("potentiation", elements, Transient(2 * PULSE, 0.02), ("i(v_e0)", *states), temperature=300.0)
    fill_folder(write_files(circuit, folder))
    result = run_deck(folder, engine, end_time=2 * PULSE, timeout=120)
    if not result.ok:
        raise SystemExit(result.message)
    raw = read_raw(result.raw)
    return raw["time"], raw["i(v_e0)"], [raw[f"v({state})"] for state in states]


def draw_pulses(axes: plt.Axes, trace: tuple[np.ndarray, np.ndarray, list[np.ndarray]]) -> None:
    """Draw the states of all junctions and the output current on top."""
    time, current, states = trace
    for state in states:
        axes.plot(time, state, color="#0072b2", lw=1.0, alpha=0.5)
    axes.set(xlabel="time (s)", ylim=(-0.02, 1.0), title="memristor: 3 V, then 0.3 V", xlim=(0, time[-1]))
    axes.set_ylabel("states of the junctions", color="#0072b2")
    axes.title.set_fontsize(10)
    twin = axes.twinx()
    twin.plot(time, current * 1e6, color="#d55e01", lw=1.8)
    twin.set_ylabel("output current (µA)", color="#d55e01")


def main(out: str = "runs/networks") -> None:
    """Print, simulate and draw."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    figure, panels = plt.subplots(3, 3, figsize=(10.5, 10.0), layout="constrained")
    figure.suptitle("Bonds as wide as their current over the largest; small orange squares are gates", fontsize=10)
    made = networks()
    for axes, (name, network) in zip(panels.flat, made.items(), strict=False):
        volts = voltages(network)
        current, gradient, _ = network.output_and_gradient(volts)
        print(f"{name:12s} {network.n_bonds} bonds, {network.n_electrodes:2d} electrodes: output {current:.4g} A")
        print(f"{'':12s} its gradient, S:", " ".join(f"{value:.1e}" for value in gradient))
        draw(axes, network, volts)
        axes.set_title(f"{name}: {show_quantity(current, 'A')}", fontsize=10)
    try:
        trace = pulses(made["memristor"], folder / "potentiation")
    except EngineError as error:  # the rest needs no simulator
        print(f"no transient: {error}")
        panels[2, 2].axis("off")
    else:
        draw_pulses(panels[2, 2], trace)
        time, current, _ = trace
        peak, end = (float(np.interp(t, time, current)) for t in (PULSE, 2 * PULSE))
        early = float(np.interp(0.05, time, current))
        print(
            f"memristive output: {early:.3g} A at 0.05 s, {peak:.3g} A at {PULSE:g} s, {end:.3g} A at {2 * PULSE:g} s"
        )
    figure.savefig(folder / "networks.png", dpi=110)
    print(folder / "networks.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
