"""Signatures of a device: against brute force, percolation theory and the theorem of monotone networks."""

import itertools

import numpy as np
import pytest
import scipy.sparse.linalg
import scipy.stats

from hgesim.errors import RequestError
from hgesim.learning import (
    Share,
    gate_abundance,
    hopping_exponent,
    hopping_film,
    input_sweeps,
    negative_slopes,
    random_voltages,
    separation,
    zero_bias_conductance,
)
from hgesim.loop import GATES
from hgesim.network import Hopping, Network, complete, dopant_disc, ohmic, random_geometric, sinh

EIGHT = {"electrodes": 8}


def ungated(network):
    return network.replace(levers=np.zeros_like(network.levers), site_leak=0.0)


MONOTONE = {
    "hopping, 77 K": lambda seed: ungated(dopant_disc(seed)),
    "hopping, 300 K": lambda seed: ungated(dopant_disc(seed, temperature=300.0)),
    "sinh": lambda seed: random_geometric(seed, 30, law=sinh(), **EIGHT),
    "ohmic": lambda seed: random_geometric(seed, 30, law=ohmic(), **EIGHT),
}


@pytest.mark.parametrize(("count", "total"), [(0, 10), (5, 10), (10, 10), (3, 2000), (1, 1)])
def test_interval_is_wilsons(count, total):
    wanted = scipy.stats.binomtest(count, total).proportion_ci(method="wilson")
    assert Share(count, total).interval == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert str(Share(count, total)).startswith(f"{count}/{total} = ")


def test_random_voltages():
    network = dopant_disc(1)
    drawn = random_voltages(network, 4000, seed=3, controls=0.4)
    assert drawn.shape == (4000, 5) and np.abs(drawn).max() <= 0.4 and np.abs(drawn).max() > 0.399
    assert scipy.stats.kstest(drawn.ravel() / 0.8 + 0.5, "uniform").pvalue > 1e-3
    assert np.array_equal(drawn[:10], random_voltages(dopant_disc(2), 4000, seed=3, controls=0.4)[:10])


def test_gate_abundance_is_what_scoring_finds():
    network, seed = dopant_disc(2), 4
    found = gate_abundance(network, 150, seed=seed, level=0.25, controls=0.5, margin=0.2)
    counts = dict.fromkeys(GATES, 0)
    for controls in random_voltages(network, 150, seed=seed, controls=0.5):
        volts = np.zeros((4, 8))
        volts[:, network.controls] = controls
        volts[:, network.inputs] = 0.25 * np.array(list(itertools.product((-1, 1), repeat=2)))
        outputs = network.output_current(volts)
        for gate, targets in GATES.items():
            counts[gate] += separation(outputs, targets) >= 0.2 * np.ptp(outputs)
    assert {gate: share.count for gate, share in found.items()} == counts
    assert counts["AND"] > 20 and counts["OR"] > 20


def test_xor_is_rarer_than_and():
    found = gate_abundance(dopant_disc(3), 600, seed=0)
    assert found["XOR"].count > 0 and found["XOR"].interval[1] < found["AND"].interval[0]


@pytest.mark.parametrize("kind", MONOTONE)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_slope_is_negative_without_gating(kind, seed):
    """The theorem, at random points: the Jacobian is an M-matrix, so that its inverse has one sign."""
    network = MONOTONE[kind](seed)
    volts = np.random.default_rng(seed).uniform(-1, 1, (200, network.n_electrodes))
    slope = network.gradient(volts)
    others = np.delete(slope, network.output, axis=1)
    assert (others >= -1e-12 * np.abs(slope[:, [network.output]])).all() and others.max() > 0
    assert (slope[:, network.output] < 0).all()
    assert not negative_slopes(network, volts).any()


@pytest.mark.parametrize("kind", MONOTONE)
def test_no_inverting_gate_without_gating(kind):
    network = MONOTONE[kind](1)
    found = gate_abundance(network, 500, seed=1, margin=0.01)
    assert [found[gate].count for gate in ("NAND", "NOR", "XOR", "XNOR")] == [0, 0, 0, 0]
    for electrode in network.inputs:
        sweep = input_sweeps(network, random_voltages(network, 40, seed=1), electrode=electrode)
        assert sweep.falls.max() < 1e-5 and np.ptp(sweep.currents, axis=1).min() > 0


def test_a_gated_device_has_negative_slopes():
    network = dopant_disc(1)
    controls = random_voltages(network, 60, seed=0)
    sweep = input_sweeps(network, controls, electrode="e5", points=41)
    assert 0.5 < (sweep.falls > 0.05).mean() < 1
    deepest = int(sweep.falls.argmax())
    volts = np.zeros((41, 8))
    volts[:, network.controls], volts[:, 5] = controls[deepest], sweep.voltages
    current = network.output_current(volts)
    assert sweep.currents[deepest] == pytest.approx(current, rel=1e-9)
    fall = max(current[k] - current[k:].min() for k in range(41)) / np.ptp(current)
    assert sweep.falls[deepest] == pytest.approx(fall, rel=1e-9) and fall > 0.5
    turn = volts[[int((np.gradient(current) / np.ptp(current)).argmin())]]
    assert negative_slopes(network, turn)[0, 5] and not negative_slopes(network, turn)[0, network.output]


