"""How a transient begins: the network at its own exact operating point."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hgesim.circuit import (
    Dc,
    Element,
    StartSwitch,
    VoltageSource,
    electrode_net,
    level_net,
    occupation_net,
    site_net,
)
from hgesim.design.expand import interacting_sites, level_sites
from hgesim.loop.wiring import START_GATE
from hgesim.network import Network

__all__ = ["held_start"]


def held_start(network: Network, voltages: ArrayLike) -> tuple[tuple[Element, ...], tuple[tuple[str, float], ...]]:
    """Return what holds the sites at the network's own operating point at time 0, and a first guess of all its nets.

    A hopping network's operating point is hard to find from afar; beside a loop it would have to be found together
    with all the electronics. So the sites are held (to the microvolt) where the exact solution has them until the
    start gate lets go, nanoseconds later and long before anything is learnt.

    Parameters
    ----------
    network : Network
        The device.
    voltages : array, (E,)
        Of its electrodes at time 0, in volt.
    """
    volts = np.asarray(voltages, dtype=float)
    solution = network.solve(volts)
    potentials, levels, occupations = (
        np.round(values, 6).tolist() for values in (solution.potentials, solution.levels, solution.occupations)
    )
    with_level, with_occupation = level_sites(network), interacting_sites(network)
    guess = dict(zip(map(electrode_net, network.electrode_labels), volts.tolist(), strict=True))
    held: list[Element] = []
    for number, label in enumerate(network.site_labels):
        guess[site_net(label)] = potentials[number]
        if number in with_level:
            guess[level_net(label)] = levels[number]
        if number in with_occupation:
            guess[occupation_net(label)] = occupations[number]
        held += [
            VoltageSource(f"v_at_{label}", f"at_{label}", "0", Dc(potentials[number]), f"start of site {label}"),
            StartSwitch(f"s_at_{label}", site_net(label), f"at_{label}", START_GATE, f"start of site {label}"),
        ]
    return tuple(held), tuple(guess.items())
