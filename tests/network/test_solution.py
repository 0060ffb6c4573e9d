"""The DC solution against independent solvers, direct formulas and identities."""

import itertools
import math

import numpy as np
import pytest
import scipy.optimize

from hgesim.errors import HgeError, RequestError
from hgesim.network import (
    Hopping,
    Network,
    Ohmic,
    Sinh,
    complete,
    dopant_disc,
    equations,
    hopping,
    lattice,
    random_geometric,
    sinh,
    solver,
)

DEVICES = {"77 K": {}, "300 K": {"temperature": 300.0}}
DEVICES |= {f"{name}, rates without limit": {**fields, "fastest": 0} for name, fields in list(DEVICES.items())}


def chain(laws, roles=("output", "input"), **changes):
    """Electrode e0, sites in a row, electrode e1."""
    n = len(laws) - 1
    nodes = [n, *range(n), n + 1]
    values = {
        "site_labels": tuple(f"s{k}" for k in range(n)),
        "electrode_labels": ("e0", "e1"),
        "roles": roles,
        "levels": np.zeros(n),
        "levers": np.zeros((n, 2)),
        "site_positions": np.full((n, 2), np.nan),
        "electrode_positions": np.full((2, 2), np.nan),
        "bond_sites": np.array(list(itertools.pairwise(nodes))),
        "bond_laws": tuple(laws),
    }
    return Network(**(values | changes))


def naive_bond(rate, kt, mu, eps):
    """The hopping formula as it stands in the docs, with plain math functions."""
    z = (eps[0] - eps[1]) / (2 * kt)
    blocking = math.prod(math.cosh((e - m) / (2 * kt)) for e, m in zip(eps, mu, strict=True))
    return rate * math.exp(-(math.sqrt(z * z + 0.01) - 0.1)) * math.sinh((mu[0] - mu[1]) / (2 * kt)) / (2 * blocking)


def random_volts(network, count, seed=0, size=1.0):
    return np.random.default_rng(seed).uniform(-size, size, (count, network.n_electrodes))


@pytest.mark.parametrize("way", ["compiled", "arrays", "sparse"])
def test_a_site_that_is_all_but_an_electrode(way, monkeypatch):
    """The drop that drives the current is far below the digits of a potential: the other bond decides."""
    if way != "compiled":
        monkeypatch.setattr(equations, "kernels", lambda: None)
    if way == "sparse":
        monkeypatch.setattr(equations, "SPARSE_SITES", 0)
    network = chain([Hopping(1e7), Hopping(1e-9)], levels=[0.01], levers=[[0.6, 0.4]], site_leak=0.0)
    for left, right in ([0.2, 0.23], [-0.1, 0.3], [0.0, -0.02]):
        level = 0.01 + 0.6 * left + 0.4 * right
        expected = naive_bond(1e-9, network.kT, (left, right), (level, right))
        assert network.solve([left, right]).currents == pytest.approx([-expected, expected], rel=1e-9)


@pytest.mark.parametrize("network", [lattice(4, 5, electrodes=5), complete(6, electrodes=3), random_geometric(1, 25)])
def test_ohmic_is_the_schur_complement_of_the_laplacian(network):
    n, nodes = network.n_sites, network.n_sites + network.n_electrodes
    laplacian = np.zeros((nodes, nodes))
    for (i, j), law in zip(network.bond_sites, network.bond_laws, strict=True):
        laplacian[[i, j], [i, j]] += law.conductance
        laplacian[[i, j], [j, i]] -= law.conductance
    inner, cross, outer = laplacian[:n, :n], laplacian[:n, n:], laplacian[n:, n:]
    schur = outer - cross.T @ np.linalg.solve(inner, cross)
    volts = random_volts(network, 7)
    assert network.solve(volts).currents == pytest.approx(-volts @ schur, rel=1e-9, abs=1e-18)
    assert network.gradient(volts) == pytest.approx(np.tile(-schur[0], (7, 1)), rel=1e-9, abs=1e-18)


def test_series_sinh_against_brentq():
    laws = (Sinh(1e-6, 0.05), Sinh(3e-6, 0.2))
    volts = np.array([0.0, 1.5])

    def current(law, drop):
        return law.conductance * law.scale * math.sinh(drop / law.scale)

    middle = scipy.optimize.brentq(lambda m: current(laws[0], m) - current(laws[1], 1.5 - m), 0, 1.5, xtol=1e-15)
    solution = chain(laws).solve(volts)
    assert solution.potentials == pytest.approx([middle], abs=1e-10)
    assert solution.currents == pytest.approx([current(laws[0], middle), -current(laws[0], middle)], rel=1e-8)