@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_zero_bias_conductance_against_the_solver(temperature):
    """The solver's conductance matrix, row by row, with all electrodes but two left floating."""
    network = dopant_disc(1, dopants=12, electrodes=5, inputs=(1,), temperature=temperature, site_leak=0.0)
    roles = ["output", *["control"] * 4]
    rows = [network.replace(roles=np.roll(roles, k)).gradient(np.zeros(5)) for k in range(5)]
    matrix = -np.array(rows)
    assert matrix == pytest.approx(matrix.T, rel=1e-6, abs=1e-9 * np.abs(matrix).max())
    keep, rest = [0, 3], [1, 2, 4]
    schur = matrix[np.ix_(keep, keep)] - matrix[np.ix_(keep, rest)] @ np.linalg.solve(
        matrix[np.ix_(rest, rest)], matrix[np.ix_(rest, keep)]
    )
    found = zero_bias_conductance(network, "e0", "e3", [temperature])
    assert found == pytest.approx(-schur[0, 1], rel=1e-5)
    assert found == pytest.approx(zero_bias_conductance(network, 3, 0, [temperature]), rel=1e-12)


def test_zero_bias_conductance_against_a_sparse_laplacian():
    film = hopping_film(1, 80, width=0.1, localisation=8e-9)
    eps = np.r_[film.levels, 0, 0] / (2 * 8.617333262145179e-5 * 300)
    laplacian = np.zeros((82, 82))
    for (i, j), law in zip(film.bond_sites.tolist(), film.bond_laws, strict=True):
        rounded = np.hypot(eps[i] - eps[j], 0.1) - 0.1
        g = law.rate / (4 * 8.617333262145179e-5 * 300) * np.exp(-rounded) / np.cosh(eps[i]) / np.cosh(eps[j])
        laplacian[[i, j], [i, j]] += g
        laplacian[[i, j], [j, i]] -= g
    volts = np.zeros(82)
    volts[81] = 1.0
    inside = scipy.sparse.csc_array(laplacian[:80, :80])
    volts[:80] = scipy.sparse.linalg.spsolve(inside, -laplacian[:80, 81])
    assert zero_bias_conductance(film, "left", "right", [300.0])[0] == pytest.approx(-laplacian[80] @ volts, rel=1e-9)
    assert zero_bias_conductance(film, 0, 1, [77.0])[0] == pytest.approx(film.gradient(np.zeros(2))[1], rel=1e-6)


def test_a_chain_over_many_decades():
    rates = [1e-3, 1e-60, 1e-20, 1e-100, 1e-6]
    chain = Network(
        site_labels=tuple("abcd"),
        electrode_labels=("left", "right"),
        roles=("output", "control"),
        levels=np.zeros(4),
        levers=np.zeros((4, 2)),
        site_positions=np.zeros((4, 2)),
        electrode_positions=np.zeros((2, 2)),
        bond_sites=np.array([(4, 0), (0, 1), (1, 2), (2, 3), (3, 5)]),
        bond_laws=tuple(Hopping(rate) for rate in rates),
    )
    series = 1 / sum(1 / (rate / (4 * chain.kT)) for rate in rates)
    assert zero_bias_conductance(chain, 0, 1, [77.0])[0] == pytest.approx(series, rel=1e-9)


@pytest.mark.parametrize("exponent", [0.25, 1 / 3, 0.5, 1.0])
def test_exponent_of_made_up_data(exponent):
    random, kelvin = np.random.default_rng(1), np.geomspace(50, 200, 8)
    clean = np.exp(3.0 - (2000.0 / kelvin) ** exponent) / kelvin
    found = hopping_exponent(kelvin, clean[None])
    assert found.exponent == pytest.approx(exponent, abs=1e-3)
    assert found.scale == pytest.approx(2000.0, rel=0.02) and found.constant == pytest.approx(3.0, abs=0.03)
    off = []
    for _ in range(60):
        fit = hopping_exponent(kelvin, clean * np.exp(random.normal(0, 0.05, (40, 8))))
        off.append((fit.exponent - exponent) / fit.error)
    assert 0.7 < np.std(off) < 1.4 and abs(np.mean(off)) < 0.5


