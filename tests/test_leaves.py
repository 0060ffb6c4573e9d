"""Units, names, seeds and errors: what every stage builds on."""

from __future__ import annotations

import hashlib
import math
import pickle
import re
import struct
from decimal import Decimal

import numpy as np
import pytest

from hgesim.errors import EngineError, HgeError, RequestError, nearest
from hgesim.names import check_label, check_remark, check_unique, label_text
from hgesim.seeds import generator
from hgesim.units import parse_quantity, show_quantity, spice_number


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.02, "V", 0.02),
        (3, "V", 3.0),
        (np.float32(0.5), "V", 0.5),
        (np.int64(-7), "V", -7.0),
        ("20 mV", "V", 0.02),
        ("20mV", "V", 0.02),
        (" -1.5e-3 V ", "V", -1.5e-3),
        ("4.7 kOhm", "Ohm", 4700.0),
        ("4.7 kΩ", "Ohm", 4700.0),
        ("2 ohm", "Ohm", 2.0),
        ("4.7k", "Ohm", 4700.0),
        ("2 MOhm", "Ohm", 2e6),
        ("2 mOhm", "Ohm", 2e-3),
        ("77 K", "K", 77.0),
        ("77K", "K", 77.0),
        ("5 mK", "K", 5e-3),
        ("1 m", "m", 1.0),
        ("1 mm", "m", 1e-3),
        ("50 nm", "m", 50e-9),
        ("50 meV", "eV", 0.05),
        ("1 eV", "eV", 1.0),
        ("2 fF", "F", 2e-15),
        ("1 F", "F", 1.0),
        ("1 ms", "s", 1e-3),
        ("1 mS", "S", 1e-3),
        ("3 µV", "V", 3e-6),
        ("3 μV", "V", 3e-6),
        ("3 uV", "V", 3e-6),
        (".5 V", "V", 0.5),
        ("2.5 kHz", "Hz", 2500.0),
        ("0.25", "", 0.25),
    ],
)
def test_quantities(value: object, unit: str, expected: float) -> None:
    found = parse_quantity(value, unit)
    assert type(found) is float
    assert found == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("value", "unit", "code"),
    [
        ("20 mA", "V", "units.wrong-unit"),
        ("1 m", "V", "units.wrong-unit"),
        ("1 K", "V", "units.wrong-unit"),
        ("12K", "Ohm", "units.wrong-unit"),
        ("1 s", "S", "units.wrong-unit"),
        ("20 mv", "V", "units.wrong-unit"),
        ("20 °C", "K", "units.wrong-unit"),
        ("25 %", "", "units.wrong-unit"),
        ("0x10", "V", "units.wrong-unit"),
        ("1 V;", "V", "units.bad-value"),
        (math.nan, "V", "units.not-finite"),
        (-math.inf, "V", "units.not-finite"),
        ("nan V", "V", "units.not-finite"),
        ("inf", "V", "units.not-finite"),
        ("1e400 V", "V", "units.not-finite"),
        (10**400, "V", "units.not-finite"),
        (np.float64("nan"), "V", "units.not-finite"),
        (True, "V", "units.bad-value"),
        (np.True_, "V", "units.bad-value"),
        (None, "V", "units.bad-value"),
        ([1.0], "V", "units.bad-value"),
        (np.array(1.0), "V", "units.bad-value"),
        (1j, "V", "units.bad-value"),
        (Decimal(1), "V", "units.bad-value"),
        ("", "V", "units.bad-value"),
        ("V", "V", "units.bad-value"),
        ("twenty mV", "V", "units.bad-value"),
        ("٣ V", "V", "units.bad-value"),
        # what quantiphy reads beyond quantities: names, comments, physical constants
        ("level = 1 V", "V", "units.bad-value"),
        ("level: 1 V", "V", "units.bad-value"),
        ("1 V -- or so", "V", "units.bad-value"),
        ("Z0", "Ohm", "units.bad-value"),
    ],
)
def test_no_quantities(value: object, unit: str, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_quantity(value, unit, place="loop.dither")
    assert caught.value.code == code
    assert caught.value.place == "loop.dither"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    if unit:
        assert unit in caught.value.remedy


def random_floats() -> list[float]:
    """Any finite bit pattern, plus the corners."""
    random = generator(5, "test", "floats")
    bits = random.integers(0, 2**64, 4000, dtype=np.uint64)
    wild = [struct.unpack("<d", struct.pack("<Q", int(word)))[0] for word in bits]
    tame = (random.uniform(1, 10, 2000) * 10.0 ** random.integers(-18, 12, 2000)).tolist()
    corners = [0.0, -0.0, 1.0, 0.1, 1 / 3, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e22, 123456789.0]
    return [value for value in wild if math.isfinite(value)] + tame + corners


def test_spice_numbers_are_exact_and_hold_no_suffix() -> None:
    form = re.compile(r"-?[0-9](\.[0-9]+)?e[+-][0-9]{2,3}")
    for value in random_floats():
        text = spice_number(value)
        assert float(text) == value
        assert form.fullmatch(text), text
    assert spice_number(-0.0) == "0e+00"
    assert spice_number(1.65) == "1.65e+00"
    assert spice_number(np.float32(0.5)) == "5e-01"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_spice_number(value: float) -> None:
    with pytest.raises(RequestError, match=r"units\.not-finite\] r1"):
        spice_number(value, place="r1")


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0066, "V", "6.6 mV"),
        (0.0, "V", "0 V"),
        (77.0, "K", "77 K"),
        (-1e-9, "A", "-1 nA"),
        (1e-7, "m", "100 nm"),
        (1.0, "m", "1 m"),
        (25e3, "Hz", "25 kHz"),
        (2e6, "Ohm", "2 MOhm"),
    ],
)
def test_quantities_are_shown_as_people_write_them(value: float, unit: str, shown: str) -> None:
    assert show_quantity(value, unit) == shown
    assert parse_quantity(shown, unit) == pytest.approx(value, rel=1e-3)