def test_parallel_bonds_add_between_sites_and_at_electrodes():
    laws = (Ohmic(1e-6), Sinh(2e-6, 0.1), Ohmic(4e-6), Ohmic(5e-6))
    network = chain(laws[:3], bond_sites=[[2, 0], [0, 1], [1, 3]])
    doubled = network.replace(
        bond_sites=np.vstack([network.bond_sites, [[1, 0], [3, 1]]]), bond_laws=(*network.bond_laws, laws[1], laws[2])
    )
    merged = chain((laws[0], Sinh(4e-6, 0.1), Ohmic(8e-6)))
    volts = random_volts(merged, 5)
    assert doubled.n_bonds == 5
    assert doubled.solve(volts).currents == pytest.approx(merged.solve(volts).currents, rel=1e-8)
    assert doubled.gradient(volts) == pytest.approx(merged.gradient(volts), rel=1e-7)


def test_one_bond_is_the_formula_of_the_docs():
    kt = 8.617333262e-5 * 77
    network = chain([Hopping(2e-9), Hopping(5e-9)], levels=[0.031], levers=[[0.3, 0.6]])
    volts = np.array([0.04, -0.03])
    mu = network.solve(volts).potentials[0]
    eps = 0.031 + 0.3 * 0.04 - 0.6 * 0.03
    expected = [naive_bond(2e-9, kt, (mu, 0.04), (eps, 0.04)), naive_bond(5e-9, kt, (mu, -0.03), (eps, -0.03))]
    assert network.bond_currents(volts) == pytest.approx(expected, rel=1e-9)
    assert sum(expected) == pytest.approx(0.0, abs=1e-9 * abs(expected[0]))


def test_two_hopping_sites_against_an_independent_root_finder():
    rates, levels, levers = (3e-9, 1e-9, 6e-9), np.array([0.02, -0.015]), np.array([[0.7, 0.3], [0.2, 0.8]])
    network = chain([Hopping(r) for r in rates], levels=levels, levers=levers, site_leak=1e-11)
    kt = 8.617333262e-5 * 77
    for volts in ([0.0, 0.1], [0.0, -0.1], [0.05, 0.02]):
        eps = levels + levers @ volts

        def law(mu, volts=volts, eps=eps):
            nodes, energies = [volts[0], *mu, volts[1]], [volts[0], *eps, volts[1]]
            bonds = [naive_bond(rates[k], kt, nodes[k : k + 2], energies[k : k + 2]) for k in range(3)]
            return [(bonds[k + 1] - bonds[k] + 1e-11 * mu[k]) * 1e9 for k in range(2)]

        oracle = scipy.optimize.root(law, [np.mean(volts)] * 2, method="hybr", options={"xtol": 1e-13})
        solution = network.solve(volts)
        assert oracle.success
        assert solution.potentials == pytest.approx(oracle.x, abs=1e-7)
        first = naive_bond(rates[0], kt, (volts[0], oracle.x[0]), (volts[0], eps[0]))
        assert solution.currents[0] == pytest.approx(-first, rel=1e-6)


@pytest.mark.parametrize("kind", DEVICES)
def test_detailed_balance(kind):
    network = dopant_disc(4, **DEVICES[kind], site_leak=0.0)
    solution = network.solve(np.full(8, 0.37))
    moving = network.solve(np.r_[0.0, np.full(7, 0.37)])
    assert np.abs(solution.currents).max() < 1e-9 * np.abs(moving.currents).max()
    assert solution.potentials == pytest.approx(np.full(20, 0.37), abs=1e-9)


@pytest.mark.parametrize("leak", [0.0, 1e-10])
def test_what_does_not_flow_out_leaks(leak):
    network = dopant_disc(5, site_leak=leak)
    solution = network.solve(random_volts(network, 20))
    scale = np.abs(solution.currents).max(axis=1)
    missing = solution.currents.sum(axis=1) + leak * solution.potentials.sum(axis=1)
    assert np.all(np.abs(missing) < 1e-8 * scale)


@pytest.mark.parametrize("kind", DEVICES)
@pytest.mark.parametrize("seed", [1, 2])
def test_adjoint_against_central_differences(kind, seed):
    network = dopant_disc(seed, **DEVICES[kind])
    volts = random_volts(network, 15, seed)
    step = 1e-5
    moves = step * np.eye(8)
    sides = [network.output_current(volts[:, None] + sign * moves) for sign in (1, -1, 2, -2)]
    differences = (8 * (sides[0] - sides[1]) - (sides[2] - sides[3])) / (12 * step)
    exact = network.gradient(volts)
    size = np.abs(exact).max(axis=1, keepdims=True)
    assert np.max(np.abs(exact - differences) / size) < 1e-5