def test_films_obey_motts_law():
    """A flat density of states in two dimensions: exponent 1/3 and T0 = 13.8/(k g a^2), from percolation theory."""
    kelvin = np.array([50.0, 70.0, 100.0, 140.0, 200.0])
    siemens = np.array([zero_bias_conductance(hopping_film(s, 200), 0, 1, kelvin) for s in range(50)])
    found = hopping_exponent(kelvin, siemens)
    assert abs(found.exponent - 1 / 3) < 3 * found.error and found.error < 0.08
    slope = np.polyfit(kelvin ** (-1 / 3), np.log(siemens * kelvin).mean(axis=0), 1)[0]
    density_of_states = 0.025e18 / 0.5  # 1/(eV m^2)
    assert (-slope) ** 3 == pytest.approx(13.8 / (8.617e-5 * density_of_states * (3e-9) ** 2), rel=0.25)


def test_films_of_tight_sites_are_activated():
    """Hops beyond the next site cost more than any level: the energy to be climbed does not depend on temperature."""
    kelvin = np.array([150.0, 180.0, 220.0, 260.0, 300.0])
    films = [hopping_film(s, 100, localisation=0.5e-9, width=0.1) for s in range(24)]
    found = hopping_exponent(kelvin, [zero_bias_conductance(film, 0, 1, kelvin) for film in films])
    assert found.exponent > 0.7


BAD = {
    "share": (lambda: Share(3, 2), "bad-value"),
    "no trial": (lambda: Share(0, 0), "bad-value"),
    "settings": (lambda: gate_abundance(dopant_disc(1), 0, seed=1), "bad-value"),
    "seed": (lambda: gate_abundance(dopant_disc(1), 5, seed=-1), "bad-seed"),
    "margin": (lambda: gate_abundance(dopant_disc(1), 5, seed=1, margin=1.5), "task.bad-value"),
    "level": (lambda: gate_abundance(dopant_disc(1), 5, seed=1, level=0), "task.bad-value"),
    "range": (lambda: random_voltages(dopant_disc(1), 5, seed=1, controls=np.nan), "controls"),
    "inputs": (lambda: gate_abundance(complete(3, electrodes=2), 5, seed=1), "signatures.inputs"),
    "tolerance": (lambda: negative_slopes(dopant_disc(1), np.zeros(8), tolerance=-1), "tolerance"),
    "voltages": (lambda: negative_slopes(dopant_disc(1), np.zeros(7)), "bad-voltages"),
    "controls": (lambda: input_sweeps(dopant_disc(1), np.zeros(5), electrode=2), "controls"),
    "words": (lambda: input_sweeps(dopant_disc(1), "no", electrode=2), "controls"),
    "electrode": (lambda: input_sweeps(dopant_disc(1), np.zeros((1, 5)), electrode="e9"), "no-electrode"),
    "output": (lambda: input_sweeps(dopant_disc(1), np.zeros((1, 5)), electrode=0), "electrode"),
    "points": (lambda: input_sweeps(dopant_disc(1), np.zeros((1, 5)), electrode=1, points=1), "points"),
    "sweep": (lambda: input_sweeps(dopant_disc(1), np.zeros((1, 5)), electrode=1, level=-1), "level"),
    "sites": (lambda: hopping_film(1, 0), "sites"),
    "film seed": (lambda: hopping_film(-1), "bad-seed"),
    "density": (lambda: hopping_film(1, 9, density=0), "density"),
    "width": (lambda: hopping_film(1, 9, width=-1), "width"),
    "localisation": (lambda: hopping_film(1, 9, localisation="3 nm"), "localisation"),
    "cutoff": (lambda: hopping_film(1, 9, cutoff=np.inf), "cutoff"),
    "lonely": (lambda: hopping_film(1, 30, cutoff=1e-12), "isolated-site|disconnected"),
    "same": (lambda: zero_bias_conductance(dopant_disc(1), 0, "e0", [77.0]), "second"),
    "no electrode": (lambda: zero_bias_conductance(dopant_disc(1), 0, "x", [77.0]), "no-electrode"),
    "cold": (lambda: zero_bias_conductance(dopant_disc(1), 0, 1, [0.0]), "temperatures"),
    "repulsion": (lambda: zero_bias_conductance(dopant_disc(1, coulomb=True), 0, 1, [77.0]), "interact"),
    "law": (lambda: zero_bias_conductance(complete(3), 0, 1, [77.0]), "not-hopping"),
    "few": (lambda: hopping_exponent([1, 2, 3], np.ones((2, 3))), "temperatures"),
    "shape": (lambda: hopping_exponent([1, 2, 3, 4], np.ones((2, 3))), "conductances"),
    "sign": (lambda: hopping_exponent([1, 2, 3, 4], -np.ones((2, 4))), "conductances"),
    "resamples": (lambda: hopping_exponent([1, 2, 3, 4], np.ones((2, 4)), resamples=1), "resamples"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused(name):
    call, word = BAD[name]
    with pytest.raises(RequestError, match=word) as caught:
        call()
    assert "\n" not in str(caught.value)
