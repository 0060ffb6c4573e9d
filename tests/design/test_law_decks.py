"""Every law compiled to SPICE: operating points against the exact solution, transients of memory, a loop on gates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
from law_networks import LAWS, WRITTEN, law_network, law_voltages
from small_designs import bench_difference, simulate, small_loop, star

from hgesim.circuit import Dc, Steps, VoltageSource
from hgesim.design import Circuit, Design, Transient, block_set, network_bench
from hgesim.design.expand import network_elements
from hgesim.engine import Engine
from hgesim.netlist import deck_files, write_deck
from hgesim.network import Diode, Gf180Nmos, Memristor, Network, Nmos, Ohmic, random_geometric, with_gates
from hgesim.waveforms import window_means

# hopping and diodes have the network's temperature; native devices are the same lines in both dialects
CASES = [(name, "osdi", 300.0) for name in LAWS] + [(name, "osdi", 77.0) for name in ("hopping", "diode")]
CASES += [(name, "b-source", 300.0) for name in WRITTEN if name not in ("hopping", "mixed")]
LONG = [("mixed", "osdi", 77.0), ("mixed", "b-source", 300.0), ("hopping", "b-source", 300.0)]
CASES += [pytest.param(*case, marks=pytest.mark.slow) for case in LONG]


@pytest.mark.parametrize(("name", "dialect", "temperature"), CASES)
def test_operating_points_agree(
    name: str, dialect: str, temperature: float, tmp_path: Path, osdi_engine: Engine
) -> None:
    network = law_network(name, temperature)
    assert bench_difference(network, law_voltages(name, network), tmp_path, osdi_engine, dialect) < 2e-5


@pytest.mark.parametrize("temperature", [77.0, 300.0])
@pytest.mark.parametrize("name", LAWS)
def test_two_hundred_points_of_every_law(name: str, temperature: float, tmp_path: Path, osdi_engine: Engine) -> None:
    network = law_network(name, temperature)
    assert bench_difference(network, law_voltages(name, network, 200, seed=8), tmp_path, osdi_engine, "osdi") < 1e-4


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_a_blocked_diode_is_shockleys(temperature: float, dialect: str, tmp_path: Path, osdi_engine: Engine) -> None:
    """Where only a blocked diode leads to the output: to 1e-5 of the saturation current, through all of the bend."""
    law, share = Diode(2e-10, 1.7, 1), 1e-2
    network = star([law, Ohmic(share), Ohmic(share)], ("output", "input", "control"), temperature=temperature)
    scale = 1.7 * 8.617333262e-5 * temperature
    site = scale * np.array([0.5, 2.0, 2.9, 3.0, 3.1, 4.0, 5.0, 7.0, 12.0, 40.0])
    table = np.column_stack([0 * site, site, site])
    circuit = network_bench(network, table)
    raw = simulate(circuit, tmp_path, osdi_engine, dialect)
    found = circuit.analysis.at_points(raw["i(v_e0)"])
    expected = 2e-10 * (1.0 - np.exp(-site / scale))  # what the other bonds drop is nothing
    assert np.abs(found - expected).max() < 1e-5 * 2e-10
    assert np.abs(found - network.output_current(table)).max() < 1e-5 * 2e-10


def test_nothing_beside_a_blocked_diode_conducts_in_a_transient(tmp_path: Path, osdi_engine: Engine) -> None:
    """The simulator gives its own diodes a conductance of 1e-12 S there."""
    network = star([Diode(1e-13, 1.0, 1), Ohmic(1e-6)], ("output", "input"), temperature=300.0)
    sources = (VoltageSource("v_e0", "el_e0", "0", Dc(0.0)), VoltageSource("v_e1", "el_e1", "0", Dc(0.5)))
    circuit = Circuit(
        "blocked", (*network_elements(network), *sources), Transient(1e-3, 1e-4), ("i(v_e0)", "mu_n"),
        temperature=300.0, bond_temperature=300.0,
    )  # fmt: skip
    raw = simulate(circuit, tmp_path, osdi_engine)
    assert raw["v(mu_n)"] == pytest.approx(0.5, abs=1e-6)
    assert raw["i(v_e0)"] == pytest.approx(1e-13, rel=1e-3)


@pytest.mark.parametrize("name", LAWS)
def test_sites_of_every_law_may_interact(name: str, tmp_path: Path, osdi_engine: Engine) -> None:
    plain = law_network(name)
    repulsion = 0.03 * (1.0 - np.eye(plain.n_sites))
    network = plain.replace(coulomb=repulsion, reference=np.full(plain.n_sites, 0.5))
    table = law_voltages(name, network, 3 if name == "mixed" else 10)
    circuit = network_bench(network, table)
    text = deck_files(circuit)["bond.va"]
    assert text.count("disciplines.vams") == text.count("module occupation(") == 1
    assert text.count("endmodule") == 1 + (name in WRITTEN) * (4 if name == "mixed" else 1)
    raw = simulate(circuit, tmp_path, osdi_engine)
    found = np.column_stack([circuit.analysis.at_points(raw[f"i(v_{label})"]) for label in network.electrode_labels])
    exact = network.solve(table).currents
    assert np.abs(found - exact).max() < 2e-5 * np.abs(exact).max()


@pytest.mark.parametrize("name", LAWS)
def test_only_laws_without_a_native_device_need_the_compiler(name: str) -> None:
    circuit = network_bench(law_network(name), law_voltages(name, law_network(name), 1))
    files = deck_files(circuit)
    assert ("bond.va" in files) == ("pre_osdi" in files["deck.cir"]) == (name in WRITTEN)
    plain = write_deck(circuit, "b-source")
    assert (plain.replace("dialect b-source", "dialect osdi") == files["deck.cir"]) == (name not in WRITTEN)
    if name in WRITTEN:
        assert files["bond.va"].count("disciplines.vams") == 1
        assert files["bond.va"].count("endmodule") == (4 if name == "mixed" else 1)
    assert (".include models/" in plain) == (name in ("gf180_nmos", "mixed"))
    assert circuit.transistors == {"nmos": 10, "gf180_nmos": 10, "mixed": 3}.get(name, 0)


@pytest.mark.parametrize("temperature", [250.0, 350.0])
@pytest.mark.parametrize("name", ["diode", "nmos", "memristor"])
def test_bonds_have_the_networks_temperature_whatever_the_simulators(
    name: str, temperature: float, tmp_path: Path, osdi_engine: Engine
) -> None:
    network = law_network(name)
    table = law_voltages(name, network, 10)
    circuit = network_bench(network, table, temperature)
    raw = simulate(circuit, tmp_path, osdi_engine)
    exact = network.solve(table).currents
    assert np.abs(circuit.analysis.at_points(raw["i(v_e0)"]) - exact[:, 0]).max() < 2e-5 * np.abs(exact).max()


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
def test_a_memristor_learns_and_forgets_as_its_rate_equation(dialect: str, tmp_path: Path, osdi_engine: Engine) -> None:
    """One junction behind a resistor: a strong pulse, then a weak voltage to read it."""
    law, ohms, slot = Memristor(1e-5, 1e-3, 0.02, 0.5, 6.0, 1.0), 200.0, 4.0
    network = Network(
        site_labels=("n",), electrode_labels=("e0", "e1"), roles=("output", "input"), levels=[0.0], levers=[[0, 0]],
        site_positions=[[0, 0]], electrode_positions=[[0, 0]] * 2, bond_sites=[[0, 1], [0, 2]],
        bond_laws=(law, Ohmic(1 / ohms)),
    )  # fmt: skip
    drive = Steps((0.7, 0.1), slot, 1e-3)
    sources = (VoltageSource("v_e0", "el_e0", "0", Dc(0.0)), VoltageSource("v_e1", "el_e1", "0", drive))
    circuit = Circuit(
        "memory",
        (*network_elements(network), *sources),
        Transient(2 * slot, 5e-3),
        ("i(v_e0)", "g_bond_0", "mu_n"),
        temperature=300.0,
    )
    raw = simulate(circuit, tmp_path, osdi_engine, dialect)
    time = raw["time"]
    times, volts = np.array(drive.points).T

    def across(t: float, state: float) -> float:
        conductance = law.minimum + (law.maximum - law.minimum) * state
        return float(np.interp(t, times, volts)) / (1.0 + ohms * conductance)

    def rate(t: float, state: np.ndarray) -> np.ndarray:
        size = abs(across(t, state[0]))
        return 0.02 * np.exp(6.0 * size) * (1 - state) - 0.5 * np.exp(-size) * state

    rest = 0.02 * np.exp(0.6) / (0.02 * np.exp(0.6) + 0.5 * np.exp(-0.1))  # nearly: the resistor takes a little
    start = scipy.integrate.solve_ivp(lambda t, g: rate(0.0, g), (0, 100), [rest], rtol=1e-9, atol=1e-12).y[0, -1]
    oracle = scipy.integrate.solve_ivp(rate, (0, 2 * slot), [start], t_eval=time, rtol=1e-9, atol=1e-12, max_step=0.05)
    found = raw["v(g_bond_0)"]
    assert found.max() > 5 * found[0] and found[-1] < 0.6 * found.max()  # potentiation and relaxation
    assert np.abs(found - oracle.y[0]).max() < 1e-3 * found.max()
    current = [law.minimum + (law.maximum - law.minimum) * g for g in found] * raw["v(mu_n)"]
    assert np.abs(raw["i(v_e0)"] - current).max() < 1e-3 * np.abs(current).max()
    exact = network.solve([0.0, 0.1])
    assert raw["i(v_e0)"][0] == pytest.approx(exact.currents[0], rel=1e-5)


@pytest.mark.parametrize("law", [Nmos(body=-0.4, gain=5e-5), Gf180Nmos(body=-0.4)], ids=["nmos", "gf180_nmos"])
def test_a_loop_learns_on_gates(law: Nmos | Gf180Nmos, tmp_path: Path, ngspice: Engine) -> None:
    """All controls are gates; the loop's integrators move them, and the error is that of the exact solution."""
    network = with_gates(random_geometric(1, 2, electrodes=3), law)
    gates = network.n_electrodes - 3
    loop = small_loop(
        network,
        "OR",
        start=[1.1] * gates,
        epochs=4,
        target=5e-6,
        transimpedance=4e4,
        threshold_resistance=5e4,
        slowness=2,
    )
    design = Design(network, loop, block_set("ideal"))
    assert len(design.signals["controls"]) == gates == network.n_bonds
    raw = simulate(design.circuit, tmp_path, ngspice)
    time, line = raw["time"], loop.timeline
    stored = ["el_e1", "el_e2", *design.signals["controls"].values(), "threshold", "target", "err"]
    means = np.array(
        [[window_means(time, raw[f"v({net})"], [line.span(epoch, case)])[0] for net in stored]
         for epoch in range(4) for case in range(4)]
    )  # fmt: skip
    volts = np.column_stack([np.zeros(16), means[:, :-3]])  # the read-out holds the output at 0 V
    threshold, target, error = means[:, -3:].T
    expected = -4e4 * (network.output_current(volts) + threshold / 5e4 - 5e-6 * target)
    assert np.abs(error - expected).max() < 2e-3  # the dither's curvature takes a little
    losses = (error**2).reshape(4, 4).mean(axis=1)
    assert losses[-1] < 0.8 * losses[0]
    assert np.ptp(means[:, 2:-3], axis=0).min() > 5e-3
