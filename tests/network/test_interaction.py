"""Interacting sites against a root finder on the plain equations, finite differences and exact limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize

from hgesim.errors import RequestError
from hgesim.network import (
    Hopping,
    Network,
    Ohmic,
    Sinh,
    dopant_disc,
    equations,
    from_graph,
    read_network,
    to_graph,
    write_network,
)
from hgesim.network.electrostatics import screened_coulomb

KT = 8.617333262e-5 * 77


def random_volts(network: Network, count: int, seed: int = 0, size: float = 0.6) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-size, size, (count, network.n_electrodes))


def pair(energy: float = 0.03, laws: tuple = (Hopping(3e-9), Hopping(1e-9), Hopping(6e-9)), **changes) -> Network:
    """Electrode e0, two sites, electrode e1."""
    values = {
        "site_labels": ("a", "b"),
        "electrode_labels": ("e0", "e1"),
        "roles": ("output", "input"),
        "levels": [0.02, -0.015],
        "levers": [[0.7, 0.3], [0.2, 0.8]],
        "site_positions": np.full((2, 2), np.nan),
        "electrode_positions": np.full((2, 2), np.nan),
        "bond_sites": [[2, 0], [0, 1], [1, 3]],
        "bond_laws": laws,
        "site_leak": 1e-11,
        "coulomb": [[0.0, energy], [energy, 0.0]],
        "reference": [0.25, 0.75],
    }
    return Network(**(values | changes))


def test_two_sites_against_an_independent_root_finder() -> None:
    network = pair()
    for volts in ([0.0, 0.1], [0.0, -0.1], [0.05, 0.02]):
        outer = np.array([0.02, -0.015]) + np.array([[0.7, 0.3], [0.2, 0.8]]) @ volts

        def law(unknown: np.ndarray, volts: list[float] = volts, outer: np.ndarray = outer) -> list[float]:
            """Four equations for two potentials and two occupations, term by term."""
            mu, n = unknown[:2], unknown[2:]
            eps = [outer[0] + 0.03 * (n[1] - 0.75), outer[1] + 0.03 * (n[0] - 0.25)]
            nodes, energies = [volts[0], *mu, volts[1]], [volts[0], *eps, volts[1]]
            bonds = []
            for k, rate in enumerate((3e-9, 1e-9, 6e-9)):
                z = (energies[k] - energies[k + 1]) / (2 * KT)
                block = math.prod(math.cosh((energies[m] - nodes[m]) / (2 * KT)) for m in (k, k + 1))
                drive = math.sinh((nodes[k] - nodes[k + 1]) / (2 * KT))
                bonds.append(rate * math.exp(-(math.sqrt(z * z + 0.01) - 0.1)) * drive / (2 * block))
            fill = [1 / (1 + math.exp((eps[k] - mu[k]) / KT)) - n[k] for k in range(2)]
            return [(bonds[k + 1] - bonds[k] + 1e-11 * mu[k]) * 1e9 for k in range(2)] + fill

        solution = network.solve(volts)
        oracle = scipy.optimize.root(law, [*[np.mean(volts)] * 2, 0.5, 0.5], method="hybr", options={"xtol": 1e-13})
        assert oracle.success
        assert solution.potentials == pytest.approx(oracle.x[:2], abs=1e-7)
        assert solution.occupations == pytest.approx(oracle.x[2:], abs=1e-7)
        lifted = outer + 0.03 * (oracle.x[[3, 2]] - [0.75, 0.25])
        assert solution.levels == pytest.approx(lifted, abs=1e-8)


@pytest.mark.parametrize("screening", ["5 nm", None])
@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_compiled_and_arrays_agree(temperature: float, screening: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    network = dopant_disc(3, dopants=10, temperature=temperature, coulomb=True, screening=screening)
    volts = random_volts(network, 10, size=0.4)
    compiled, gradient = network.solve(volts), network.gradient(volts)
    monkeypatch.setattr(equations, "kernels", lambda: None)
    arrays = network.solve(volts)
    for name in ("currents", "potentials", "levels", "occupations"):
        one, other = getattr(compiled, name), getattr(arrays, name)
        assert np.abs(one - other).max() < 1e-8 * np.abs(other).max()
    assert np.abs(network.gradient(volts) - gradient).max() < 1e-8 * np.abs(gradient).max()


NETWORKS = {
    "hopping": lambda kelvin: pair(temperature=kelvin),
    "mixed": lambda kelvin: pair(
        laws=(Hopping(3e-9), Sinh(1e-8, 0.05), Ohmic(3e-8)), temperature=kelvin, site_leak=1e-9
    ),
    "disc": lambda kelvin: dopant_disc(5, dopants=15, coulomb=True, screening="10 nm", temperature=kelvin),
    "bare": lambda kelvin: dopant_disc(6, dopants=12, coulomb=True, temperature=kelvin),
}


@pytest.mark.parametrize("temperature", [77.0, 300.0])
@pytest.mark.parametrize("kind", NETWORKS)
def test_adjoint_against_central_differences(kind: str, temperature: float) -> None:
    network = NETWORKS[kind](temperature)
    volts, step = random_volts(network, 12, size=0.4), 1e-5
    moves = step * np.eye(network.n_electrodes)
    start = network.solve(volts).potentials[:, None]
    sides = [
        network.output_and_gradient(volts[:, None] + sign * moves, start + 0 * moves[:, :1])[0]
        for sign in (1, -1, 2, -2)
    ]
    differences = (8 * (sides[0] - sides[1]) - (sides[2] - sides[3])) / (12 * step)
    exact = network.gradient(volts)
    size = np.abs(exact).max(axis=1, keepdims=True)
    assert np.max(np.abs(exact - differences) / size) < 1e-5


def test_detailed_balance_and_conservation() -> None:
    network = dopant_disc(4, coulomb=True, site_leak=0.0)
    solution = network.solve(np.zeros(8))
    moving = network.solve(random_volts(network, 20))
    largest = np.abs(moving.currents).max(axis=1)
    assert np.abs(solution.currents).max() < 1e-9 * largest.max()
    assert np.all(np.abs(moving.currents.sum(axis=1)) < 1e-8 * largest)
    plain = 1 / (1 + np.exp((moving.levels - moving.potentials) / network.kT))
    assert moving.occupations == pytest.approx(plain, abs=1e-9)
    lifted = (moving.occupations - 1.0) @ network.coulomb
    volts = random_volts(network, 20)
    assert moving.levels == pytest.approx(network.levels + volts @ network.levers.T + lifted, abs=1e-12)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("energy", [0.0, 0.03])
def test_next_to_high_rates_what_goes_in_comes_out(
    energy: float, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drops that drive the current are far below the digits of a potential."""
    if not compiled:
        monkeypatch.setattr(equations, "kernels", lambda: None)
    network = pair(energy, (Hopping(1e6), Hopping(1e-9), Hopping(1e7)), site_leak=0.0)
    currents = network.solve(random_volts(network, 50, size=0.3)).currents
    assert currents[:, 0] == pytest.approx(-currents[:, 1], rel=1e-9)


