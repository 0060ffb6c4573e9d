"""Interacting networks as circuits against the exact solution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_designs import bench_difference, small_loop

from hgesim.circuit import BondInstance
from hgesim.design import Design, block_set, network_bench
from hgesim.engine import Engine
from hgesim.netlist import deck_files, write_deck
from hgesim.network import Network, dopant_disc, lattice, random_geometric, sinh
from hgesim.seeds import generator
from hgesim.units import spice_number


def device(temperature: float, dopants: int = 8, fastest: float | None = None) -> Network:
    shape = {"dopants": dopants, "electrodes": 5, "inputs": (1, 3), "fastest": fastest}
    return dopant_disc(5, coulomb=True, screening="10 nm", temperature=temperature, **shape)


def test_a_sweep_asks_no_more_of_currents_than_potentials_can_hold() -> None:
    """The highest rate at an electrode of this device is 7.4 A, so that 1e-16 A would be 1e-18 V."""
    network = device(77.0, 12, fastest=0)
    ends = network.bond_sites.max(axis=1) >= network.n_sites
    rate = max(law.rate for law, near in zip(network.bond_laws, ends, strict=True) if near)
    table = np.zeros((1, 5))
    tolerance = network_bench(network, table).analysis.tolerance
    assert tolerance == pytest.approx(1e-15 * rate / (4 * network.kT))
    assert f"abstol={spice_number(tolerance)} " in write_deck(network_bench(network, table))
    assert network_bench(lattice(3, 4, law=sinh(scale=0.06), electrodes=5), table).analysis.tolerance == 1e-16


def compare(network: Network, points: int, *engine: Any) -> float:
    table = generator(9, "test", "bench").uniform(-0.3, 0.3, (points, network.n_electrodes))
    return bench_difference(network, table, *engine)


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_the_circuit_is_the_exact_solution(
    dialect: str, temperature: float, tmp_path: Path, osdi_engine: Engine
) -> None:
    network = device(temperature)
    assert compare(network, 40 if dialect == "osdi" else 5, tmp_path, osdi_engine, dialect) < 1e-5
    apart = network.replace(coulomb=None, levels=network.levels - network.coulomb @ network.reference)
    table = generator(9, "test", "bench").uniform(-0.3, 0.3, (40, 5))
    change = apart.output_current(table) - network.output_current(table)
    assert np.abs(change).max() > 1e-3 * np.abs(apart.output_current(table)).max()  # it is there to be seen


MANY = {
    "coulomb": lambda kelvin: device(kelvin, 12),
    "twenty with coulomb": lambda kelvin: dopant_disc(11, coulomb=True, screening="10 nm", temperature=kelvin),
    "hopping": lambda kelvin: dopant_disc(5, dopants=12, electrodes=5, inputs=(1, 3), temperature=kelvin),
    "twenty": lambda kelvin: dopant_disc(6, temperature=kelvin),
    "rates without limit": lambda kelvin: dopant_disc(6, temperature=kelvin, fastest=0),
    "coulomb, rates without limit": lambda kelvin: device(kelvin, 12, fastest=0),
    "sinh": lambda kelvin: lattice(3, 4, law=sinh(scale=0.06), electrodes=5).replace(temperature=kelvin),
    "ohmic": lambda kelvin: random_geometric(3, 12, electrodes=5).replace(temperature=kelvin),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MANY)
@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_two_hundred_points(kind: str, temperature: float, tmp_path: Path, osdi_engine: Engine) -> None:
    assert compare(MANY[kind](temperature), 200, tmp_path, osdi_engine, "osdi") < 1e-4


def test_what_does_not_interact_has_no_occupations() -> None:
    plain = dopant_disc(5, dopants=4, electrodes=5, inputs=(1, 3))
    assert not network_bench(plain, np.zeros((1, 5))).interacts
    text = deck_files(network_bench(plain, np.zeros((1, 5))))["bond.va"]
    assert "module hopbond" in text and "occupation" not in text
    assert "occ" not in write_deck(network_bench(plain, np.zeros((1, 5)))).split(".control")[0]


def test_a_design_starts_where_the_exact_solution_is() -> None:
    network = device(77.0)
    design = Design(network, small_loop(network), block_set("ideal"))
    guess, volts = dict(design.circuit.guess), np.array(design.loop.start_voltages(network))
    solution = network.solve(volts)
    for number, label in enumerate(network.site_labels):
        assert guess[f"occ_{label}"] == pytest.approx(solution.occupations[number], abs=1e-6)
        assert guess[f"eps_{label}"] == pytest.approx(solution.levels[number], abs=1e-6)
        assert guess[f"mu_{label}"] == pytest.approx(solution.potentials[number], abs=1e-6)
    text = design.netlist()
    assert "noccupation_0 occ_d0 eps_d0 mu_d0 occupation ; occupation of site d0" in text
    assert ".model occupation occupation kt=" in text and "tanh" in design.netlist("b-source")
    assert "module occupation" in deck_files(design.circuit)["bond.va"]
    assert design.circuit.owner("noccupation_0") == design.circuit.owner("boccupation_0") == "occupation of site d0"
    assert sum(isinstance(e, BondInstance) for e in design.circuit.elements) == network.n_bonds
