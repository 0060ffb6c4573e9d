"""Kinetic Monte Carlo and the master equation against brute force over energies, and both against the mean field."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from hgesim.errors import HgeError, RequestError
from hgesim.network import Hopping, Network, Ohmic, dopant_disc
from hgesim.network.master import master_equation
from hgesim.network.montecarlo import kinetic_monte_carlo

CHARGE = 1.602176634e-19
CALLS = {"kinetic_monte_carlo": lambda *a: kinetic_monte_carlo(*a, seed=1), "master_equation": master_equation}


def small(sites, seed=0, coulomb=0.0, temperature=77.0, **changes):
    """Sites all bonded to each other and to three electrodes, rates within two decades, random levels and levers."""
    random = np.random.default_rng(seed)
    pairs = [(i, j) for i, j in itertools.combinations(range(sites + 3), 2) if i < sites]
    values = {
        "site_labels": tuple(f"s{k}" for k in range(sites)),
        "electrode_labels": ("e0", "e1", "e2"),
        "roles": ("output", "input", "control"),
        "levels": random.normal(0.0, 0.03, sites),
        "levers": random.dirichlet(np.ones(3), sites),
        "site_positions": np.full((sites, 2), np.nan),
        "electrode_positions": np.full((3, 2), np.nan),
        "bond_sites": np.array(pairs),
        "bond_laws": tuple(Hopping(1e-9 * 10 ** random.uniform(-2, 0)) for _ in pairs),
        "temperature": temperature,
    }
    return charged(Network(**(values | changes)), coulomb, seed)


def charged(network, size, seed=0):
    """Give a network random repulsion of a typical size in eV."""
    random, n = np.random.default_rng([seed, 1]), network.n_sites
    matrix = np.triu(size * random.uniform(0.5, 1.5, (n, n)), 1)
    return network.replace(coulomb=matrix + matrix.T, reference=random.uniform(0, 1, n))


def random_volts(count, seed=0, size=0.15, electrodes=3):
    return np.random.default_rng([seed, 2]).uniform(-size, size, (count, electrodes))


def brute_force(network, volts):
    """Solve the master equation from the total energy of each configuration alone: currents, occupations."""
    n, kt = network.n_sites, network.kT
    gate = network.levels + network.levers @ volts
    pairs, neutral = network.coulomb, network.reference
    configurations = list(itertools.product((0, 1), repeat=n))

    def energy(s):
        excess = np.array(s) - neutral
        return gate @ np.array(s) + 0.5 * excess @ pairs @ excess

    generator_matrix = np.zeros((2**n, 2**n))  # to, from
    flow = np.zeros((3, 2**n))
    for a, s in enumerate(configurations):
        for (i, j), law in zip(network.bond_sites.tolist(), network.bond_laws, strict=True):
            for source, target in ((i, j), (j, i)):
                after, cost, half = list(s), 0.0, 1.0
                for node, change in ((source, -1), (target, 1)):
                    if node < n:
                        after[node] += change
                    else:
                        cost, half = cost + change * volts[node - n], 0.5
                if min(after) < 0 or max(after) > 1:
                    continue
                z = -(energy(after) - energy(s) + cost) / (2 * kt)
                rate = half * law.rate / CHARGE * np.exp(z - np.sqrt(z**2 + 0.01) + 0.1)
                b = configurations.index(tuple(after))
                generator_matrix[b, a] += rate
                generator_matrix[a, a] -= rate
                for node, change in ((source, -1), (target, 1)):
                    if node >= n:
                        flow[node - n, a] += change * rate
    scale = np.abs(generator_matrix).max()
    rows = np.vstack([generator_matrix / scale, np.ones(2**n)])
    share = scipy.linalg.lstsq(rows, np.r_[np.zeros(2**n), 1.0])[0]
    return CHARGE * flow @ share, share @ np.array(configurations)


@pytest.mark.parametrize("coulomb", [0.0, 0.03])
@pytest.mark.parametrize("sites", [1, 2, 3, 5])
def test_master_equation_against_brute_force(sites, coulomb):
    network, volts = small(sites, sites, coulomb), random_volts(6, sites)
    found = master_equation(network, volts)
    for k, row in enumerate(volts):
        currents, occupations = brute_force(network, row)
        assert found.currents[k] == pytest.approx(currents, rel=1e-7, abs=1e-8 * np.abs(currents).max())
        assert found.occupations[k] == pytest.approx(occupations, abs=1e-9)


@pytest.mark.parametrize("coulomb", [0.0, 0.03])
def test_monte_carlo_within_its_errors(coulomb):
    network, volts = small(4, 1, coulomb), random_volts(40, 1)
    exact = master_equation(network, volts)
    found = kinetic_monte_carlo(network, volts, seed=3, events=80_000)
    off = (found.currents - exact.currents)[:, :2] / found.errors[:, :2]  # the third follows from Kirchhoff's law
    assert np.abs(off).max() < 4.5 and 0.75 < off.std() < 1.3
    assert found.errors == pytest.approx(0, abs=0.02 * np.abs(exact.currents).max())
    assert found.occupations == pytest.approx(exact.occupations, abs=0.03)
    assert np.abs(found.currents.sum(axis=1)).max() < 0.01 * np.abs(exact.currents).max()


def test_errors_fall_with_the_root_of_events():
    network, volts = small(3), random_volts(8)
    few, many = (kinetic_monte_carlo(network, volts, seed=0, events=n) for n in (4_000, 256_000))
    assert np.median(few.errors / many.errors) == pytest.approx(8, rel=0.3)
    assert many.events == 256_000 and (many.time > few.time).all()


@pytest.mark.parametrize("temperature", [77.0, 300.0])
@pytest.mark.parametrize("solve", [master_equation, lambda *a: kinetic_monte_carlo(*a, seed=5, events=200_000)])
def test_equal_voltages_are_equilibrium(solve, temperature):
    network = small(4, 2, temperature=temperature)
    volts = np.full(3, 0.07)
    found = solve(network, volts)
    fermi = 1 / (1 + np.exp((network.levels + network.levers @ volts - 0.07) / network.kT))
    sampled = hasattr(found, "errors")
    assert found.occupations == pytest.approx(fermi, abs=0.02 if sampled else 1e-12)
    limit = 4 * found.errors if sampled else 1e-20
    assert (np.abs(found.currents) <= limit).all()


def test_coulomb_equilibrium_is_gibbs():
    network = small(4, 3, coulomb=0.03)
    configurations = np.array(list(itertools.product((0, 1), repeat=4)))
    excess = configurations - network.reference
    energy = configurations @ network.levels + 0.5 * np.einsum("ki,ij,kj->k", excess, network.coulomb, excess)
    weight = np.exp(-energy / network.kT)
    gibbs = weight @ configurations / weight.sum()
    assert master_equation(network, np.zeros(3)).occupations == pytest.approx(gibbs, abs=1e-12)
    found = kinetic_monte_carlo(network, np.zeros(3), seed=1, events=200_000)
    assert found.occupations == pytest.approx(gibbs, abs=0.02)


def test_one_site_is_exact_in_the_mean_field():
    network, volts = small(1, 4), random_volts(20, 4, size=0.5)
    mean = network.solve(volts).currents
    assert mean == pytest.approx(master_equation(network, volts).currents, rel=1e-6, abs=1e-19)


@pytest.mark.parametrize(("fastest", "median", "most"), [(0, 1e-3, 0.05), (None, 0.02, 0.05)])
@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_mean_field_of_a_disc(temperature, fastest, median, most):
    """Ten dopants: correlations hardly touch the currents, least of all where rates without a limit span many decades.

    With the limit the largest deviation is told in median currents: some currents are small.
    """
    network = dopant_disc(1, dopants=10, temperature=temperature, fastest=fastest)
    volts = random_volts(12, 5, size=0.6, electrodes=8)
    exact = master_equation(network, volts).currents
    assert np.abs(exact.sum(axis=1)).max() < 1e-10 * np.abs(exact).max()
    mean, exact = network.output_current(volts), exact[:, network.output]
    assert np.median(np.abs(mean / exact - 1)) < median
    assert (np.abs(mean - exact) < most * (np.median(np.abs(exact)) if fastest is None else np.abs(exact))).all()


def test_a_point_does_not_depend_on_the_batch():
    network, volts = small(3), random_volts(4).reshape(2, 2, 3)
    whole = kinetic_monte_carlo(network, volts, seed=9, events=4_000)
    again = kinetic_monte_carlo(network, volts, seed=9, events=4_000)
    first = kinetic_monte_carlo(network, volts[0, 0], seed=9, events=4_000)
    assert whole.currents.shape == (2, 2, 3) and whole.occupations.shape == (2, 2, 3) and whole.time.shape == (2, 2)
    assert np.array_equal(whole.currents, again.currents) and np.array_equal(first.currents, whole.currents[0, 0])
    other = kinetic_monte_carlo(network, volts, seed=10, events=4_000)
    assert not np.array_equal(whole.currents, other.currents)


def test_nothing_counted_has_an_error():
    laws = tuple(Hopping(1e-9 if k < 2 else 1e-30) for k in range(3))
    network = small(1, bond_laws=laws, bond_sites=np.array([(0, 1), (0, 2), (0, 3)]))
    found = kinetic_monte_carlo(network, [0.1, 0.1, -0.1], seed=1, events=400)
    assert found.currents[2] == 0.0 and found.errors[2] == pytest.approx(CHARGE / found.time, rel=1e-9)


def test_a_frozen_network_is_said_so():
    network = small(2, temperature=0.01)
    with pytest.raises(HgeError, match=r"network.frozen.*raise temperature"):
        kinetic_monte_carlo(network, [1.0, 1.0, 1.0], seed=1)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("volts", [[1.0, 2.0], 0.0, [0.0, np.nan, 0.0], "no"])
def test_bad_voltages(call, volts):
    with pytest.raises(RequestError, match="bad-voltages"):
        call(small(2), volts)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_other_laws_are_refused(call):
    with pytest.raises(RequestError, match="not-hopping"):
        call(small(1, bond_laws=(Ohmic(1e-9),) * 3), np.zeros(3))


@pytest.mark.parametrize("change", [{"seed": -1}, {"seed": 1.5}, {"events": 39}, {"events": True}, {"warmup": -1}])
def test_bad_numbers(change):
    with pytest.raises(RequestError, match=next(iter(change)) if "seed" not in change else "bad-seed"):
        kinetic_monte_carlo(small(1), np.zeros(3), **({"seed": 1} | change))


def test_master_equation_refuses_what_it_cannot_hold():
    with pytest.raises(RequestError, match=r"too-large.*kinetic_monte_carlo"):
        master_equation(dopant_disc(1, dopants=13, electrodes=3, inputs=(1,)), np.zeros(3))