def test_repulsion_empties_the_neighbour() -> None:
    """At zero volt and equal levels: two far sites are half full each, two near ones share a carrier."""
    alone = pair(0.0, levels=[-0.02, -0.02], reference=[0.0, 0.0]).solve([0.0, 0.0]).occupations
    near = pair(0.1, levels=[-0.02, -0.025], reference=[0.0, 0.0]).solve([0.0, 0.0]).occupations
    assert alone.min() > 0.9
    assert near[1] > 0.9 > 0.1 > near[0]  # the lower level keeps its carrier


def test_a_warm_start_stays_on_the_branch() -> None:
    network = dopant_disc(2, coulomb=True)
    volts = random_volts(network, 20)
    cold = network.solve(volts)
    warm = network.solve(volts + 1e-4, start=cold.potentials)
    assert warm.iterations < cold.iterations / 2
    assert np.abs(warm.occupations - network.solve(volts + 1e-4).occupations).max() < 1e-6


def test_no_interacting_device_is_left_unsolved() -> None:
    for seed in range(3):
        network = dopant_disc(seed, coulomb=True)
        assert network.solve(random_volts(network, 20, seed)).fallbacks == 0


def test_the_disc_is_neutral_when_half_full() -> None:
    occupation = np.concatenate(
        [dopant_disc(seed, coulomb=True, temperature=300.0).solve(np.zeros(8)).occupations for seed in range(10)]
    )
    assert occupation.mean() == pytest.approx(0.5, abs=0.05)
    fewer = dopant_disc(1, coulomb=True, counter_dopants=2).solve(np.zeros(8)).occupations
    assert fewer.mean() > dopant_disc(1, coulomb=True, counter_dopants=18).solve(np.zeros(8)).occupations.mean() + 0.2


