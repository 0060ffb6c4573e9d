"""What a session can be given: decks as text and files, PySpice circuits, circuits of hgesim."""

from __future__ import annotations

import numpy as np
import pytest
from cosim_samples import low_pass

from hgesim.cosim import PythonSource, Session
from hgesim.cosim.deck import read_deck, spice_value
from hgesim.design import Transient
from hgesim.errors import RequestError


def test_a_pyspice_circuit(shared_engine):
    from PySpice.Spice.Netlist import Circuit

    circuit = Circuit("an error amplifier")  # a title that PySpice's own interface stumbles over
    circuit.V("drive", "in", circuit.gnd, 0)
    circuit.R(1, "in", "out", "1k")
    circuit.C(1, "out", circuit.gnd, "100n")
    source = PythonSource(lambda _time, out: 10.0 * (0.3 - out), ["out"])
    with Session(circuit, sources={"Vdrive": source}, transient=Transient(2e-3, 1e-6)) as session:
        session.run()
        assert session.read("out") == pytest.approx(3.0 / 11.0, rel=1e-3)  # the fixed point of the loop
    with pytest.raises(RequestError, match=r"cosim.no-transient"):
        Session(circuit)


def test_a_file_with_an_include_and_a_control_section(shared_engine, tmp_path):
    (tmp_path / "parts.inc").write_text("r1 in out 1k\nc1 out 0 100n\n")
    control = ".control\nset num_threads=4\nrun\nquit 7\n.endc\n"
    deck = tmp_path / "deck.cir"
    deck.write_text(f"* title\n.include parts.inc\nv1 in 0\n+ dc 1\n.tran 1u 1m\n{control}.end\nrubbish\n")
    with Session(deck, sources={"v1": 0.5}) as session:
        session.run()
        assert session.read(["in", "out"]) == pytest.approx([0.5, 0.5], rel=1e-3)
    with pytest.raises(RequestError, match=r"cosim.bad-circuit"):
        Session(tmp_path / "nothere.cir")


def test_nodes_with_numbers_for_names(shared_engine):
    deck = "* numbers\nv1 1 0 0\nr1 1 2 1k\nr2 2 0 1k\n.tran 1u 20u\n.end"
    source = PythonSource(lambda _time, two: 1.0 + 0.0 * two, ["2"])
    with Session(deck, sources={"v1": source}) as session:
        session.run()
        assert session.read(["1", "v(2)", "i(v1)"]) == pytest.approx([1.0, 0.5, -0.5e-3])
        assert set(session.waveforms().names) >= {"time", "v(1)", "v(2)", "i(v1)"}


def test_another_transient_than_the_decks(shared_engine):
    with Session(low_pass(), transient=Transient(5e-5, 1e-6)) as session:
        assert session.stop == 5e-5
        assert session.run() == pytest.approx(5e-5)


def test_rows_on_disk_are_those_of_a_batch_run(ngspice, shared_engine, tmp_path):
    from hgesim.engine import read_raw, run_deck

    with Session(low_pass()) as session:
        session.run()
        rows = session.waveforms()
    control = ".control\nset num_threads=1\nset filetype=binary\nrun waveforms.raw\nquit\n.endc\n.end"
    (tmp_path / "deck.cir").write_text(low_pass().replace(".end", control))
    batch = read_raw(run_deck(tmp_path, ngspice, end_time=1e-3).raw)
    assert (rows.names, rows.units, rows.complete) == (batch.names, batch.units, True)
    np.testing.assert_array_equal(rows.values, batch.values)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("* t\nr1 a 0 1\n.end", "cosim.no-transient"),
        ("* t\nr1 a 0 1\n.tran 1u {stop}\n.end", "cosim.bad-transient"),
        ("* t\nr1 a 0 1\n.tran 1u\n.end", "cosim.bad-transient"),
        ("* t\nr1 a 0 1\n.tran 1u 1m 0.5m\n.end", "cosim.bad-transient"),
        ("* t\nr1 a 0 1\n.tran 1u 1m\n.ac dec 10 1 1k\n.end", "cosim.other-analysis"),
    ],
)
def test_decks_without_one_transient(text, code):
    with pytest.raises(RequestError) as caught:
        read_deck(text)
    assert caught.value.code == code


def test_lines_that_go_on_behind_comments():
    deck = read_deck(
        "* t\nv1 a 0 pwl(0 0 ; begin\n* middle\n; more\n+ 1u 1)\nr1 a 0 $ load\n\n+ 1k ; end\n.tran 1u 1m\n+ uic\n"
    )
    assert [line for line in deck.lines if line[0] != "*"] == ["v1 a 0 pwl(0 0 1u 1)", "r1 a 0 1k ; end"]
    assert deck.analysis == ".tran 1u 1m uic"


def test_no_circuit_at_all(shared_engine):
    for wrong, told in ((3, "a int"), ("deck.cir", "as a Path")):
        with pytest.raises(RequestError, match=rf"cosim.bad-circuit.*{told}"):
            Session(wrong)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1", 1.0),
        ("-2.5e-3", -2.5e-3),
        ("10us", 1e-5),
        ("3MEGohm", 3e6),
        ("1m", 1e-3),
        ("2mil", 5.08e-5),
        ("1F", 1e-15),
    ],
)
def test_numbers_are_read_as_spice_reads_them(word, value):
    assert spice_value(word) == pytest.approx(value)


@pytest.mark.parametrize("word", ["{x}", "", "nan", "1,5", "a1"])
def test_what_is_no_number(word):
    assert spice_value(word) is None
