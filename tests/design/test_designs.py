"""Designs as values: equal by content, changed by one block, and clear about what they refuse."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from small_designs import ohmic_star, small_loop, small_star

from hgesim.blocks import KINDS, block_from_file, block_size, get_block
from hgesim.circuit import (
    BlockInstance,
    BondInstance,
    Capacitor,
    CurrentSource,
    Dc,
    Element,
    Resistor,
    Transconductance,
    VoltageSource,
)
from hgesim.design import Circuit, Design, Transient, block_set, network_elements
from hgesim.errors import RequestError
from hgesim.netlist import write_deck
from hgesim.network import dopant_disc, lattice


def make(**changes: object) -> Design:
    network = small_star()
    return Design(**{"network": network, "loop": small_loop(network), "blocks": block_set("ideal"), **changes})  # type: ignore[arg-type]


def tiny(*elements: Element, **changes: object) -> Circuit:
    base = (VoltageSource("v1", "a", "0", Dc(1.0)), Resistor("r1", "a", "0", 1e3, "load"))
    values = {"title": "tiny", "elements": (*base, *elements), "analysis": Transient(1e-3, 1e-5), "probes": ("a",)}
    return Circuit(**{**values, **changes})  # type: ignore[arg-type]


def test_equality_and_hash_go_by_content() -> None:
    one, other = make(), make()
    assert one is not other and one == other and hash(one) == hash(other)
    assert one.netlist() == other.netlist()
    assert len({one, other}) == 1
    network = small_star()
    changes = [
        {"network": ohmic_star(3e-7, 1e-7, 0.5e-7, 2e-7, 1.6e-7)},
        {"loop": small_loop(network, gate="OR")},
        {"loop": small_loop(network, dither=11e-3)},
        {"loop": small_loop(network, start=(0.0, 0.0))},
        {"loop": small_loop(network, epochs=2)},
        {"blocks": block_set("ideal", loss="gf180")},
        {"probes": ("mu_n",)},
        {"site_capacitance": 0.0},
        {"temperature": 310.0},
    ]
    assert len({make(**change).digest for change in changes} | {one.digest}) == len(changes) + 1
    assert one != one.digest


def test_the_digest_sees_a_file_that_a_block_uses(tmp_path: Path) -> None:
    designs = []
    for resistance in ("1e3", "2e3"):
        folder = tmp_path / resistance
        folder.mkdir()
        (folder / "leg.sp").write_text(f".subckt leg a b\nr1 a b {resistance}\n.ends\n")
        (folder / "lowpass.sp").write_text(
            "* uses: leg\n.subckt lowpass_mine inp inn outp outn vp vn\nx1 inp outp leg\nx2 inn outn leg\n.ends\n"
        )
        designs.append(make().with_block("lowpass", block_from_file(folder / "lowpass.sp", "lowpass")))
    assert designs[0].netlist() != designs[1].netlist()
    assert designs[0] != designs[1]


def test_designs_can_be_copied_and_sent() -> None:
    design = make(probes=["mu_n"])
    for again in (copy.deepcopy(design), pickle.loads(pickle.dumps(design)), design.replace()):
        assert again == design
        assert again.netlist() == design.netlist()
    assert pickle.loads(pickle.dumps(design.circuit)) == design.circuit


def test_one_block_is_changed() -> None:
    design = make()
    other = design.with_block("mixer", "gf180")
    kinds = [kind for kind in KINDS if kind != "hinge"]
    assert other.technology == {kind: "gf180" if kind == "mixer" else "ideal" for kind in kinds}
    assert design.technology == dict.fromkeys(kinds, "ideal")  # the first is untouched
    mixers = [e for e in other.circuit.elements if isinstance(e, BlockInstance) and e.name.startswith("x_mixer_")]
    assert {e.block.subckt for e in mixers} == {"mixer_gf180"}
    assert other.circuit.transistors == 3 * get_block("mixer", "gf180").transistors > 0
    assert other.with_block("mixer", get_block("mixer", "ideal")) == design


def test_an_area_is_that_of_every_block_and_instance() -> None:
    drawn, large = (make(blocks=block_set("gf180", area=area)) for area in (1.0, 4.0))
    kinds = set(drawn.blocks)
    assert all(large.sizes[kind].gates == pytest.approx(4 * drawn.sizes[kind].gates) for kind in kinds)
    assert drawn.sizes["mixer"].gates == pytest.approx(3 * block_size(get_block("mixer", "gf180")).gates)
    assert large.sizes["integrator"].capacitance == pytest.approx(3 * (2 * 4e-9 + 4e-12))
    assert (drawn.digest != large.digest) and drawn.technology == large.technology
    assert "l=1e-06 m=2" not in drawn.netlist() and "l=2e-06 m=2" in large.netlist()


def test_refused_changes() -> None:
    design = make()
    for call, code, words in (
        (lambda: design.replace(lop=1), "design.unknown-field", 'did you mean "loop"?'),
        (lambda: design.replace(_circuit=None), "design.unknown-field", "network"),
        (lambda: design.with_block("mixr", "ideal"), "blocks.unknown-kind", 'did you mean "mixer"?'),
        (lambda: design.with_block("hinge", "ideal"), "design.unused-block", 'set loop.loss to "hinge"'),
        (lambda: design.with_block("mixer", "idael"), "blocks.unknown-technology", 'did you mean "ideal"?'),
        (lambda: design.with_block("mixer", get_block("loss", "ideal")), "design.wrong-block", '"loss" given'),
        (lambda: design.replace(blocks={}), "loop.missing-block", "coupler, integrator"),
        (lambda: block_set("ideal", mixxer="gf180"), "blocks.unknown-kind", 'did you mean "mixer"?'),
        (lambda: block_set("ideal", area=4.0), "blocks.bad-area", "circuit.technology"),
        (lambda: block_set("gf180", area=-1.0), "blocks.bad-area", "a positive number"),
        (lambda: block_set("gf18"), "blocks.unknown-technology", 'did you mean "gf180"?'),
        (lambda: design.replace(probes=("mu_m",)), "design.unknown-probe", 'did you mean "mu_n"?'),
        (lambda: design.replace(probes=("i(r_leak_n)",)), "design.unknown-probe", "i(r_leak_n)"),
        (lambda: design.replace(probes=("mu_n\n.control",)), "design.unknown-probe", "mu_n"),
        (lambda: design.replace(temperature=0.0), "design.bad-temperature", "circuit.temperature"),
        (lambda: design.replace(temperature=math.nan), "design.bad-temperature", "circuit.temperature"),
        (lambda: design.replace(site_capacitance=-1e-15), "design.bad-value", "network.site_capacitance"),
        (lambda: design.replace(site_capacitance=math.nan), "design.bad-value", "network.site_capacitance"),
    ):
        with pytest.raises(RequestError) as caught:
            call()
        assert caught.value.code == code
        assert words in str(caught.value)


def test_designs_are_frozen_and_print_what_they_are() -> None:
    design = make(blocks=block_set("ideal", mixer="gf180"))
    with pytest.raises(AttributeError):
        design.temperature = 3.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        design.blocks["mixer"] = get_block("mixer", "ideal")  # type: ignore[index]
    text = str(design)
    for words in (design.digest[:12], "AND", "1 sites", "5 bonds", "mixer gf180", "5000 7000 11000 Hz", "1 epochs"):
        assert words in text


def test_probes_hold_what_results_need() -> None:
    design = make(probes=("mu_n", "err"))
    probes = design.circuit.probes
    assert len(set(probes)) == len(probes)
    wanted = {"el_e3", "el_e4", "threshold", "err", "target", "el_e1", "el_e2", "mu_n", "i(v_vp_mixer)", "i(v_vn_loss)"}
    assert wanted <= set(probes)
    signals = design.signals
    assert (signals["controls"], signals["inputs"]) == ({"e3": "el_e3", "e4": "el_e4"}, {"e1": "el_e1", "e2": "el_e2"})
    assert {signals["error"], signals["target"], signals["threshold"], *signals["mixer_input"]} <= set(probes)


def test_owners_of_nodes() -> None:
    network = dopant_disc(2, dopants=5, electrodes=5, inputs=(1, 3))
    circuit = Design(network, small_loop(network), block_set("ideal", mixer="gf180")).circuit
    first = network.bond_sites[0].tolist()
    labels = (*network.site_labels, *network.electrode_labels)
    bond = f"bond {labels[first[0]]}-{labels[first[1]]}"
    assert circuit.owner("nbond_0") == bond
    assert circuit.owner("b.xbond_0.b1") == bond
    assert circuit.owner("MU_D0").startswith("leak of site d0, site d0, bond d0-")
    assert "lever arm d0-e0" in circuit.owner("eps_d0")
    assert circuit.owner("x_mixer_e2.t1") == circuit.owner("m.x_mixer_e2.x1.m0") == "mixer (gf180) of channel e2"
    assert circuit.owner("v_hold#branch") == "hold during ramps"
    assert circuit.owner("err").startswith("readout (ideal)")
    assert circuit.owner("nbond_00") == circuit.owner("nonsense") == circuit.owner("") == ""


def test_unsafe_and_meaningless_circuits_are_refused() -> None:
    mixer = get_block("mixer", "ideal")
    nets = dict.fromkeys(mixer.ports, "a")
    for call, code, words in (
        (lambda: tiny(title="x\n.control"), "names.bad-character", "'\\n' at position 1"),
        (lambda: tiny(title="`id`"), "names.bad-character", "'`' at position 0"),
        (lambda: tiny(Resistor("r2", "a", "0", 1.0, "x\nr3 a 0 1")), "names.bad-character", "note of r2"),
        (lambda: tiny(Resistor("r2\nr3", "a", "0", 1.0)), "names.bad-character", "'\\n' at position 2"),
        (lambda: tiny(Resistor("r2", "a b", "0", 1.0)), "names.bad-character", "' ' at position 1"),
        (lambda: tiny(Resistor("R1", "a", "0", 1.0)), "names.case-collision", "'r1' and 'R1'"),
        (lambda: tiny(Resistor("r2", "A", "0", 1.0)), "names.case-collision", "'A' and 'a'"),
        (lambda: tiny(Resistor("r2", "GND", "a", 1.0)), "design.reserved-net", '"GND"'),
        (lambda: tiny(Resistor("v2", "a", "0", 1.0)), "design.wrong-letter", 'begin its name with "r"'),
        (lambda: tiny(Capacitor("r2", "a", "0", 1.0)), "design.wrong-letter", '"c"'),
        (lambda: tiny(CurrentSource("a2", "a", "0", Dc(1.0))), "design.wrong-letter", '"i"'),
        (lambda: tiny(BlockInstance("m1", mixer, nets)), "design.wrong-letter", '"x"'),
        (lambda: tiny(BlockInstance("x1", mixer, {"xp": "a"})), "design.wrong-ports", "lo"),
        (lambda: tiny(BlockInstance("x1", mixer, nets, {"g\n.end": 1.0})), "names.bad-character", "parameter of x1"),
        (lambda: tiny(guess=(("i(v1)", 1.0),)), "design.unknown-probe", "guess"),
        (lambda: tiny(guess=(("b", 1.0),)), "design.unknown-probe", "guess"),
        (lambda: tiny(probes=("0",)), "design.unknown-probe", '"0"'),
        (lambda: tiny(bond_temperature=0.0), "design.bad-temperature", "network.temperature"),
    ):
        with pytest.raises(RequestError) as caught:
            call()
        assert caught.value.code == code
        assert words in str(caught.value)
    assert tiny(Transconductance("g1", "0", "a", "a", "0", 1.0), probes=("a", "i(v1)"), guess=(("a", 1.0),))


def test_two_blocks_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """And then refused when they are written, instead of one standing for both."""
    blocks = []
    for value in ("1", "2"):
        path = tmp_path / f"{value}.sp"
        path.write_text(f".subckt twin inp inn outp outn vp vn\nr1 inp outp {value}\nr2 inn outn 1\n.ends\n")
        blocks.append(block_from_file(path, "lowpass"))
    nets = dict.fromkeys(blocks[0].ports, "a")
    circuit = tiny(BlockInstance("x1", blocks[0], nets), BlockInstance("x2", blocks[1], nets))
    assert len(circuit.blocks) == 2
    with pytest.raises(RequestError, match=r"blocks\.name-conflict.*twin"):
        write_deck(circuit)


def test_a_network_becomes_elements() -> None:
    network = dopant_disc(2, dopants=4, electrodes=4, inputs=(1, 2))
    elements = network_elements(network, 3e-15)
    bonds = [e for e in elements if isinstance(e, BondInstance)]
    assert len(bonds) == network.n_bonds
    assert [e.law for e in bonds] == list(network.bond_laws)
    caps = [e for e in elements if isinstance(e, Capacitor)]
    assert [(c.a, c.b, c.farads) for c in caps] == [(f"mu_{s}", "0", 3e-15) for s in network.site_labels]
    assert not [e for e in network_elements(network) if isinstance(e, Capacitor)]
    leak = next(e for e in elements if e.name == "r_leak_d0")
    assert isinstance(leak, Resistor) and leak.ohms == pytest.approx(1 / network.site_leak)
    pushed = next(e for e in elements if e.name == "i_eps_d1")
    assert isinstance(pushed, CurrentSource) and pushed.wave == Dc(network.levels[1])
    arms = {(e.into, e.plus): e.siemens for e in elements if isinstance(e, Transconductance)}
    assert arms[("eps_d1", "el_e2")] == network.levers[1, 2]


def test_only_gated_sites_have_level_nets() -> None:
    plain = network_elements(lattice(2, 3))
    assert not [net for e in plain for net in vars(e).values() if isinstance(net, str) and net.startswith("eps_")]


def test_labels_that_join_to_one_name_are_told_apart() -> None:
    """Site a with electrode b_c, and site a_b with electrode c."""
    network = dopant_disc(2, dopants=2, electrodes=3, inputs=(1, 2))
    network = network.replace(site_labels=("a", "a_b"), electrode_labels=("b_c", "c", "d"))
    names = [e.name for e in network_elements(network)]
    assert len(set(names)) == len(names)
    assert np.count_nonzero(network.levers) == sum(name.startswith("g_eps_") for name in names)