def test_positions_and_levels_come_from_streams_of_their_own() -> None:
    plain, charged = dopant_disc(3), dopant_disc(3, coulomb=True)
    assert plain.site_positions.tolist() == charged.site_positions.tolist()
    bare = dopant_disc(3, coulomb=True, counter_dopants=0)
    assert bare.levels.tolist() == plain.levels.tolist()
    assert np.all(charged.levels > plain.levels)  # positive charges lift holes
    assert np.array_equal(bare.coulomb, charged.coulomb)


def test_the_repulsion_is_that_of_silicon() -> None:
    places = np.array([[0.0, 0.0], [10e-9, 0.0]])
    assert screened_coulomb(places, places)[0, 1] == pytest.approx(1.43996448e-9 / 11.7 / 10e-9, rel=1e-6)
    screened = screened_coulomb(places, places, 11.7, 5e-9)
    assert screened[0, 1] == pytest.approx(1.43996448e-9 / 11.7 / 10e-9 * math.exp(-2), rel=1e-6)
    assert not screened.diagonal().any()


def test_no_interaction_is_the_network_as_before() -> None:
    network = dopant_disc(1, dopants=5)
    for nothing in (None, [], np.zeros((5, 5))):
        same = network.replace(coulomb=nothing, reference=None)
        assert same == network and not same.interacts
        assert same.coulomb.shape == (5, 5) and same.reference.tolist() == [0.0] * 5
    strong = network.replace(coulomb=0.01 * (1 - np.eye(5)))
    assert strong != network and strong.interacts
    weak = network.replace(coulomb=1e-12 * (1 - np.eye(5)))
    volts = random_volts(network, 10)
    assert weak.solve(volts).currents == pytest.approx(network.solve(volts).currents, rel=1e-6, abs=1e-16)


@pytest.mark.parametrize("ending", [".graphml", ".json"])
def test_files_carry_the_interaction(ending: str, tmp_path) -> None:
    network = dopant_disc(2, dopants=6, coulomb=True, screening="8 nm")
    again = read_network(write_network(network, tmp_path / f"device{ending}"))
    assert again == network == from_graph(to_graph(network))
    assert again.coulomb.tobytes() == network.coulomb.tobytes()


def test_graphs_give_each_pair_once_or_twice() -> None:
    graph = to_graph(pair())
    assert from_graph(graph).coulomb.tolist() == [[0.0, 0.03], [0.03, 0.0]]
    graph.nodes["b"]["coulomb"] = {"a": "30 meV"}
    assert from_graph(graph) == pair()
    graph.nodes["b"]["coulomb"] = {"a": 0.02}
    with pytest.raises(RequestError, match=r"network\.bad-coulomb.*a"):
        from_graph(graph)
    graph.nodes["b"]["coulomb"] = {"e0": 0.02}
    with pytest.raises(RequestError, match=r"network\.no-site"):
        from_graph(graph)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coulomb": np.ones((2, 2))}, "network.bad-value"),
        ({"coulomb": [[0.0, 0.1], [0.2, 0.0]]}, "network.bad-value"),
        ({"coulomb": [[0.0, np.nan], [np.nan, 0.0]]}, "network.bad-value"),
        ({"coulomb": [[0.0, 0.1, 0.1]] * 3}, "network.bad-shape"),
        ({"reference": [0.5, 1.5]}, "network.bad-value"),
        ({"reference": [0.5]}, "network.bad-shape"),
    ],
)
def test_interactions_that_are_none(changes: dict, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        pair(**changes)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coulomb": 1}, "network.bad-value"),
        ({"screening": "5 nm"}, "network.conflict"),
        ({"counter_dopants": 3}, "network.conflict"),
        ({"coulomb": True, "counter_dopants": -1}, "network.bad-value"),
        ({"coulomb": True, "screening": 0}, "network.bad-value"),
        ({"coulomb": True, "screening": "5 V"}, "units.wrong-unit"),
        ({"coulomb": True, "permittivity": 0}, "network.bad-value"),
        ({"coulomb": True, "dopants": 4, "counter_dopants": 9, "spacing": "30 nm"}, "network.crowded"),
    ],
)
def test_interacting_discs_that_cannot_be_drawn(changes: dict, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        dopant_disc(1, **changes)
    assert caught.value.code == code
