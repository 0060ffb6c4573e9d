"""Graphs and files: exact round trips, and a clear refusal of everything that cannot be built."""

import copy
import json

import networkx as nx
import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.network import (
    Hopping,
    Network,
    Ohmic,
    Sinh,
    complete,
    dopant_disc,
    from_graph,
    lattice,
    random_geometric,
    read_network,
    sinh,
    to_graph,
    write_network,
)


def small():
    """A graph with all three laws, units, a parallel bond and electrodes out of order."""
    graph = nx.MultiGraph(temperature=300, site_leak="1 pS", meta={"device": "A7", "seed": 3})
    graph.add_node("in", role="input", number=1, pos=(0, "50 nm"))
    graph.add_node("d0", kind="dopant", level="50 meV", levers={"in": 0.25, "out": 0.75}, x=1e-9, y="2 nm")
    graph.add_node(5, kind="node")
    graph.add_node("out", kind="electrode", role="output", number=0, pos=(5e-8, 0))
    graph.add_node("gnd", role="ground", number=2)
    graph.add_edge("d0", "in", law="hopping", rate="3 nA")
    graph.add_edge("d0", "out", rate=1e-9)
    graph.add_edge("d0", 5, law="sinh", conductance="2 uS", scale="50 mV")
    graph.add_edge("d0", 5, conductance=1e-7)
    graph.add_edge("gnd", 5, law="ohmic", conductance=1e-6)
    graph.add_edge("out", "in", law="ohmic", conductance=1e-12)
    return graph


def mixed_networks():
    return [
        dopant_disc(2),
        lattice(2, 3, law=sinh()),
        complete(4),
        from_graph(small()),
        dopant_disc(1, dopants=5, electrodes=3, inputs=(1,)),
    ]


def test_a_graph_is_read_as_documented():
    network = from_graph(small())
    assert network.site_labels == ("d0", "5")
    assert network.electrode_labels == ("out", "in", "gnd")
    assert network.roles == ("output", "input", "ground")
    assert (network.output, network.inputs, network.controls) == (0, (1,), ())
    assert network.levels.tolist() == [0.05, 0.0]
    assert network.levers.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]
    assert network.temperature == 300.0
    assert network.kT == pytest.approx(0.025852, rel=1e-4)
    assert network.site_leak == 1e-12
    assert network.meta == (("device", "A7"), ("seed", 3))
    assert network.site_positions[0] == pytest.approx([1e-9, 2e-9])
    assert np.isnan(network.site_positions[1]).all()
    assert network.bond_sites.tolist() == [[0, 1], [0, 1], [0, 2], [0, 3], [1, 4], [2, 3]]
    assert network.bond_laws == (
        Ohmic(1e-7),
        Sinh(2e-6, 0.05),
        Hopping(1e-9),
        Hopping(3e-9),
        Ohmic(1e-6),
        Ohmic(1e-12),
    )
    assert (network.electrode("in"), network.electrode(2)) == (1, 2)
    assert np.isfinite(network.solve([0, 0.1, 0]).currents).all()


def test_arguments_go_before_graph_attributes():
    graph = small()
    assert from_graph(graph, temperature=77, site_leak=0).temperature == 77.0
    del graph.graph["temperature"]
    assert from_graph(graph).temperature == 77.0


def test_levers_of_the_disc():
    network = dopant_disc(3)
    bare = to_graph(network)
    for _, data in bare.nodes(data=True):
        data.pop("levers", None)
    assert not from_graph(bare).levers.any()
    assert from_graph(bare, levers="disc").levers == pytest.approx(network.levers, rel=1e-9)
    bare.nodes["e3"]["pos"] = (0, 0)
    with pytest.raises(RequestError, match=r"network\.no-disc"):
        from_graph(bare, levers="disc")


def test_plain_networkx_grid_needs_only_roles_and_laws():
    graph = nx.grid_2d_graph(3, 3)
    nx.set_node_attributes(graph, "node", "kind")
    nx.set_edge_attributes(graph, 1e-6, "conductance")
    graph.nodes[0, 0].update(kind="electrode", role="output")
    graph.nodes[2, 2].update(kind="electrode", role="input")
    network = from_graph(graph)
    assert network.site_labels[0] == "0_1"
    # resistance across the diagonal of a 3 x 3 grid of unit resistors is 3/2
    assert network.output_current([0.0, 1.0]) == pytest.approx(1e-6 / 1.5, rel=1e-9)


@pytest.mark.parametrize("number", range(5))
def test_round_trips_are_exact(number, tmp_path):
    network = mixed_networks()[number]
    assert from_graph(to_graph(network)) == network
    for ending in (".graphml", ".json", ".JSON"):
        path = write_network(network, tmp_path / f"device{ending}")
        again = read_network(path)
        assert again == network
        assert again.digest == network.digest
        assert hash(again) == hash(network)
        assert again.levers.tobytes() == network.levers.tobytes()


