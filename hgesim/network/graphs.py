"""Networks from networkx graphs and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.errors import RequestError, nearest
from hgesim.names import label_text
from hgesim.network.checks import ROLES, is_whole
from hgesim.network.disc import disc_levers
from hgesim.network.laws import LABELS, LAWS, UNITS, Diode, FloatArray, Hopping, Law, law_name, law_values
from hgesim.network.measured import Measured
from hgesim.network.model import Network
from hgesim.units import parse_quantity

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["from_graph", "to_graph"]

KINDS = ("dopant", "electrode", "node")
NODE_ATTRIBUTES = {
    "electrode": {"kind", "role", "number", "pos", "x", "y"},
    "dopant": {"kind", "pos", "x", "y", "level", "levers", "coulomb", "reference"},
    "node": {"kind", "pos", "x", "y"},
}
EDGE_ATTRIBUTES = {"law", *LABELS, *UNITS}
GRAPH_ATTRIBUTES = {"name", "temperature", "site_leak", "meta"}
LEVER, META, COULOMB = "lever_", "meta_", "coulomb_"


def from_graph(
    graph: nx.Graph[Any],
    *,
    temperature: float | str | None = None,
    site_leak: float | str | None = None,
    levers: str | None = None,
) -> Network:
    """Read a network from an undirected graph; quantities are SI numbers or text with a unit.

    Parameters
    ----------
    graph : networkx.Graph or networkx.MultiGraph
        Node attributes: ``kind`` = ``dopant``, ``node`` (plain, of resistive bonds) or ``electrode`` (assumed where
        ``role`` is given); ``pos`` or ``x`` and ``y`` (m, optional); on electrodes ``role`` = ``output``, ``input``,
        ``control`` or ``ground`` and ``number`` (their order, else that of appearance); on dopants ``level`` (eV) and
        ``levers`` (a dict, electrode to lever arm) or ``lever_<electrode>``, zero where not given; on dopants that
        interact ``coulomb`` (a dict, other dopant to eV; each pair once or twice) or ``coulomb_<dopant>``, and
        ``reference`` (occupation at which it is neutral, 0 where not given).
        Edge attributes: ``law`` = ``hopping`` with ``rate`` (A), ``sinh`` with ``conductance`` (S) and ``scale`` (V),
        ``ohmic`` with ``conductance``, ``space_charge`` with ``conductance``, ``onset`` (V) and ``power``, ``diode``
        with ``saturation`` (A), ``emission`` and ``anode`` (the label of one of its two nodes), ``measured``
        with ``table`` (text, see `hgesim.network.Measured`) and ``plus`` (the label of one of its nodes), or
        ``memristor``, ``nmos`` and ``gf180_nmos`` with the parameters of their classes, ``gate`` being the label of an
        electrode; what has a default may be left out. Without ``law`` the parameters tell.
        Graph attributes: ``temperature`` (K), ``site_leak`` (S), ``meta`` or ``meta_<name>``; ``name`` is ignored.
    temperature, site_leak : float or str, optional
        In the place of the graph's own; 77 K and 0 S where neither is given.
    levers : {"disc"}, optional
        Compute all lever arms from the positions, by the Poisson kernel of the disc.

    Returns
    -------
    Network
        Sites in the order of their appearance.

    Raises
    ------
    RequestError
        ``network.directed``, ``network.bad-graph``, ``network.unknown-attribute``, ``network.missing-attribute``,
        ``network.bad-kind``, ``network.bad-number``, ``network.no-electrode``, a ``units.`` or ``names.`` error, or
        what `Network` refuses.
    """
    if not (hasattr(graph, "is_directed") and hasattr(graph, "edges")):
        raise RequestError("network.bad-graph", f"{type(graph).__name__} is no networkx graph")
    if graph.is_directed():
        raise RequestError(
            "network.directed", "bonds have no direction", place="graph", remedy="use graph.to_undirected()"
        )
    if levers not in (None, "disc"):
        raise RequestError("network.bad-levers", f"levers={levers!r}", remedy='use "disc" or node attributes')
    settings = _gather(graph.graph, META, "meta")
    _known(settings, GRAPH_ATTRIBUTES, "graph")
    nodes = {name: _gather(_gather(data, LEVER, "levers"), COULOMB, "coulomb") for name, data in graph.nodes(data=True)}
    kinds = {name: _kind(data, f"node {label_text(name)}") for name, data in nodes.items()}
    for name, data in nodes.items():
        _known(data, NODE_ATTRIBUTES[kinds[name]], f"{kinds[name]} {label_text(name)}")
    sites = [name for name in nodes if kinds[name] != "electrode"]
    electrodes = _numbered({name: data for name, data in nodes.items() if kinds[name] == "electrode"})
    site_labels = tuple(label_text(name) for name in sites)
    electrode_labels = tuple(label_text(name) for name in electrodes)
    index = {name: k for k, name in enumerate([*sites, *electrodes])}
    bonds, laws = [], []
    for first, second, data in graph.edges(data=True):
        place = f"bond {label_text(first)}-{label_text(second)}"
        law = _law(data, (label_text(first), label_text(second)), place)
        for end in (first, second):
            if isinstance(law, Hopping) and kinds[end] == "node":
                raise RequestError(
                    "network.bad-bond",
                    f"hopping at plain node {label_text(end)}",
                    place=place,
                    remedy="make it a dopant",
                )
        bonds.append((index[first], index[second]))
        laws.append(law)
    where = {name: _position(data, f"node {label_text(name)}") for name, data in nodes.items()}
    site_positions = np.array([where[name] for name in sites], dtype=float).reshape(-1, 2)
    electrode_positions = np.array([where[name] for name in electrodes], dtype=float).reshape(-1, 2)
    arms = _levers([nodes[name].get("levers") for name in sites], site_labels, electrode_labels)
    meta = settings.get("meta", {})
    return Network(
        site_labels=site_labels,
        electrode_labels=electrode_labels,
        roles=tuple(_role(nodes[name], f"electrode {label_text(name)}") for name in electrodes),
        levels=np.array(
            [
                parse_quantity(nodes[name].get("level", 0.0), "eV", place=f"level of {label_text(name)}")
                for name in sites
            ]
        ),
        levers=disc_levers(site_positions, electrode_positions) if levers else arms,
        site_positions=site_positions,
        electrode_positions=electrode_positions,
        bond_sites=np.array(bonds, dtype=np.int64).reshape(-1, 2),
        bond_laws=tuple(laws),
        temperature=_setting(temperature, settings, "temperature", "K", 77.0),
        site_leak=_setting(site_leak, settings, "site_leak", "S", 0.0),
        meta=tuple(meta.items()),
        coulomb=_coulomb([nodes[name].get("coulomb") for name in sites], site_labels),
        reference=np.array(
            [
                parse_quantity(nodes[name].get("reference", 0.0), "", place=f"reference of {label_text(name)}")
                for name in sites
            ]
        ),
    )


def to_graph(network: Network) -> nx.MultiGraph[str]:
    """Write a network as a graph from which `from_graph` makes the same network again.

    Parameters
    ----------
    network : Network
        Any network.

    Returns
    -------
    networkx.MultiGraph
        Sites first, then electrodes, with the attributes that `from_graph` reads.
    """
    import networkx as nx

    graph: nx.MultiGraph[str] = nx.MultiGraph(temperature=network.temperature, site_leak=network.site_leak)
    if network.meta:
        graph.graph["meta"] = dict(network.meta)
    hopping = {
        int(node)
        for b, law in enumerate(network.bond_laws)
        if isinstance(law, Hopping)
        for node in network.bond_sites[b]
    }
    for k, label in enumerate(network.site_labels):
        data: dict[str, Any] = {"kind": "node"}
        row = network.coulomb[k]
        if k in hopping or network.levels[k] or network.levers[k].any() or row.any():
            arms = zip(network.electrode_labels, network.levers[k].tolist(), strict=True)
            data = {"kind": "dopant", "level": float(network.levels[k]), "levers": {e: w for e, w in arms if w}}
        if network.interacts and data["kind"] == "dopant":
            data["reference"] = float(network.reference[k])
            later = zip(network.site_labels[k + 1 :], row[k + 1 :].tolist(), strict=True)
            if pairs := {other: energy for other, energy in later if energy}:
                data["coulomb"] = pairs
        graph.add_node(label, **data, **_place(network.site_positions[k]))
    for k, (label, role) in enumerate(zip(network.electrode_labels, network.roles, strict=True)):
        graph.add_node(label, kind="electrode", role=role, number=k, **_place(network.electrode_positions[k]))
    labels = network.site_labels + network.electrode_labels
    for (i, j), law in zip(network.bond_sites.tolist(), network.bond_laws, strict=True):
        values = law_values(law)
        if isinstance(law, Diode):
            values["anode"] = labels[(i, j)[law.anode]]
        if isinstance(law, Measured):
            values["plus"] = labels[(i, j)[law.plus]]
        graph.add_edge(labels[i], labels[j], law=law_name(law), **values)
    return graph


def _gather(data: Mapping[str, Any], prefix: str, name: str) -> dict[str, Any]:
    """Collect ``lever_a``, ``lever_b`` (the only form that GraphML can hold) into one dict ``levers``."""
    flat = {key[len(prefix) :]: value for key, value in data.items() if str(key).startswith(prefix)}
    rest = {key: value for key, value in data.items() if not str(key).startswith(prefix)}
    if not isinstance(rest.get(name, {}), Mapping):
        raise RequestError(f"network.bad-{name}", f"{name} = {rest[name]!r}", remedy="give a dict from name to value")
    if not flat:
        return rest
    return {**rest, name: {**rest.get(name, {}), **flat}}


def _known(data: Iterable[str], allowed: set[str], place: str) -> None:
    for key in data:
        if key not in allowed:
            raise RequestError(
                "network.unknown-attribute", f'attribute "{key}"', place=place, remedy=nearest(str(key), allowed)
            )


def _kind(data: Mapping[str, Any], place: str) -> str:
    kind = data.get("kind", "electrode" if "role" in data else None)
    if kind is None:
        raise RequestError(
            "network.missing-attribute", "no kind", place=place, remedy="give kind, one of: " + ", ".join(KINDS)
        )
    if kind not in KINDS:
        raise RequestError("network.bad-kind", f'kind "{kind}"', place=place, remedy=nearest(str(kind), KINDS))
    return str(kind)


def _role(data: Mapping[str, Any], place: str) -> str:
    if "role" not in data:
        raise RequestError("network.missing-attribute", "no role", place=place, remedy="one of: " + ", ".join(ROLES))
    return str(data["role"])


def _numbered(electrodes: dict[Any, dict[str, Any]]) -> list[Any]:
    """Order electrodes by ``number`` where any has one."""
    numbers = {name: data["number"] for name, data in electrodes.items() if "number" in data}
    if not numbers:
        return list(electrodes)
    for name in electrodes:
        number = numbers.get(name)
        if not is_whole(number) or list(numbers.values()).count(number) > 1:
            raise RequestError(
                "network.bad-number",
                f"number {number!r}",
                place=f"electrode {label_text(name)}",
                remedy="give all electrodes different whole numbers, or none",
            )
    return sorted(electrodes, key=numbers.__getitem__)


def _law(data: Mapping[str, Any], ends: tuple[str, str], place: str) -> Law:
    _known(data, EDGE_ATTRIBUTES, place)
    given = set(data) - {"law"}
    told = [name for name, law in LAWS.items() if given == set(law.__dataclass_fields__)]
    name = data.get("law", told[0] if told else "")
    if name not in LAWS:
        code = "network.bad-bond" if name else "network.missing-attribute"
        raise RequestError(code, f'law "{name}"' if name else "no law", place=place, remedy=nearest(str(name), LAWS))
    parameters = LAWS[name].__dataclass_fields__
    wanted = [key for key, field in parameters.items() if field.default is MISSING or key in LABELS]
    if not set(wanted) <= given <= set(parameters):
        have = ", ".join(sorted(given)) or "nothing"
        raise RequestError(
            "network.missing-attribute", f"{name} with {have}", place=place, remedy=f"give {' and '.join(wanted)}"
        )
    values: dict[str, Any] = {
        key: parse_quantity(data[key], UNITS[key], place=f"{place}, {key}") for key in given.difference(LABELS)
    }
    if "gate" in given:
        values["gate"] = label_text(data["gate"])
    if "table" in given:
        values["table"] = data["table"]
    for end in given.intersection(("anode", "plus")):
        node = label_text(data[end])
        if node not in ends:
            raise RequestError("network.bad-bond", f'{end} "{node}"', place=place, remedy=nearest(node, ends))
        values[end] = ends.index(node)
    return LAWS[name](**values)


def _position(data: Mapping[str, Any], place: str) -> tuple[float, float]:
    pair = data["pos"] if "pos" in data else (data["x"], data["y"]) if "x" in data and "y" in data else None
    if pair is None:
        if "x" in data or "y" in data:
            raise RequestError("network.missing-attribute", "x without y or y without x", place=place)
        return (np.nan, np.nan)
    if isinstance(pair, str) or np.size(pair) != 2:
        raise RequestError("network.bad-shape", f"position {pair!r}", place=place, remedy="two lengths, x and y")
    x, y = (parse_quantity(value, "m", place=f"{place}, position") for value in pair)
    return x, y


def _levers(arms: list[Mapping[Any, Any] | None], sites: tuple[str, ...], electrodes: tuple[str, ...]) -> FloatArray:
    result = np.zeros((len(sites), len(electrodes)))
    for k, given in enumerate(arms):
        for name, value in (given or {}).items():
            label, place = label_text(name), f"levers of {sites[k]}"
            if label not in electrodes:
                raise RequestError("network.no-electrode", f'"{label}"', place=place, remedy=nearest(label, electrodes))
            result[k, electrodes.index(label)] = parse_quantity(value, "", place=place)
    return result


def _coulomb(pairs: list[Mapping[Any, Any] | None], sites: tuple[str, ...]) -> FloatArray:
    result = np.zeros((len(sites), len(sites)))
    number = {label: k for k, label in enumerate(sites)}
    for k, given in enumerate(pairs):
        for name, value in (given or {}).items():
            label, place = label_text(name), f"coulomb of {sites[k]}"
            if label not in number:
                raise RequestError("network.no-site", f'"{label}"', place=place, remedy=nearest(label, sites))
            energy, other = parse_quantity(value, "eV", place=place), number[label]
            if result[k, other] not in (0.0, energy):
                raise RequestError(
                    "network.bad-coulomb",
                    f"{energy:g} eV with {label}, which says {result[k, other]:g} eV",
                    place=place,
                    remedy="give each pair once",
                )
            result[k, other] = result[other, k] = energy
    return result


def _setting(given: float | str | None, settings: Mapping[str, Any], name: str, unit: str, default: float) -> float:
    return parse_quantity(settings.get(name, default) if given is None else given, unit, place=name)


def _place(position: FloatArray) -> dict[str, tuple[float, float]]:
    return {} if np.isnan(position).any() else {"pos": (float(position[0]), float(position[1]))}
