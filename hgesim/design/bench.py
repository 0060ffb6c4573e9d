"""The network alone: no electronics, no dither, operating points at given electrode voltages."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hgesim.circuit import Element, Table, VoltageSource, electrode_net
from hgesim.design.circuit import CaseSweep, Circuit
from hgesim.design.expand import network_elements
from hgesim.errors import RequestError
from hgesim.network import Network

__all__ = ["network_bench"]

# Steps of half a kT/e cost fewest Newton iterations in all: larger ones fall back to gmin stepping too often. Other
# laws have scales of their own in its place.
_STEP_IN_SCALES = 0.5


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
        A sweep over the points. The current of source ``v_<electrode>`` is probed: SPICE counts it into the source's
        positive end, which is the current out of the network into that electrode.
    """
    table = np.asarray(voltages, dtype=float)
    if table.ndim != 2 or table.shape[1] != network.n_electrodes or not len(table) or not np.isfinite(table).all():
        raise RequestError(
            "design.bad-voltages", f"shape {table.shape}", remedy=f"finite, (points, {network.n_electrodes})"
        )
    moves = np.abs(np.diff(table, axis=0, prepend=np.zeros((1, network.n_electrodes))))
    substeps = max(1, int(np.ceil(moves.max() / (_STEP_IN_SCALES * network.voltage_scale))))
    sources: list[Element] = [
        VoltageSource(f"v_{label}", electrode_net(label), "0", Table(tuple(column.tolist())), f"electrode {label}")
        for label, column in zip(network.electrode_labels, table.T, strict=True)
    ]
    probes = tuple(f"i(v_{label})" for label in network.electrode_labels)
    return Circuit(
        "network alone, operating points",
        (*network_elements(network), *sources),
        CaseSweep(len(table), substeps),
        probes,
        temperature=temperature,
        bond_temperature=network.temperature,
    )
