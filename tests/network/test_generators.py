"""Generated networks: reproducible, as described, and refused where they cannot be drawn."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.network import (
    DiscParameters,
    Hopping,
    Ohmic,
    Sinh,
    complete,
    dopant_disc,
    hopping,
    lattice,
    ohmic,
    random_geometric,
    sinh,
)
from hgesim.network.disc import typical_spread
from hgesim.seeds import generator

MAKERS = {
    "disc": lambda seed: dopant_disc(seed, dopants=8),
    "lattice": lambda seed: lattice(3, 4, seed=seed),
    "random_geometric": lambda seed: random_geometric(seed, 12),
    "complete": lambda seed: complete(5, seed=seed),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_same_seed_same_device_other_seed_another(kind):
    make = MAKERS[kind]
    assert make(1).digest == make(1).digest
    assert len({make(seed).digest for seed in range(5)}) == 5


def test_the_same_bytes_in_another_process():
    code = "from hgesim.network import dopant_disc; print(dopant_disc(3, dopants=6).digest)"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == dopant_disc(3, dopants=6).digest


def test_the_disc_is_as_described():
    network = dopant_disc(11)
    sites, rim = network.site_positions, network.electrode_positions
    assert (network.n_sites, network.n_electrodes, network.inputs, network.output) == (20, 8, (2, 5), 0)
    assert network.controls == (1, 3, 4, 6, 7)
    assert np.all(np.linalg.norm(sites, axis=1) < 50e-9)
    gaps = np.linalg.norm(sites[:, None] - sites, axis=2)[np.triu_indices(20, 1)]
    assert gaps.min() > 3e-9
    assert rim[0] == pytest.approx([52.5e-9, 0.0])
    assert rim[2] == pytest.approx([0.0, 52.5e-9], abs=1e-20)  # counter-clockwise
    assert network.levers.sum(axis=1) == pytest.approx(np.ones(20))
    nearest = np.linalg.norm(sites[:, None] - rim, axis=2).argmin(axis=1)
    assert network.levers.argmax(axis=1).tolist() == nearest.tolist()
    nodes = np.vstack([sites, rim])
    pairs = [
        (i, j) for i, j in itertools.combinations(range(28), 2) if i < 20 and np.hypot(*(nodes[i] - nodes[j])) < 40e-9
    ]
    assert network.bond_sites.tolist() == [list(pair) for pair in pairs]
    frequency = dict(network.meta)["attempt_frequency"]
    assert float(f"{frequency:.6g}") == frequency  # the last bits of a linear solver must not make another device
    for (i, j), law in zip(pairs, network.bond_laws, strict=True):
        overlap = np.exp(-2 * np.hypot(*(nodes[i] - nodes[j])) / 3e-9)
        hops = min(frequency * overlap, 1e13)  # no faster than phonons
        assert law == Hopping(pytest.approx(1.602176634e-19 * hops, rel=1e-9))
    assert dict(network.meta)["fastest"] == 1e13


def test_the_limit_of_hops():
    """Rates are the smaller of the tunnelling rate and the limit, and outputs are still of the size asked for."""
    free, tight = dopant_disc(11, fastest=0), dopant_disc(11)
    assert max(law.rate for law in free.bond_laws) > 1e-4
    ratio = dict(tight.meta)["attempt_frequency"] / dict(free.meta)["attempt_frequency"]
    for before, after in zip(free.bond_laws, tight.bond_laws, strict=True):
        assert after.rate == pytest.approx(min(before.rate * ratio, 1.602176634e-19 * 1e13), rel=1e-9)
    assert typical_spread(tight, generator(11, "network", "calibration")) == pytest.approx(50e-9, rel=2e-3)
    sparse = dopant_disc(5, dopants=5, electrodes=5, inputs=(1, 3))  # by decades more where the current takes it
    assert dict(sparse.meta)["fastest"] == 1e14
    with pytest.raises(RequestError, match=r"network\.too-weak.*fastest"):
        dopant_disc(5, dopants=5, electrodes=5, inputs=(1, 3), fastest=1e13)
    for value in (-1.0, "1 nA", math.nan):
        with pytest.raises(RequestError, match="fastest"):
            dopant_disc(1, fastest=value)


def test_disorder_is_normal_and_streams_are_independent():
    levels = np.concatenate([dopant_disc(seed, disorder="30 meV").levels for seed in range(20)])
    assert levels.std() == pytest.approx(0.03, rel=0.15)
    assert abs(levels.mean()) < 0.006
    plain, rough = dopant_disc(4, disorder=0.0), dopant_disc(4, disorder=0.1)
    assert plain.site_positions.tolist() == rough.site_positions.tolist()
    assert not plain.levels.any()


@pytest.mark.parametrize("temperature", [77.0, 300.0])
def test_the_typical_spread_is_the_current_asked_for(temperature):
    network, free = (dopant_disc(6, current="20 nA", temperature=temperature, fastest=f) for f in (None, 0))
    random = np.random.default_rng(5)
    volts = np.zeros((400, 4, 8))
    volts[:, :, [1, 3, 4, 6, 7]] = random.uniform(-0.6, 0.6, (400, 1, 5))
    volts[:, :, [2, 5]] = [(-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)]
    for one in (network, free):
        typical = np.median(one.output_current(volts).std(axis=1))
        assert 0.5 < typical / 20e-9 < 2.0  # other settings than those of the calibration
    doubled = dopant_disc(6, current="40 nA", temperature=temperature, fastest=0)
    assert doubled.output_current(volts) == pytest.approx(2 * free.output_current(volts), rel=1e-3, abs=1e-13)


def test_the_default_leak_is_too_small_to_see():
    for seed in (2, 3, 4):
        network = dopant_disc(seed)
        volts = np.random.default_rng(seed).uniform(-1, 1, (100, 8))
        change = network.output_current(volts) - network.replace(site_leak=0.0).output_current(volts)
        assert np.abs(change).max() < 1e-4 * 50e-9


def test_short_cutoffs_are_mended_by_the_shortest_gaps():
    network = dopant_disc(1, dopants=10, cutoff="8 nm")
    assert np.bincount(network.bond_sites.ravel()).min() >= 1
    assert np.isfinite(network.solve(np.linspace(-0.1, 0.1, 8)).currents).all()


def test_one_dopant_two_electrodes():
    network = dopant_disc(1, dopants=1, electrodes=2, inputs=(1,))
    assert network.n_bonds == 2
    assert dopant_disc(1, dopants=3, electrodes=3, inputs=()).inputs == ()


def test_parameters_as_a_value():
    parameters = DiscParameters(dopants=7, radius="40 nm")
    assert parameters.radius == 40e-9
    assert dopant_disc(1, parameters) == dopant_disc(1, dopants=7, radius=40e-9)
    assert dopant_disc(1, parameters, dopants=9).n_sites == 9


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dopant": 3}, "network.unknown-field"),
        ({"dopants": 0}, "network.bad-value"),
        ({"dopants": 2.5}, "network.bad-value"),
        ({"electrodes": 1}, "network.bad-value"),
        ({"electrodes": 4}, "network.no-electrode"),
        ({"inputs": (0,)}, "network.no-electrode"),
        ({"inputs": (2, 2)}, "network.no-electrode"),
        ({"radius": -1e-9}, "network.bad-value"),
        ({"radius": "5 V"}, "units.wrong-unit"),
        ({"localisation": 0}, "network.bad-value"),
        ({"localisation": "0.05 nm"}, "network.bad-value"),
        ({"current": float("nan")}, "units.not-finite"),
        ({"temperature": 0}, "network.bad-value"),
        ({"spacing": "40 nm"}, "network.crowded"),
    ],
)
def test_discs_that_cannot_be_drawn(changes, code):
    with pytest.raises(RequestError) as caught:
        dopant_disc(1, **changes)
    assert caught.value.code == code


@pytest.mark.parametrize("seed", [-1, 1.5, "one", None])
def test_bad_seeds(seed):
    for make in MAKERS.values():
        with pytest.raises(RequestError, match=r"network\.bad-seed"):
            make(seed)


@pytest.mark.parametrize("electrodes", [2, 3, 4, 7, 12])
@pytest.mark.parametrize(("law", "kind"), [(ohmic(), Ohmic), (sinh(), Sinh)])
def test_resistive_generators(electrodes, law, kind):
    for network in (
        lattice(3, 3, electrodes=electrodes, law=law),
        random_geometric(2, 9, electrodes=electrodes, law=law, reach=0.3),
        complete(6, electrodes=electrodes, law=law),
    ):
        assert network.n_electrodes == electrodes
        assert network.roles[0] == "output"
        assert len(network.inputs) == min(2, electrodes - 1)
        assert all(isinstance(one, kind) for one in network.bond_laws)
        assert not network.levers.any()
        volts = np.eye(electrodes)[1]
        assert network.output_current(volts) > 0  # one piece: every electrode is heard


def test_counts_of_bonds_and_disorder():
    assert lattice(4, 5, electrodes=6).n_bonds == 4 * 4 + 3 * 5 + 6
    assert complete(7, electrodes=3).n_bonds == 21 + 3
    values = np.log([one.conductance for one in complete(40, law=ohmic(2e-6, 0.4)).bond_laws])
    assert values.std() == pytest.approx(0.4, rel=0.1)
    assert np.exp(values.mean()) == pytest.approx(2e-6, rel=0.1)
    assert {one.conductance for one in lattice(2, 2, law=ohmic(1e-6, 0.0)).bond_laws} == {1e-6}


def test_geometric_hopping_is_gated():
    network = random_geometric(3, 15, law=hopping())
    assert all(isinstance(one, Hopping) for one in network.bond_laws)
    assert network.levers.sum(axis=1) == pytest.approx(np.ones(15))


@pytest.mark.parametrize(
    "make",
    [
        lambda: lattice(0, 3),
        lambda: lattice(2, 2.5),
        lambda: lattice(2, 2, electrodes=1),
        lambda: random_geometric(1, 0),
        lambda: random_geometric(1, 5, reach=-1),
        lambda: random_geometric(1, 5, radius=0),
        lambda: complete(0),
    ],
)
def test_resistive_nonsense(make):
    with pytest.raises(RequestError, match=r"network\.bad-value"):
        make()


@pytest.mark.parametrize("law", [ohmic(-1e-6), sinh(scale=0.0), hopping(rate=float("nan"))])
def test_factories_that_make_bad_bonds(law):
    with pytest.raises(RequestError, match=r"network\.bad-bond"):
        complete(3, law=law)
