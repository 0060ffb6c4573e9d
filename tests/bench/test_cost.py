"""The cost of a time point: its decks, its account, and the loads that keep the matrix sparse."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from small_designs import simulate

from hgesim.bench import Bench
from hgesim.bench.cost import Cost, growth, loop_design, measure, plain_network, point_cost, spent, split
from hgesim.circuit import BondInstance, Resistor
from hgesim.design import Circuit, Transient
from hgesim.engine import Engine, fill_folder, run_deck
from hgesim.netlist import write_files
from hgesim.network import Hopping

POINTS = 60


def short(circuit: Circuit) -> Circuit:
    assert isinstance(circuit.analysis, Transient)
    return dataclasses.replace(circuit, analysis=Transient(POINTS * circuit.analysis.step, circuit.analysis.step))


def fill_in(circuit: Circuit, folder: Path, engine: Engine) -> int:
    """Return how many entries KLU's factors have beyond those of the matrix."""
    deck = write_files(short(circuit), folder) / "deck.cir"
    deck.write_text(re.sub(r"(?m)^rusage .*$", "rusage all", deck.read_text("ascii")), "ascii")
    fill_folder(folder)
    result = run_deck(folder, engine, end_time=short(circuit).analysis.stop)
    assert result.ok, result.message
    return int(re.findall(r"Circuit fill-in non-zeroes = (\d+)", result.log.read_text())[-1])


@pytest.mark.parametrize("technology", ["ideal", "gf180"])
def test_loads_of_gates_keep_the_matrix_sparse(technology: str, tmp_path: Path, osdi_engine: Engine) -> None:
    """Without a resistor at the gates' nets KLU orders the matrix badly; one at every net more changes nothing."""
    circuit = loop_design(50, technology=technology).circuit
    loads = [e for e in circuit.elements if isinstance(e, Resistor) and e.note == "load of a gate"]
    assert {e.a for e in loads} == {"hold", "holdn", "start_gate"}
    bare = dataclasses.replace(circuit, elements=tuple(e for e in circuit.elements if e not in loads))
    target = Resistor("r_target", "target", "0", 1e6)
    more = dataclasses.replace(circuit, elements=(*circuit.elements, target))
    found = {
        name: fill_in(one, tmp_path / name, osdi_engine)
        for name, one in (("now", circuit), ("bare", bare), ("more", more))
    }
    assert found["now"] < 0.85 * found["bare"]
    assert found["more"] == pytest.approx(found["now"], rel=0.05)


def test_split_bonds_are_the_same_circuit(tmp_path: Path, osdi_engine: Engine) -> None:
    circuit = short(loop_design(20, 2, "ideal").circuit)
    parted = split(circuit, 3)
    before, after = ([e for e in one.elements if isinstance(e, BondInstance)] for one in (circuit, parted))
    assert len(after) == 3 * len(before) > 0
    for laws in ([e.law for e in before], [e.law for e in after]):
        assert all(isinstance(law, Hopping) for law in laws)
    assert sum(e.law.rate for e in after) == pytest.approx(sum(e.law.rate for e in before))  # type: ignore[union-attr]
    waves = [simulate(one, tmp_path / str(k), osdi_engine)["v(err)"] for k, one in enumerate((circuit, parted))]
    assert waves[0] == pytest.approx(waves[1], abs=1e-6) and np.ptp(waves[0]) > 1e-3


def test_the_plain_network_has_the_electrodes_and_nothing_else() -> None:
    network = loop_design(20, 4, "ideal").network
    plain = plain_network(network)
    assert (plain.n_sites, plain.n_bonds) == (1, 7)
    assert (plain.electrode_labels, plain.roles) == (network.electrode_labels, network.roles)


def test_an_account_of_a_run(tmp_path: Path, osdi_engine: Engine) -> None:
    circuit = loop_design(20, 2, "ideal").circuit
    found = spent(circuit, tmp_path, POINTS)
    assert min(found.load, found.matrix) > 0 and found.load + found.matrix < found.whole
    assert 2 <= found.iterations < 20
    assert "rusage all" in (tmp_path / "deck.cir").read_text("ascii")


def test_the_cost_of_a_point(tmp_path: Path, osdi_engine: Engine) -> None:
    lines: list[str] = []
    cost = point_cost(loop_design(50, 2, "ideal"), tmp_path, points=POINTS, repeats=2, tell=lines.append)
    assert (cost.dopants, cost.controls, cost.transistors) == (50, 2, 0) and cost.bonds > 200
    assert cost.whole == pytest.approx(cost.electronics + cost.bonds_s + cost.matrix + cost.rest)
    assert cost.electronics > 0 and cost.network > 0
    assert lines == ["50 dopants, 2 controls, 1 of 2", "50 dopants, 2 controls, 2 of 2"]


def test_growth_is_the_slope_of_the_logarithms() -> None:
    costs = [Cost(n, 6 * n, 5, 164, 3.0, 1e-3, 1e-7 * n, 1e-8 * n, 3.9e-7 * n) for n in (20, 50, 200)]
    assert growth(costs) == pytest.approx(1.0)
    assert growth([dataclasses.replace(c, matrix=c.matrix * 50 + 1e-7 * c.dopants**2) for c in costs]) > 1.5


def test_the_figures_of_the_bench(tmp_path: Path, osdi_engine: Engine) -> None:
    """The quick ones: nothing is judged, but network and electronics are there and told apart."""
    figures = measure(Bench(tmp_path, True, lambda _: None))
    assert [figure.name for figure in figures] == ["cost.20", "cost.50"]
    for figure in figures:
        assert figure.target is None and figure.reference is not None and figure.value is not None
        assert figure.reference > 0 and figure.ratio == pytest.approx(figure.value / figure.reference)
        assert figure.details["transistors"] == 164
        assert "first 100 time points, the least of 1." in figure.method
