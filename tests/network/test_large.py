"""Sparse matrices against dense ones, and a thousand dopants in bounded memory."""

from __future__ import annotations

import resource

import numpy as np
import pytest

from hgesim.network import Network, Nmos, dopant_disc, equations, lattice, random_geometric, sinh, with_gates


def random_volts(network: Network, count: int, size: float = 0.5) -> np.ndarray:
    return np.random.default_rng(3).uniform(-size, size, (count, network.n_electrodes))


@pytest.mark.parametrize(
    "network",
    [
        dopant_disc(2, dopants=25),
        dopant_disc(3, dopants=25, temperature=300.0, site_leak=1e-11),
        lattice(5, 6, law=sinh(scale=0.05)),
        with_gates(random_geometric(5, 12, electrodes=4), Nmos(body=-0.6), groups=[b % 5 for b in range(17)]),
    ],
)
def test_sparse_is_what_dense_gives(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    volts = random_volts(network, 8)
    dense, gradient = network.solve(volts), network.gradient(volts)
    monkeypatch.setattr(equations, "SPARSE_SITES", 5)
    sparse = network.solve(volts)
    for name in ("currents", "potentials", "levels", "occupations"):
        one, other = getattr(sparse, name), getattr(dense, name)
        assert np.abs(one - other).max() <= 1e-9 * np.abs(other).max()
    assert np.abs(network.gradient(volts) - gradient).max() < 1e-9 * np.abs(gradient).max()
    assert network.solve(volts, start=sparse.potentials).iterations < sparse.iterations
    far = network.solve(volts[:1], start=np.full(network.n_sites, 20.0))
    assert far.potentials == pytest.approx(sparse.potentials[:1], abs=1e-7)


@pytest.mark.slow
def test_a_thousand_dopants() -> None:
    network = dopant_disc(1, dopants=1000, radius="350 nm", cutoff="30 nm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    current, gradient, _ = network.output_and_gradient(random_volts(network, 2))
    assert np.isfinite(current).all() and np.isfinite(gradient).all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300e3  # kilobytes
