"""One small random network of each law, with electrode voltages that suit it."""

from __future__ import annotations

import numpy as np

from hgesim.network import (
    Diode,
    Gf180Nmos,
    Hopping,
    Memristor,
    Network,
    Nmos,
    Ohmic,
    Sinh,
    SpaceCharge,
    diode,
    hopping,
    measured,
    memristor,
    ohmic,
    random_geometric,
    sinh,
    space_charge,
    with_gates,
)

LAWS = (
    *("hopping", "ohmic", "sinh", "space_charge", "trapped", "diode", "memristor", "nmos", "gf180_nmos", "mixed"),
    "measured",
)
WRITTEN = ("hopping", "space_charge", "trapped", "diode", "memristor", "mixed")
# a bond that conducts better one way, with a part that is nearly flat
CURVE = measured([-0.4, -0.1, 0.0, 0.05, 0.1, 0.2, 0.5], [-4e-8, -2e-8, 0.0, 1e-10, 3e-8, 1.2e-7, 2e-7])
FACTORIES = {
    "measured": lambda lengths, random: tuple(CURVE for _ in lengths),
    "hopping": hopping(localisation=50e-9),
    "ohmic": ohmic(),
    "sinh": sinh(scale=0.06),
    "space_charge": space_charge(onset=0.05),
    "trapped": space_charge(onset=0.2, power=4.5),
    "diode": diode(1e-12, 1.8),
    "memristor": memristor(Memristor(1e-6, 2e-5, 0.02, 0.5, 8.0, 2.0)),
}
GATED = {"nmos": Nmos(body=-0.2), "gf180_nmos": Gf180Nmos(body=-0.3, units=2.0)}


def law_network(name: str, temperature: float = 300.0) -> Network:
    if name == "mixed":
        return mixed(temperature)
    # most random diodes block each other: seed 3 has a path to the output
    plain = random_geometric(3 if name == "diode" else 5, 6, electrodes=4, law=FACTORIES.get(name))
    if name in GATED:
        plain = with_gates(plain, GATED[name], groups=[b % 5 for b in range(plain.n_bonds)])
    return plain.replace(temperature=temperature)


def mixed(temperature: float = 300.0) -> Network:
    """Every law at two sites; electrode e3 is a gate and nothing else, e1 an end and a gate."""
    bonds = [
        (0, 2, Hopping(2e-8)),
        (0, 1, Hopping(1e-8)),
        (1, 3, Sinh(1e-7, 0.05)),
        (1, 0, Diode(1e-12, 1.5)),
        (4, 0, Diode(1e-11, 1.2)),
        (0, 4, Ohmic(1e-7)),
        (1, 4, SpaceCharge(1e-7, 0.1)),
        (1, 4, Memristor(1e-8, 1e-6)),
        (1, 2, Nmos("e3", -0.5, gain=1e-6)),
        (2, 1, Gf180Nmos("e3", -0.5, 0.02)),
        (3, 0, Gf180Nmos("e1", -0.5, 0.01)),
    ]
    return Network(
        site_labels=("a", "b"),
        electrode_labels=("e0", "e1", "e2", "e3"),
        roles=("output", "input", "control", "control"),
        levels=np.array([0.03, -0.01]),
        levers=np.array([[0.1, 0.3, 0.4, 0.0], [0.2, 0.2, 0.2, 0.0]]),
        site_positions=np.zeros((2, 2)),
        electrode_positions=np.zeros((4, 2)),
        bond_sites=np.array([bond[:2] for bond in bonds]),
        bond_laws=tuple(bond[2] for bond in bonds),
        temperature=temperature,
        site_leak=1e-11,
    )


def law_voltages(name: str, network: Network, points: int = 40, seed: int = 7) -> np.ndarray:
    """Ends within what the law bears, (points, E); electrodes that are only gates between 0.3 and 3 V."""
    random = np.random.default_rng(seed)
    low, high = {"nmos": (-0.2, 1.2), "gf180_nmos": (-0.3, 1.5), "diode": (-0.6, 0.6), "memristor": (-0.6, 0.6)}.get(
        name, (-0.3, 0.3)
    )
    table = random.uniform(low, high, (points, network.n_electrodes))
    bonded = np.isin(np.arange(network.n_electrodes) + network.n_sites, network.bond_sites)
    table[:, ~bonded] = random.uniform(0.3, 3.0, (points, int((~bonded).sum())))
    return table
