"""What makes a network one that can be solved and built: one clear error for everything that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import RequestError, nearest
from hgesim.names import check_label, check_unique
from hgesim.network.laws import Hopping, gate_label, law_problem

if TYPE_CHECKING:
    from hgesim.network.model import Network

__all__ = ["ROLES", "check_count", "check_network", "components", "is_whole"]

ROLES = ("output", "input", "control", "ground")


def is_whole(value: object) -> bool:
    """Tell whether a value is an integer of any kind, but no truth value."""
    return hasattr(value, "__index__") and not isinstance(value, bool | np.ndarray)


def check_count(value: object, least: int, place: str) -> int:
    """Return a whole number of at least `least`.

    Raises
    ------
    RequestError
        ``network.bad-value``, or ``network.bad-seed`` where the place is ``seed``.
    """
    if not is_whole(value) or int(value) < least:  # type: ignore[call-overload]
        code = "network.bad-seed" if place == "seed" else "network.bad-value"
        raise RequestError(code, f"{value!r}", place=place, remedy=f"a whole number, at least {least}")
    return int(value)  # type: ignore[call-overload]


def components(nodes: int, bonds: NDArray[np.integer]) -> list[list[int]]:
    """Return the connected groups of nodes, each ascending, in the order of their first nodes.

    Parameters
    ----------
    nodes : int
        How many there are.
    bonds : ndarray of int, (B, 2)
        Nodes at the ends.
    """
    parent = list(range(nodes))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for i, j in bonds.tolist():
        parent[root(i)] = root(j)
    groups: dict[int, list[int]] = {}
    for node in range(nodes):
        groups.setdefault(root(node), []).append(node)
    return list(groups.values())


def check_network(network: Network) -> None:
    """Refuse a network that cannot be solved or built.

    Raises
    ------
    RequestError
        One of ``network.bad-shape``, ``bad-value``, ``no-output``, ``two-outputs``, ``bad-role``, ``bad-bond``,
        ``self-loop``, ``floating-electrode``, ``isolated-site``, ``disconnected``, ``bad-meta``, each with the node
        or bond, or a ``names.`` error.
    """
    _check_labels(network)
    _check_shapes(network)
    _check_values(network)
    _check_bonds(network)
    _check_paths(network)
    for name, value in network.meta:
        if not isinstance(name, str) or not isinstance(value, bool | int | float | str):
            raise RequestError("network.bad-meta", f"{value!r} cannot be stored", place=f"meta {name}")


def _check_labels(network: Network) -> None:
    for kind, labels in (("site", network.site_labels), ("electrode", network.electrode_labels)):
        for label in labels:
            check_label(label, place=f"label of a {kind}")
    check_unique(network.site_labels + network.electrode_labels, place="node labels")
    if len(network.roles) != network.n_electrodes:
        raise RequestError("network.bad-shape", f"{len(network.roles)} roles for {network.n_electrodes} electrodes")
    for label, role in zip(network.electrode_labels, network.roles, strict=True):
        if role not in ROLES:
            raise RequestError(
                "network.bad-role", f'role "{role}"', place=f"electrode {label}", remedy=nearest(str(role), ROLES)
            )
    outputs = [k for k, role in zip(network.electrode_labels, network.roles, strict=True) if role == "output"]
    if not outputs:
        raise RequestError("network.no-output", "no electrode has the role output", remedy="give it to one electrode")
    if len(outputs) > 1:
        raise RequestError(
            "network.two-outputs", f"outputs {', '.join(outputs)}", remedy="give the role output to one electrode"
        )


def _check_shapes(network: Network) -> None:
    n, e = network.n_sites, network.n_electrodes
    if n == 0:
        raise RequestError("network.bad-shape", "the network has no site", remedy="add at least one dopant or node")
    shapes = {"levels": (n,), "levers": (n, e), "site_positions": (n, 2), "electrode_positions": (e, 2)}
    shapes |= {"coulomb": (n, n), "reference": (n,)}
    for name, shape in shapes.items():
        found = getattr(network, name).shape
        if found != shape:
            raise RequestError("network.bad-shape", f"shape {found} instead of {shape}", place=name)
    if len(network.bond_laws) != network.n_bonds:
        raise RequestError("network.bad-shape", f"{len(network.bond_laws)} laws for {network.n_bonds} bonds")


def _check_values(network: Network) -> None:
    if not (np.isfinite(network.temperature) and network.temperature > 0):
        raise RequestError(
            "network.bad-value", f"{network.temperature:g} K", place="temperature", remedy="a positive number"
        )
    if not (np.isfinite(network.site_leak) and network.site_leak >= 0):
        raise RequestError("network.bad-value", f"{network.site_leak:g} S", place="site_leak", remedy="zero or more")
    for name in ("levels", "levers", "coulomb", "reference"):
        bad = np.flatnonzero(~np.isfinite(getattr(network, name)).reshape(network.n_sites, -1).all(axis=1))
        if len(bad):
            raise RequestError(
                "network.bad-value", f"{name} are not finite", place=f"site {network.site_labels[bad[0]]}"
            )
    _refuse_sites(network, network.coulomb.diagonal() != 0, "coulomb", "a site acts on itself", "a zero diagonal")
    skew = np.abs(network.coulomb - network.coulomb.T).max(axis=1) > 1e-9 * np.abs(network.coulomb).max(initial=0.0)
    _refuse_sites(network, skew, "coulomb", "not symmetric", "the same energy both ways")
    outside = (network.reference < 0) | (network.reference > 1)
    _refuse_sites(network, outside, "reference", "no occupation", "a number from 0 to 1")
    for name in ("site_positions", "electrode_positions"):
        if np.isinf(getattr(network, name)).any():
            raise RequestError("network.bad-value", "an infinite position", place=name, remedy="metres, or NaN")


def _refuse_sites(network: Network, bad: NDArray[np.bool_], name: str, message: str, remedy: str) -> None:
    if bad.any():
        label = network.site_labels[int(bad.argmax())]
        raise RequestError("network.bad-value", f"{name}: {message}", place=f"site {label}", remedy=remedy)


def _check_bonds(network: Network) -> None:
    labels = network.site_labels + network.electrode_labels
    if network.n_bonds and not (network.bond_sites.min() >= 0 and network.bond_sites.max() < len(labels)):
        raise RequestError("network.bad-shape", f"bonds must join nodes 0 to {len(labels) - 1}", place="bond_sites")
    for (i, j), law in zip(network.bond_sites.tolist(), network.bond_laws, strict=True):
        place = f"bond {labels[i]}-{labels[j]}"
        if i == j:
            raise RequestError("network.self-loop", "both ends on one node", place=place, remedy="remove the bond")
        if problem := law_problem(law):
            raise RequestError("network.bad-bond", problem, place=place, remedy="see the law's documentation")
        if isinstance(law, Hopping) and i >= network.n_sites and j >= network.n_sites:
            raise RequestError(
                "network.bad-bond", "hopping between two electrodes", place=place, remedy="use ohmic or sinh"
            )
        if hasattr(law, "gate") and law.gate not in network.electrode_labels:
            raise RequestError(
                "network.no-electrode",
                f"gate {law.gate!r} is no electrode",
                place=place,
                remedy=nearest(str(law.gate), network.electrode_labels),
            )


def _check_paths(network: Network) -> None:
    n = network.n_sites
    degree = np.bincount(network.bond_sites.ravel(), minlength=n + network.n_electrodes)
    gates = {gate_label(law) for law in network.bond_laws}  # a gate need not be bonded
    for node in np.flatnonzero(degree == 0):
        if node >= n and network.electrode_labels[node - n] in gates and node != n + network.output:
            continue
        if node < n:
            raise RequestError(
                "network.isolated-site", "no bond", place=f"site {network.site_labels[node]}", remedy="bond or drop it"
            )
        raise RequestError(
            "network.floating-electrode",
            "no bond",
            place=f"electrode {network.electrode_labels[node - n]}",
            remedy="bond or drop it",
        )
    output = n + network.output
    for group in components(n + network.n_electrodes, network.bond_sites):
        if group[-1] < n:
            names = ", ".join(network.site_labels[site] for site in group[:5])
            raise RequestError(
                "network.disconnected",
                f"no path to any electrode from {len(group)} sites",
                place=f"sites {names}{', ...' if len(group) > 5 else ''}",
                remedy="bond them to the rest or drop them",
            )
        if output in group and sum(node >= n for node in group) == 1:
            raise RequestError(
                "network.disconnected",
                "no path from the output to another electrode",
                place=f"electrode {network.electrode_labels[network.output]}",
                remedy="bond its part to the rest",
            )
