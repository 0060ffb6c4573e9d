"""Networks whose edges are transistors: every bond gets an electrode that sets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hgesim.errors import RequestError
from hgesim.network.checks import is_whole
from hgesim.network.laws import FloatArray
from hgesim.network.model import Network
from hgesim.network.transistors import Gf180Nmos, Nmos

__all__ = ["with_gates"]


def with_gates(network: Network, law: Nmos | Gf180Nmos | None = None, groups: Sequence[int] | None = None) -> Network:
    """Replace every bond by a transistor whose gate is a new control electrode.

    Parameters
    ----------
    network : Network
        Its bonds tell which nodes are joined, whatever their laws.
    law : Nmos or Gf180Nmos, optional
        The transistor; its gate is set here. By default ``Nmos()``.
    groups : sequence of int, optional
        Number of the gate of each bond, from 0 without gaps: bonds of one number share a gate. By default each has
        its own.

    Returns
    -------
    Network
        With electrodes ``g0``, ``g1``, ... after those of `network`, each where its bonds are in the mean.

    Raises
    ------
    RequestError
        ``network.bad-value`` for groups that are not one number for each bond, or no transistor; what `Network`
        refuses.
    """
    law = Nmos() if law is None else law
    if not isinstance(law, Nmos | Gf180Nmos):
        raise RequestError("network.bad-value", f"{law!r} is no transistor", place="law", remedy="Nmos or Gf180Nmos")
    numbers = list(range(network.n_bonds)) if groups is None else list(groups) if np.iterable(groups) else []
    whole = len(numbers) == network.n_bonds and all(is_whole(number) for number in numbers)
    count = len(set(numbers)) if whole else 0
    if not whole or set(numbers) != set(range(count)):
        remedy = f"{network.n_bonds} whole numbers, from 0 without gaps"
        raise RequestError("network.bad-value", "not one gate for each bond", place="groups", remedy=remedy)
    gates = tuple(f"g{number}" for number in range(count))
    return network.replace(
        electrode_labels=network.electrode_labels + gates,
        roles=network.roles + ("control",) * count,
        levers=np.hstack([network.levers, np.zeros((network.n_sites, count))]),
        electrode_positions=np.vstack([network.electrode_positions, _middles(network, numbers)]),
        bond_laws=tuple(replace(law, gate=gates[number]) for number in numbers),
    )


def _middles(network: Network, numbers: Sequence[int]) -> FloatArray:
    positions = np.vstack([network.site_positions, network.electrode_positions])
    middle = positions[network.bond_sites].mean(axis=1)
    return np.array([middle[np.equal(numbers, number)].mean(axis=0) for number in range(len(set(numbers)))])
