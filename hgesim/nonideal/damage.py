"""A device with broken bonds and lost electrodes: the network that the loop, and the exact solution, then have."""

from __future__ import annotations

import dataclasses

import numpy as np

from hgesim.errors import RequestError, nearest
from hgesim.network import Gf180Nmos, Law, Measured, Network
from hgesim.nonideal.chip import Nonideal
from hgesim.seeds import generator

__all__ = ["damaged"]

# What is broken still conducts this share: every site keeps a potential, and no current that anything could measure.
_LEFT = 1e-9
_SCALES = ("rate", "conductance", "saturation", "minimum", "maximum", "gain")


def damaged(network: Network, chip: Nonideal) -> Network:
    """Return a network with its broken bonds, and without the electrodes that have lost contact.

    Parameters
    ----------
    network : Network
        The whole device.
    chip : Nonideal
        ``broken_bonds`` is the chance of each bond to be broken, drawn by the labels of its ends; the electrodes
        ``lost`` have no contact to any bond and lift no level.

    Returns
    -------
    Network
        With the same sites, electrodes and bonds; those that are broken carry 1e-9 of their current. Damage done twice
        is damage done once: the network says in its ``meta`` what was done.

    Raises
    ------
    RequestError
        ``nonideal.no-electrode`` for a lost electrode that is not there or is the output, ``nonideal.no-law`` for a
        broken foundry transistor.
    """
    if not (chip.size("broken_bonds") or chip.lost):
        return network
    mark = ("damage", chip.damage)
    if mark in network.meta:
        return network
    for label in chip.lost:
        others = [name for k, name in enumerate(network.electrode_labels) if k != network.output]
        if label not in others:
            raise RequestError(
                "nonideal.no-electrode",
                f'"{label}" is {"the output" if label in network.electrode_labels else "no electrode"}',
                place="nonideal.lost",
                remedy=nearest(label, others),
            )
    gone = {network.n_sites + network.electrode_labels.index(label) for label in chip.lost}
    laws = [
        _broken(law) if gone & set(ends) or _breaks(network, number, chip) else law
        for number, (ends, law) in enumerate(zip(network.bond_sites.tolist(), network.bond_laws, strict=True))
    ]
    levers = np.array(network.levers)
    levers[:, [node - network.n_sites for node in sorted(gone)]] = 0.0
    return dataclasses.replace(network, bond_laws=tuple(laws), levers=levers, meta=(*network.meta, mark))


def _breaks(network: Network, number: int, chip: Nonideal) -> bool:
    labels = network.site_labels + network.electrode_labels
    ends = network.bond_sites[number].tolist()
    same = int((network.bond_sites[:number] == ends).all(axis=1).sum())  # bonds between the same two nodes
    place = (labels[ends[0]], labels[ends[1]], str(same))
    return bool(generator(chip.seed, "nonideal", "broken_bonds", *place).uniform() < chip.size("broken_bonds"))


def _broken(law: Law) -> Law:
    if isinstance(law, Gf180Nmos):
        raise RequestError(
            "nonideal.no-law", "a foundry transistor has no current to scale", place="nonideal.broken_bonds"
        )
    if isinstance(law, Measured):
        rows = (row.split() for row in law.table.split(";"))
        return dataclasses.replace(law, table="; ".join(f"{volt} {float(ampere) * _LEFT!r}" for volt, ampere in rows))
    values = {name: getattr(law, name) * _LEFT for name in _SCALES if hasattr(law, name)}
    return dataclasses.replace(law, **values)