BAD = ["\n", "\r", " ", "\t", ";", "$", "*", "`", "'", '"', "\\", "/", "-", "+", ".", "(", "=", "{", "#", "\0", "\x85"]
LOOK_ALIKES = ["а", "ı", "Å", "١", "＿", "ａ", "\u2028", "\u00ad", "é", "𝐚"]  # Cyrillic a, dotless i, Arabic one, ...


@pytest.mark.parametrize("character", BAD + LOOK_ALIKES)
@pytest.mark.parametrize("position", [0, 3, 6])
def test_bad_characters_are_named_with_their_position(character: str, position: int) -> None:
    text = "abcdef"[:position] + character + "abcdef"[position:]
    with pytest.raises(RequestError) as caught:
        check_label(text, place="node label")
    assert caught.value.code == "names.bad-character"
    assert f"character {character!r} at position {position} " in caught.value.message
    assert str(caught.value).isprintable()


def test_good_labels_pass_unchanged() -> None:
    for text in ("a", "0", "_", "D12_x", "A" * 64):
        assert check_label(text, place="") == text


@pytest.mark.parametrize(("text", "code"), [("", "names.empty"), ("a" * 65, "names.too-long")])
def test_lengths_of_labels(text: str, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_label(text, place="")
    assert caught.value.code == code


@pytest.mark.parametrize("character", ["\n", "\r", "`", "$", "*", "#", "\\", "é", "\x85", "\t"])
def test_remarks_stay_in_their_line(character: str) -> None:
    assert check_remark("bond d3-d7: target's, +1 (gf180)", place="note")
    with pytest.raises(RequestError) as caught:
        check_remark(f"a b{character}c", place="note of r1")
    assert caught.value.code == "names.bad-character"
    assert f"{character!r} at position 3" in str(caught.value)
    assert "note of r1" in str(caught.value)


def test_labels_from_graphs() -> None:
    assert label_text("d1") == "d1"
    assert label_text(7) == label_text(np.int32(7)) == "7"
    assert label_text((1, (2, "a"))) == "1_2_a"
    for label in (1.5, None, True, b"d", frozenset()):
        with pytest.raises(RequestError, match=r"names\.bad-type"):
            label_text(label)


def test_collisions() -> None:
    check_unique(["a", "b", "ab"], place="nodes")
    with pytest.raises(RequestError, match=r"names\.case-collision\] nodes: 'd1A' and 'D1a'"):
        check_unique(["d1A", "x", "D1a"], place="nodes")
    with pytest.raises(RequestError, match=r"names\.duplicate\] nodes: 'x'"):
        check_unique(["x", "y", "x"], place="nodes")


def test_seeds_are_streams_by_purpose() -> None:
    draws = {
        generator(*path).random(4).tobytes()
        for path in [
            (0,),
            (1,),
            (0, "a"),
            (0, "b"),
            (0, "a", "b"),
            (0, "ab"),
            (0, "b", "a"),
            (0, "a", ""),
            (2**70, "a"),
        ]
    }
    assert len(draws) == 9
    assert generator(3, "a", 1).random() == generator(np.int64(3), "a", "1").random()


def test_seeds_are_the_documented_ones() -> None:
    """Worked out anew from the documentation: the same bytes on every machine."""
    words = [int(word) for word in np.frombuffer(hashlib.sha256(b"loop/start").digest()[:16], dtype="<u4")]
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence([41, *words]))).random(3)
    assert generator(41, "loop", "start").random(3).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("seed", "path", "kind"), [(-1, "a", ValueError), (1.5, "a", TypeError), (0, "a/b", ValueError)]
)
def test_bad_seeds(seed: float, path: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        generator(seed, path)  # type: ignore[arg-type]


def test_errors_are_one_line_and_travel() -> None:
    error = RequestError("a.b", "two\nlines", place="here", remedy="do\tthis")
    assert str(error) == "[a.b] here: two lines; do this"
    assert str(RequestError("a.b", "\x1b[31mred\x00 é")) == r"[a.b] \x1b[31mred\x00 é"
    again = pickle.loads(pickle.dumps(error))  # to another process and back
    assert str(again) == str(error)
    assert (error.exit_code, EngineError("a", "b").exit_code, HgeError("a", "b").exit_code) == (2, 1, 1)


def test_hints() -> None:
    assert nearest("rat", ["rate", "seed"]) == 'did you mean "rate"?'
    assert nearest("and", ["AND", "OR"]) == 'did you mean "AND"?'
    assert nearest("zzz", ["b", "a"]) == "one of: a, b"


def test_public_names_are_where_they_are_said_to_be() -> None:
    import hgesim

    assert set(hgesim.__all__) == {"__version__", *hgesim._HOMES}
    for name in hgesim.__all__:
        assert getattr(hgesim, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = hgesim.nonsense


def test_import_is_quick_and_light() -> None:
    import subprocess
    import sys

    heavy = "('scipy', 'matplotlib', 'xarray', 'networkx', 'numpy')"
    script = f"import sys, hgesim; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"