def test_other_programs_files(tmp_path):
    path = tmp_path / "links.json"
    data = nx.node_link_data(small(), edges="links")
    path.write_text(json.dumps(data))
    assert read_network(path) == from_graph(small())
    assert read_network(path, temperature=4.2).temperature == 4.2


def test_digest_ignores_the_order_of_bonds_and_sees_everything_else():
    network = from_graph(small())
    reversed_bonds = network.replace(bond_sites=network.bond_sites[::-1, ::-1], bond_laws=network.bond_laws[::-1])
    assert reversed_bonds == network
    changes = {
        "levels": network.levels + 1e-12,
        "levers": network.levers * 1.001,
        "temperature": 78.0,
        "site_leak": 0.0,
        "roles": ("output", "control", "ground"),
        "site_labels": ("d1", "5"),
        "bond_laws": (Ohmic(2e-7), *network.bond_laws[1:]),
        "meta": (),
        "site_positions": np.zeros((2, 2)),
    }
    digests = {network.replace(**{name: value}).digest for name, value in changes.items()}
    assert len(digests | {network.digest}) == len(changes) + 1
    assert network != "network"


def test_networks_are_frozen():
    network = dopant_disc(1)
    with pytest.raises(AttributeError):
        network.temperature = 3
    with pytest.raises(ValueError, match="read-only"):
        network.levels[0] = 1.0
    levels = np.zeros(20)
    copied = network.replace(levels=levels)
    levels[0] = 1.0
    assert copied.levels[0] == 0.0
    assert copy.deepcopy(network) == network
    assert "20 sites" in str(network)


def spoil(change):
    graph = small()
    change(graph)
    return graph


REFUSALS = {
    "network.isolated-site: site lonely": lambda g: g.add_node("lonely", kind="dopant"),
    "network.floating-electrode: electrode probe": lambda g: g.add_node("probe", role="control", number=9),
    "network.disconnected: sites a, b": lambda g: (
        g.add_nodes_from("ab", kind="node"),
        g.add_edge("a", "b", conductance=1),
    ),
    "network.no-output: ": lambda g: g.nodes["out"].update(role="input"),
    "network.two-outputs: in": lambda g: g.nodes["in"].update(role="output"),
    "network.bad-role: electrode in": lambda g: g.nodes["in"].update(role="inptu"),
    "network.bad-bond: bond d0-in": lambda g: g.edges["d0", "in", 0].update(rate=0.0),
    "network.bad-bond: bond d0-out": lambda g: g.edges["d0", "out", 0].update(rate=-1e-9),
    "network.bad-bond: bond 5-gnd": lambda g: g.edges["gnd", 5, 0].update(conductance="-1 uS"),
    "network.bad-bond: bond d0-5": lambda g: g.edges["d0", 5, 0].update(scale=0),
    "network.bad-bond: bond out-in": lambda g: g.add_edge("in", "out", rate=1e-9),
    "network.bad-bond: bond 5-gnd, hopping at plain node 5": lambda g: g.add_edge(5, "gnd", rate=1e-9),
    "units.not-finite: bond in-d0": lambda g: g.edges["d0", "in", 0].update(rate=float("nan")),
    "units.wrong-unit: bond in-d0": lambda g: g.edges["d0", "in", 0].update(rate="3 nS"),
    "units.wrong-unit: level of d0": lambda g: g.nodes["d0"].update(level="3 nm"),
    "network.bad-bond: law": lambda g: g.edges["d0", "in", 0].update(law="hoping"),
    "network.missing-attribute: no law": lambda g: g.edges["d0", "in", 0].clear(),
    "network.missing-attribute: sinh": lambda g: g.edges["d0", 5, 0].pop("scale"),
    "network.missing-attribute: ohmic": lambda g: g.edges["d0", 5, 1].update(law="ohmic", scale=1),
    "network.unknown-attribute: weight": lambda g: g.edges["d0", 5, 1].update(weight=1),
    "network.unknown-attribute: lvel": lambda g: g.nodes["d0"].update(lvel=1),
    "network.unknown-attribute: level": lambda g: g.nodes[5].update(level=1),
    "network.unknown-attribute: temprature": lambda g: g.graph.update(temprature=1),
    "network.missing-attribute: no kind": lambda g: g.add_node("x"),
    "network.missing-attribute: no role": lambda g: g.nodes["out"].pop("role"),
    "network.missing-attribute: x without y": lambda g: g.nodes["d0"].pop("y"),
    "network.bad-kind: dopnat": lambda g: g.nodes["d0"].update(kind="dopnat"),
    "network.bad-number: electrode in": lambda g: g.nodes["in"].update(number=0),
    "network.bad-number: electrode gnd": lambda g: g.nodes["gnd"].pop("number"),
    "network.bad-number: 1.5": lambda g: g.nodes["in"].update(number=1.5),
    "network.no-electrode: did you mean": lambda g: g.nodes["d0"].update(levers={"outt": 1}),
    "network.bad-levers: levers": lambda g: g.nodes["d0"].update(levers=[1, 2, 3]),
    "network.bad-shape: position": lambda g: g.nodes["d0"].update(pos=(1, 2, 3)),
    "network.bad-shape: position 7": lambda g: g.nodes["d0"].update(pos=7),
    "network.self-loop: bond 5-5": lambda g: g.add_edge(5, 5, conductance=1),
    "network.bad-value: temperature": lambda g: g.graph.update(temperature=0),
    "network.bad-value: site_leak": lambda g: g.graph.update(site_leak=-1),
    "network.bad-meta: meta seed": lambda g: g.graph.update(meta={"seed": [1]}),
    "network.bad-meta: meta": lambda g: g.graph.update(meta=3),
    "names.case-collision: D0": lambda g: (g.add_node("D0", kind="node"), g.add_edge("D0", 5, conductance=1)),
    "names.duplicate: 5": lambda g: (g.add_node("5", kind="node"), g.add_edge("5", 5, conductance=1)),
    "names.bad-character: ": lambda g: (g.add_node("a b", kind="node"), g.add_edge("a b", 5, conductance=1)),
    "names.bad-type: ": lambda g: (g.add_node(1.5, kind="node"), g.add_edge(1.5, 5, conductance=1)),
}


