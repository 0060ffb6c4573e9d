"""Networks in files: GraphML and node-link JSON."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hgesim.errors import RequestError, nearest
from hgesim.network.graphs import COULOMB, LEVER, META, from_graph, to_graph
from hgesim.network.model import Network

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["read_network", "write_network"]

ENDINGS = (".graphml", ".json")


def read_network(path: str | PathLike[str], **options: Any) -> Network:
    """Read a network from a ``.graphml`` or (node-link) ``.json`` file.

    Parameters
    ----------
    path : path
        The file; its attributes are those of `from_graph`.
    **options
        ``temperature``, ``site_leak`` and ``levers`` as in `from_graph`.

    Returns
    -------
    Network

    Raises
    ------
    RequestError
        ``network.bad-ending``, ``network.no-file``, ``network.bad-file``, or an error of `from_graph`.
    """
    file = _checked(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequestError("network.no-file", "there is no such file", place=str(file)) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise RequestError("network.bad-file", f"cannot be read ({problem})", place=str(file)) from None
    try:
        graph = _parse_json(text) if file.suffix.lower() == ".json" else _parse_graphml(text)
    except Exception as problem:  # each parser has its own kinds of error
        kind = "node-link JSON" if file.suffix.lower() == ".json" else "GraphML"
        raise RequestError("network.bad-file", f"no valid {kind} ({problem})", place=str(file)) from None
    return from_graph(graph, **options)


def write_network(network: Network, path: str | PathLike[str]) -> Path:
    """Write a network to a ``.graphml`` or ``.json`` file that `read_network` reads back exactly.

    Parameters
    ----------
    network : Network
        Any network.
    path : path
        The file; replaced when it exists.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    RequestError
        ``network.bad-ending`` or ``network.bad-file``.
    """
    import networkx as nx

    file, graph = _checked(path), to_graph(network)
    if file.suffix.lower() == ".json":
        text = json.dumps(nx.node_link_data(graph, edges="edges"), indent=1, allow_nan=False)
    else:
        text = "\n".join(nx.generate_graphml(_flat(graph), named_key_ids=True))
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as problem:
        raise RequestError("network.bad-file", f"cannot be written ({problem})", place=str(file)) from None
    return file


def _checked(path: str | PathLike[str]) -> Path:
    file = Path(path)
    if file.suffix.lower() not in ENDINGS:
        raise RequestError(
            "network.bad-ending", f'ending "{file.suffix}"', place=str(file), remedy=nearest(file.suffix, ENDINGS)
        )
    return file


def _parse_json(text: str) -> nx.Graph[Any]:
    import networkx as nx

    data = json.loads(text)
    return nx.node_link_graph(data, edges="links" if "links" in data else "edges")


def _parse_graphml(text: str) -> nx.Graph[Any]:
    import networkx as nx

    graph = nx.parse_graphml(text)
    for added in ("node_default", "edge_default"):  # the reader's own, not the file's
        graph.graph.pop(added, None)
    for *_, data in graph.edges(data=True):
        data.pop("id", None)
    return graph


def _flat(graph: nx.Graph[Any]) -> nx.Graph[Any]:
    """Replace dicts and pairs, which GraphML cannot hold, by plain attributes."""
    for name, value in graph.graph.pop("meta", {}).items():
        graph.graph[META + name] = value
    for _, data in graph.nodes(data=True):
        for electrode, arm in data.pop("levers", {}).items():
            data[LEVER + electrode] = arm
        for other, energy in data.pop("coulomb", {}).items():
            data[COULOMB + other] = energy
        if "pos" in data:
            data["x"], data["y"] = data.pop("pos")
    return graph