def test_gradient_of_mixed_laws():
    laws = (Ohmic(1e-6), Hopping(1e-8), Sinh(1e-6, 0.05), Hopping(3e-8))
    network = chain(laws, levels=[0, 0.02, 0], levers=[[0, 0], [0.4, 0.5], [0.1, 0.2]], site_leak=1e-9)
    volts = random_volts(network, 10, size=0.3)
    step = 1e-6
    moves = step * np.eye(2)
    exact = network.gradient(volts)
    differences = (network.output_current(volts[:, None] + moves) - network.output_current(volts[:, None] - moves)) / (
        2 * step
    )
    assert np.max(np.abs(exact - differences)) < 1e-5 * np.abs(exact).max()


def test_current_is_positive_out_of_the_network_into_the_output():
    network = chain((Ohmic(1e-6), Ohmic(1e-6)))
    assert network.solve([0.0, 1.0]).currents == pytest.approx([0.5e-6, -0.5e-6])
    assert network.gradient([0.0, 1.0]) == pytest.approx([-0.5e-6, 0.5e-6])
    # carriers are holes: a site far above the source blocks less when its level falls back to it
    high, low = (chain([Hopping(1e-9)] * 2, levels=[level]).output_current([0.0, 0.05]) for level in (0.15, 0.05))
    assert 0 < high < low


def test_bond_currents_flow_from_the_first_to_the_second_node():
    network = chain((Ohmic(1e-6), Ohmic(1e-6)))
    assert network.bond_sites.tolist() == [[0, 1], [0, 2]]
    assert network.bond_currents([[0.0, 1.0]]) == pytest.approx(np.array([[0.5e-6, -0.5e-6]]))


def test_without_gating_the_output_is_monotone_in_every_electrode():
    network = dopant_disc(2)
    volts = random_volts(network, 60, size=0.6)
    gated = network.gradient(volts)
    plain = network.replace(levers=np.zeros((20, 8))).gradient(volts)
    tiny = 1e-9 * np.abs(plain).max(axis=1)
    assert np.all(plain[:, 0] <= tiny)
    assert np.all(plain[:, 1:] >= -tiny[:, None])
    assert np.any(gated[:, 1:] < -0.01 * np.abs(gated).max(axis=1, keepdims=True))


def test_relabelling_and_permuting_change_nothing():
    network = dopant_disc(7)
    random = np.random.default_rng(0)
    sites, electrodes, bonds = random.permutation(20), random.permutation(8), random.permutation(network.n_bonds)
    new = np.argsort(np.r_[sites, 20 + electrodes])
    swapped = network.replace(
        site_labels=tuple(f"other{k}" for k in sites),
        electrode_labels=tuple(network.electrode_labels[k] for k in electrodes),
        roles=tuple(network.roles[k] for k in electrodes),
        levels=network.levels[sites],
        levers=network.levers[sites][:, electrodes],
        site_positions=network.site_positions[sites],
        electrode_positions=network.electrode_positions[electrodes],
        bond_sites=new[network.bond_sites[bonds]][:, ::-1],
        bond_laws=tuple(network.bond_laws[b] for b in bonds),
    )
    volts = random_volts(network, 10)
    there, here = network.solve(volts), swapped.solve(volts[:, electrodes])
    scale = np.abs(there.currents).max()
    assert swapped.digest != network.digest
    assert here.currents == pytest.approx(there.currents[:, electrodes], rel=1e-7, abs=1e-9 * scale)
    assert here.potentials == pytest.approx(there.potentials[:, sites], abs=1e-8)
    assert swapped.gradient(volts[:, electrodes]) == pytest.approx(
        network.gradient(volts)[:, electrodes], rel=1e-6, abs=1e-8 * np.abs(network.gradient(volts)).max()
    )


def test_shapes_and_warm_start():
    network = dopant_disc(3, dopants=8, electrodes=6)
    volts = random_volts(network, 12).reshape(3, 4, 6)
    current, gradient, potentials = network.output_and_gradient(volts)
    assert (current.shape, gradient.shape, potentials.shape) == ((3, 4), (3, 4, 6), (3, 4, 8))
    assert network.bond_currents(volts).shape == (3, 4, network.n_bonds)
    one = network.solve(volts[1, 2])
    assert one.currents == pytest.approx(network.solve(volts).currents[1, 2], rel=1e-8, abs=1e-20)
    again = network.solve(volts, start=potentials)
    assert again.iterations <= 3 < network.solve(volts).iterations
    assert network.solve(volts, start=np.zeros(8)).potentials == pytest.approx(potentials, abs=1e-8)
    assert network.solve(np.zeros((0, 6))).currents.shape == (0, 6)


def test_far_starts_and_high_voltages_still_converge():
    network = dopant_disc(2)
    volts = random_volts(network, 20, size=1.0)
    usual = network.solve(volts)
    far = network.solve(volts, start=np.full(20, 30.0))
    assert far.fallbacks > 0
    assert far.potentials == pytest.approx(usual.potentials, abs=1e-7)
    assert network.solve(5 * volts).residual < 1e-8


