"""The compiled network against the exact solution: every law of conduction, both dialects, cold and warm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_designs import ROLES, bench_difference, ohmic_star, simulate, star

from hgesim.circuit import Table, VoltageSource
from hgesim.design import network_bench
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.network import Hopping, Network, Ohmic, Sinh, dopant_disc, hopping, lattice, random_geometric, sinh
from hgesim.network.laws import Law
from hgesim.seeds import generator


def voltages(network: Network, points: int, reach: float) -> np.ndarray:
    random = generator(7, "test", "bench")
    return random.uniform(-reach, reach, (points, network.n_electrodes))


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_hopping_agrees(dialect: str, temperature: float, tmp_path: Path, osdi_engine: Engine) -> None:
    network = dopant_disc(4, dopants=6, electrodes=5, inputs=(1, 3), temperature=temperature)
    assert network.levers.any() and network.levels.any()
    points = 40 if dialect == "osdi" else 5
    assert bench_difference(network, voltages(network, points, 0.3), tmp_path, osdi_engine, dialect) < 1e-6


@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_sinh_agrees_at_any_temperature_of_the_network(temperature: float, tmp_path: Path, ngspice: Engine) -> None:
    """Diode pairs: their scale is the bond's own. Up to ten scales a bond."""
    network = lattice(2, 3, law=sinh(scale=0.06), electrodes=4).replace(temperature=temperature)
    assert bench_difference(network, voltages(network, 40, 0.6), tmp_path, ngspice, "osdi") < 1e-4


def test_sinh_agrees_at_another_temperature_of_the_simulator(tmp_path: Path, ngspice: Engine) -> None:
    network = star([Sinh(1e-7, 0.05), Ohmic(1e-7), Sinh(3e-7, 0.1), Sinh(1e-8, 0.03), Ohmic(2e-7)])
    table = voltages(network, 20, 0.5)
    circuit = network_bench(network, table, temperature=350.0)
    raw = simulate(circuit, tmp_path, ngspice)
    exact = network.output_current(table)
    assert np.abs(circuit.analysis.at_points(raw["i(v_e0)"]) - exact).max() < 1e-4 * np.abs(exact).max()


def test_ohmic_agrees(tmp_path: Path, ngspice: Engine) -> None:
    network = random_geometric(3, 8, electrodes=5)
    assert bench_difference(network, voltages(network, 40, 1.0), tmp_path, ngspice, "osdi") < 1e-6


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
def test_all_laws_in_one_network(dialect: str, tmp_path: Path, osdi_engine: Engine) -> None:
    laws: list[Law] = [Hopping(2e-8), Hopping(1e-8), Sinh(1e-7, 0.05), Ohmic(1e-7), Hopping(5e-9)]
    network = star(laws, ROLES, levels=np.array([0.03]), levers=np.array([[0.1, 0.3, 0.0, 0.2, 0.4]]), site_leak=1e-10)
    assert bench_difference(network, voltages(network, 40, 0.3), tmp_path, osdi_engine, dialect) < 1e-5


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
def test_currents_are_positive_out_of_the_network(dialect: str, tmp_path: Path, osdi_engine: Engine) -> None:
    """Two electrodes, one site, +0.1 V at the second: current comes out at the first and goes in at the second."""
    network = star([Hopping(1e-8), Hopping(1e-8)], ("output", "control"))
    circuit = network_bench(network, [[0.0, 0.1]])
    raw = simulate(circuit, tmp_path, osdi_engine, dialect)
    out, fed = (circuit.analysis.at_points(raw[f"i(v_{label})"])[0] for label in ("e0", "e1"))
    assert out > 0 > fed
    assert out == pytest.approx(-fed, rel=1e-6)


def test_relabelled_and_permuted_networks_have_the_same_currents(tmp_path: Path, ngspice: Engine) -> None:
    network = lattice(2, 3, law=sinh(scale=0.1))
    table = voltages(network, 5, 0.3)
    random = np.random.default_rng(1)
    sites, bonds = random.permutation(network.n_sites), random.permutation(network.n_bonds)
    place = np.r_[np.argsort(sites), np.arange(network.n_sites, network.n_sites + network.n_electrodes)]
    other = network.replace(
        site_labels=tuple(f"other_{k}" for k in range(network.n_sites)),
        site_positions=network.site_positions[sites],
        bond_sites=place[network.bond_sites][bonds],
        bond_laws=tuple(network.bond_laws[b] for b in bonds),
    )
    assert other != network
    found = []
    for name, one in (("one", network), ("other", other)):
        circuit = network_bench(one, table)
        raw = simulate(circuit, tmp_path / name, ngspice)
        found.append(circuit.analysis.at_points(raw["i(v_e0)"]))
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("label", ["case_number", "e0_table", "0", "gnd", "hold", "threshold", "bond_0"])
def test_awkward_labels_collide_with_nothing(label: str, tmp_path: Path, ngspice: Engine) -> None:
    plain = ohmic_star(3e-7, 1e-7, 2e-7, 1e-7, 2e-7)
    for change in ({"electrode_labels": ("e0", label, "e2", "e3", "e4")}, {"site_labels": (label,)}):
        network = plain.replace(**change)
        table = np.array([[0.0, 0.1, 0.2, -0.3, 0.4]])
        circuit = network_bench(network, table)
        raw = simulate(circuit, tmp_path, ngspice)
        assert circuit.analysis.at_points(raw["i(v_e0)"]) == pytest.approx(plain.output_current(table), rel=1e-6)


def test_tables_hold_the_voltages_electrode_by_electrode() -> None:
    network = ohmic_star(3e-7, 1e-7, 2e-7, 1e-7, 2e-7)
    table = np.arange(15.0).reshape(3, 5)
    sources = [e for e in network_bench(network, table).elements if isinstance(e, VoltageSource)]
    assert [s.wave for s in sources] == [Table(tuple(column)) for column in table.T.tolist()]


@pytest.mark.parametrize("table", [np.zeros((2, 4)), np.zeros(5), np.zeros((0, 5)), np.full((1, 5), np.nan)])
def test_tables_that_do_not_fit(table: np.ndarray) -> None:
    with pytest.raises(RequestError, match=r"design\.bad-voltages"):
        network_bench(ohmic_star(3e-7, 1e-7, 2e-7, 1e-7, 2e-7), table)


def test_hopping_with_disc_levers_of_a_random_geometric_network(tmp_path: Path, osdi_engine: Engine) -> None:
    network = random_geometric(2, 5, electrodes=4, law=hopping(localisation=50e-9), reach=1.0)
    assert bench_difference(network, voltages(network, 10, 0.2), tmp_path, osdi_engine, "osdi") < 1e-6
