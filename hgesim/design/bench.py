"""The network alone: no electronics, no dither, operating points at given electrode voltages."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hgesim.circuit import Element, Table, VoltageSource, electrode_net, level_net, occupation_net
from hgesim.design.circuit import CaseSweep, Circuit
from hgesim.design.expand import interacting_sites, network_elements
from hgesim.errors import RequestError
from hgesim.network import Hopping, Network

__all__ = ["network_bench"]

# Steps of half a kT/e cost fewest Newton iterations in all: larger ones fall back to gmin stepping too often. Other
# laws have scales of their own in its place.
_STEP_IN_SCALES = 0.5

# volt: an upper limit of the rounding of a potential in SPICE. It moves the current of a bond by that times its slope,
# in every iteration: no less can be asked of an electrode's current, or iterations never end.
_ROUNDING = 1e-15


def network_bench(network: Network, voltages: ArrayLike, temperature: float = 300.0) -> Circuit:
    """Make the circuit that checks what a network does by itself.

    Parameters
    ----------
    network : Network
        The device.
    voltages : array, (P, E)
        Electrode voltages of P operating points, in volt.
    temperature : float
        Of the simulator, in kelvin. Foundry transistors have it, and their exact solution is that of 300 K; hopping and
        diodes have the network's, the other laws none.

    Returns
    -------
    Circuit
        A sweep over the points, from one to the next: where several states of interacting sites fit a point, the one
        that the way leads to. It begins at zero volt in the state of `Network.solve`. The current of source
        ``v_<electrode>`` is probed: SPICE counts it into the source's positive end, which is the current out of the
        network into that electrode.
    """
    table = np.asarray(voltages, dtype=float)
    if table.ndim != 2 or table.shape[1] != network.n_electrodes or not len(table) or not np.isfinite(table).all():
        raise RequestError(
            "design.bad-voltages", f"shape {table.shape}", remedy=f"finite, (points, {network.n_electrodes})"
        )
    moves = np.abs(np.diff(table, axis=0, prepend=np.zeros((1, network.n_electrodes))))
    farthest = moves.max(axis=1) / (_STEP_IN_SCALES * network.voltage_scale)
    substeps = tuple(max(1, int(count)) for count in np.ceil(farthest))
    sources: list[Element] = [
        VoltageSource(f"v_{label}", electrode_net(label), "0", Table(tuple(column.tolist())), f"electrode {label}")
        for label, column in zip(network.electrode_labels, table.T, strict=True)
    ]
    probes = tuple(f"i(v_{label})" for label in network.electrode_labels)
    return Circuit(
        "network alone, operating points",
        (*network_elements(network), *sources),
        CaseSweep(len(table), substeps, _tolerance(network)),
        probes,
        _rest(network),
        temperature=temperature,
        bond_temperature=network.temperature,
    )


def _tolerance(network: Network) -> float:
    """Return to which change in ampere SPICE can settle the currents of the electrodes; never below 1e-16."""
    ends = network.bond_sites.max(axis=1)
    rates = [
        law.rate
        for law, end in zip(network.bond_laws, ends.tolist(), strict=True)
        if isinstance(law, Hopping) and end >= network.n_sites
    ]
    steepest = max(rates, default=0.0) / (4.0 * network.kT)  # where the site's level is near its potential
    return max(1e-16, _ROUNDING * steepest)


def _rest(network: Network) -> tuple[tuple[str, float], ...]:
    """Return where interacting sites are at zero volt: they may have several operating points there."""
    if not network.interacts:
        return ()
    at_rest, sites = network.solve(np.zeros(network.n_electrodes)), sorted(interacting_sites(network))
    labels = [network.site_labels[number] for number in sites]
    return tuple(
        (net(label), float(values[number]))
        for net, values in ((level_net, at_rest.levels), (occupation_net, at_rest.occupations))
        for number, label in zip(sites, labels, strict=True)
    )
