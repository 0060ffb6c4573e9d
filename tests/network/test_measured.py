"""Measured curves as bonds: through all points, monotone, smooth, the same in the exact solution and the deck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from small_designs import simulate, star

from hgesim.design import network_bench
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.network import Measured, Ohmic, from_graph, measured, read_curve, read_network, to_graph, write_network
from hgesim.network.measured import measured_state, table_pieces

VOLTS = np.array([-1.0, -0.4, -0.1, 0.0, 0.05, 0.3, 0.8])
AMPERES = np.array([-5e-8, -4e-8, -3e-8, 0.0, 0.0, 1e-8, 9e-8])


def curve(volts: np.ndarray, law: Measured) -> tuple[np.ndarray, np.ndarray]:
    current, slope = measured_state(np.asarray(volts, dtype=float)[:, None], (law,))
    return current[:, 0], slope[:, 0]


def test_the_curve_goes_through_its_points_and_is_the_monotone_cubic_between() -> None:
    law = measured(VOLTS[::-1], AMPERES[::-1])
    assert curve(VOLTS, law)[0] == pytest.approx(AMPERES, abs=1e-20)
    fine = np.linspace(-1.0, 0.8, 5001)
    current, slope = curve(fine, law)
    assert current == pytest.approx(PchipInterpolator(VOLTS, AMPERES)(fine), abs=1e-20)
    assert (np.diff(current) >= -1e-22).all() and (slope >= -1e-20).all()
    difference = np.gradient(current, fine)
    assert np.abs(difference - slope)[1:-1].max() < 5e-3 * slope.max()


def test_beyond_its_ends_the_curve_is_straight_and_smooth() -> None:
    law = measured(VOLTS, AMPERES)
    for end, far in ((-1.0, -3.0), (0.8, 2.0)):
        (at, away), (slope, there) = curve(np.array([end, far]), law)
        assert slope == there and away == pytest.approx(at + slope * (far - end), rel=1e-12)
        assert curve(np.array([end * (1 + 1e-9)]), law)[0][0] == pytest.approx(at, rel=1e-6)


def test_a_bond_named_the_other_way_round_is_the_same_bond() -> None:
    law = measured(VOLTS, AMPERES, plus=1)
    assert curve(np.array([0.2, -0.2]), law)[0] == pytest.approx(
        -curve(np.array([-0.2, 0.2]), measured(VOLTS, AMPERES))[0]
    )
    network = star([law, Ohmic(1e-7), Ohmic(2e-7)], ("output", "input", "control"))
    turned = network.replace(
        bond_sites=network.bond_sites[:, ::-1], bond_laws=(measured(VOLTS, AMPERES), *network.bond_laws[1:])
    )
    assert turned == network


def test_graphs_and_files_keep_the_curve(tmp_path: Path) -> None:
    network = star([measured(VOLTS, AMPERES, 1), Ohmic(1e-7), Ohmic(2e-7)], ("output", "input", "control"))
    assert from_graph(to_graph(network)) == network
    for ending in ("json", "graphml"):
        assert read_network(write_network(network, tmp_path / f"network.{ending}")) == network


@pytest.mark.parametrize("dialect", ["osdi", "b-source"])
def test_deck_and_exact_solution_have_the_same_curve(dialect: str, ngspice: Engine, tmp_path: Path) -> None:
    network = star([Ohmic(1e-6), measured(VOLTS, AMPERES), measured(VOLTS, AMPERES, 1)], ("output", "input", "control"))
    volts = np.column_stack([np.zeros(41), np.linspace(-1.5, 1.2, 41), np.linspace(1.1, -0.9, 41)])
    circuit = network_bench(network, volts)
    raw = simulate(circuit, tmp_path, ngspice, dialect)
    found = np.column_stack([circuit.analysis.at_points(raw[f"i(v_{label})"]) for label in network.electrode_labels])
    exact = np.asarray(network.solve(volts).currents)
    assert np.abs(exact).max() > 1e-8
    assert np.abs(found - exact).max() < 1e-6 * np.abs(exact).max()


def test_gradient_is_the_finite_difference() -> None:
    network = star([Ohmic(1e-7), measured(VOLTS, AMPERES), measured(VOLTS, AMPERES, 1)], ("output", "input", "control"))
    volts = np.array([0.0, 0.31, -0.17])
    step = 1e-5
    numeric = [
        (network.solve(volts + step * unit).currents[0] - network.solve(volts - step * unit).currents[0]) / (2 * step)
        for unit in np.eye(3)
    ]
    assert np.asarray(network.gradient(volts)) == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-14)


def test_a_file_of_two_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("V,I\n" + "".join(f"{v},{i}\n" for v, i in zip(VOLTS, AMPERES, strict=True)))
    assert read_curve(path) == measured(VOLTS, AMPERES)
    assert len(table_pieces(read_curve(path).table).starts) == len(VOLTS) + 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,0\n1,1e-9\n1,2e-9\n", "1 V stands twice"),
        ("0,0\n1,2e-9\n2,1e-9\n", "falls above 1 V"),
        ("-1,-1e-9\n1,1e-9\n", "no row 0 0"),
        ("0,0\n1,nan\n", "not finite"),
        ("0,0\n", "1 points"),
        ("0,0\n1,0\n", "the same everywhere"),
        ("0,0\n1,2,3\n", "line 2"),
        ("V,I\nx,y\n", "line 2"),
        ("", "not a volt and an ampere"),
    ],
)
def test_curves_that_are_none_are_refused_with_the_file(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"network\.bad-curve") as caught:
        read_curve(path)
    assert says in str(caught.value) and "curve.csv" in str(caught.value)
    with pytest.raises(RequestError, match=r"network\.bad-curve.*cannot be read"):
        read_curve(tmp_path / "none.csv")


@pytest.mark.parametrize("law", [Measured("0 0; 1"), Measured("a b; 0 0"), Measured(3), Measured("0 0; 1 1", 2)])  # type: ignore[arg-type]
def test_tables_that_are_none_are_no_bond(law: Measured) -> None:
    with pytest.raises(RequestError, match=r"network\.bad-bond"):
        star([law, Ohmic(1e-7), Ohmic(2e-7)], ("output", "input", "control"))
    with pytest.raises(RequestError, match=r"network\.bad-curve"):
        measured([0.0, 1.0], [0.0])