@pytest.mark.parametrize("expected", REFUSALS)
def test_refusals(expected):
    code, _, words = expected.partition(": ")
    with pytest.raises(RequestError) as caught:
        from_graph(spoil(REFUSALS[expected]))
    assert caught.value.code == code
    for word in words.split(", "):
        assert word in str(caught.value)


def test_directed_and_other_things_are_refused():
    for thing, code in ((small().to_directed(), "network.directed"), ({"a": 1}, "network.bad-graph")):
        with pytest.raises(RequestError) as caught:
            from_graph(thing)
        assert caught.value.code == code
    with pytest.raises(RequestError, match=r"network\.bad-levers"):
        from_graph(small(), levers="ring")


def test_output_cut_off_from_the_other_electrodes():
    graph = small()
    graph.remove_edges_from([("d0", "out", 0), ("out", "in", 0)])
    graph.add_node("island", kind="node")
    graph.add_edge("island", "out", conductance=1e-6)
    with pytest.raises(RequestError, match=r"network\.disconnected.*electrode out"):
        from_graph(graph)


FIELDS = {
    "levels": np.zeros(3),
    "levers": np.zeros((2, 2)),
    "site_positions": np.zeros((2, 3)),
    "electrode_positions": np.full((3, 2), np.inf),
    "bond_laws": (Ohmic(1.0),),
    "roles": ("output",),
    "bond_sites": np.full((6, 2), 9),
}


@pytest.mark.parametrize("name", FIELDS)
def test_wrong_shapes(name):
    with pytest.raises(RequestError, match=r"network\.bad-(shape|value)"):
        from_graph(small()).replace(**{name: FIELDS[name]})


def test_values_that_are_not_finite_and_fields_that_do_not_exist():
    network = from_graph(small())
    for name in ("levels", "levers"):
        with pytest.raises(RequestError, match=r"network\.bad-value.*site d0"):
            network.replace(**{name: getattr(network, name) * np.nan})
    with pytest.raises(RequestError, match="temperature"):
        network.replace(temprature=3)
    with pytest.raises(RequestError, match=r"network\.bad-bond.*no bond law"):
        network.replace(bond_laws=("ohmic",) * 6)
    for which in ("inn", 7, -1, None):
        with pytest.raises(RequestError, match=r"network\.no-electrode"):
            network.electrode(which)


def test_an_empty_graph_is_refused():
    with pytest.raises(RequestError, match=r"network\."):
        from_graph(nx.Graph())


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.txt", "", "network.bad-ending"),
        ("a.graphmll", "", "network.bad-ending"),
        ("missing.json", None, "network.no-file"),
        ("a.json", "{", "network.bad-file"),
        ("a.json", "[1]", "network.bad-file"),
        ("a.graphml", "<graphml>", "network.bad-file"),
        ("a.graphml", "nonsense", "network.bad-file"),
    ],
)
def test_bad_files(tmp_path, name, text, code):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(RequestError) as caught:
        read_network(tmp_path / name)
    assert caught.value.code == code


def test_writing_where_there_is_no_folder(tmp_path):
    with pytest.raises(RequestError, match=r"network\.bad-file"):
        write_network(from_graph(small()), tmp_path / "no" / "a.json")


def test_types_of_the_package():
    assert isinstance(random_geometric(1, 10), Network)