def test_ungated_geometric_hopping_converges_and_leaks_nothing():
    network = random_geometric(3, 25, law=hopping())
    solution = network.solve(random_volts(network, 30))
    assert np.all(np.abs(solution.currents.sum(axis=1)) < 1e-8 * np.abs(solution.currents).max(axis=1))


def test_a_group_that_hangs_by_less_than_rounding():
    strong, weak = Hopping(1e-6), Hopping(1e-30)
    network = chain((weak, strong, strong, weak), levels=[0.01, 0.0, -0.01])
    solution = network.solve([[0.0, 0.1], [0.0, -0.1]])
    assert np.isfinite(network.gradient([0.0, 0.1])).all()
    assert np.all(solution.currents[:, 0] * [1, -1] > 0)


def test_large_sinh_lattice():
    network = lattice(12, 12, electrodes=6, law=sinh(scale=0.02))
    solution = network.solve(random_volts(network, 4, size=2.0))
    assert solution.residual < 1e-8
    assert np.all(np.abs(solution.currents.sum(axis=1)) < 1e-8 * np.abs(solution.currents).max(axis=1))


@pytest.mark.parametrize(
    "volts", [np.zeros(7), 0.0, np.full(8, np.nan), np.r_[np.inf, np.zeros(7)], "volts", [[1, 2], [3]], None]
)
def test_bad_voltages(volts):
    with pytest.raises(RequestError) as caught:
        dopant_disc(1).solve(volts)
    assert caught.value.code == "network.bad-voltages"


def test_bad_start():
    with pytest.raises(RequestError) as caught:
        dopant_disc(1).solve(np.zeros(8), start=np.zeros(3))
    assert caught.value.code == "network.bad-voltages"


def test_no_convergence_names_the_site():
    network = chain((Sinh(1e-6, 1e-6), Sinh(3e-6, 1e-3)))
    with pytest.raises(HgeError) as caught:
        network.solve([0.0, 10.0])
    assert caught.value.code == "network.no-convergence"
    assert "s0" in caught.value.place


# ---- what has no solution ----------------------------------------------------------------------------------------


def test_a_singular_point_does_not_spoil_its_neighbours():
    """Beside points that are well, one that is singular even with a trace of leak gives NaN."""
    good, lost = np.array([[2.0, -1.0], [-1.0, 2.0]]), np.diag([-1e-13, 1.0])
    right = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0], [0.0, 4.0]])
    held = np.diag([0.0, 2.0])  # singular too, but a trace of leak mends it
    found = solver.solve_rows(np.array([good, lost, good, held]), right, np.ones((4, 2)))
    assert np.isnan(found[1]).all()
    assert found[[0, 2, 3]] == pytest.approx(np.array([[2 / 3, 1 / 3], [1.0, 2.0], [0.0, 2.0]]), rel=1e-12)


@pytest.mark.parametrize("way", ["dense", "interacting", "sparse"])
def test_singular_equations_are_a_coded_error(way, monkeypatch):
    network = chain([Hopping(1e-9), Sinh(1e-9, 0.05), Ohmic(1e-9)], levels=[0.01, 0.02])
    if way == "interacting":
        network = network.replace(coulomb=0.02 * (1 - np.eye(2)), reference=[0.5, 0.5])
    if way == "sparse":
        monkeypatch.setattr(equations, "SPARSE_SITES", 0)
        monkeypatch.setattr("scipy.sparse.linalg.splu", refuse)
    else:
        monkeypatch.setattr(np.linalg, "solve", refuse)
    with pytest.raises(HgeError) as caught:
        network.solve([0.0, 0.1])
    assert caught.value.code == "network.no-convergence" and caught.value.remedy and "nan" not in str(caught.value)
    with pytest.raises(HgeError) as caught:
        network.gradient([0.0, 0.1])
    assert caught.value.code == "network.no-convergence"


def test_an_adjoint_of_singular_equations(monkeypatch):
    network = chain([Sinh(1e-9, 0.05), Ohmic(1e-9)])
    at = np.array([[0.0, 0.1]])
    potentials = network.solve(at).potentials
    monkeypatch.setattr(np.linalg, "solve", refuse)
    with pytest.raises(HgeError, match=r"network\.no-convergence.*at 1 of 1 operating points"):
        solver.adjoint(equations.compile_network(network), at, potentials)


def refuse(matrix, *rest, **options):
    raise np.linalg.LinAlgError("Singular matrix") if isinstance(matrix, np.ndarray) else RuntimeError("singular")


@pytest.mark.slow
def test_a_device_with_rates_over_eighty_decades():
    with pytest.raises(HgeError, match=r"network\.no-convergence\] site d"):
        dopant_disc(0, localisation="0.35 nm", fastest=0)
