"""The raw reader: finished, torn, growing, complex and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_samples import ramp, raw_bytes

from hgesim.engine import read_raw, row_blocks
from hgesim.errors import EngineError


def _read(tmp_path: Path, content: bytes):
    path = tmp_path / "w.raw"
    path.write_bytes(content)
    return read_raw(path)


def test_finished_file(tmp_path):
    data = _read(tmp_path, raw_bytes(ramp(), names=("time", "v(Out)")))
    assert data.complete
    assert data.names == ("time", "v(out)")
    assert data.units == ("time", "voltage")
    np.testing.assert_array_equal(data.values, ramp())
    np.testing.assert_array_equal(data["V(OUT)"], ramp()[:, 1])
    with pytest.raises(KeyError, match="nothere"):
        data["nothere"]


@pytest.mark.parametrize("claimed", [0, 3])
def test_rows_that_the_header_does_not_count_are_read(tmp_path, claimed):
    data = _read(tmp_path, raw_bytes(ramp(), points=claimed))
    assert not data.complete
    np.testing.assert_array_equal(data.values, ramp())


def test_torn_last_row_is_left_out(tmp_path):
    data = _read(tmp_path, raw_bytes(ramp(), points=0) + b"\0" * 9)
    assert data.values.shape == (11, 2)
    assert _read(tmp_path, raw_bytes(ramp())[:-9]).values.shape == (10, 2)
    assert not _read(tmp_path, raw_bytes(ramp())[:-9]).complete


def test_header_without_rows(tmp_path):
    data = _read(tmp_path, raw_bytes(ramp()[:0]))
    assert data.values.shape == (0, 2)
    assert not data.complete


def test_first_of_several_plots(tmp_path):
    data = _read(tmp_path, raw_bytes(ramp()) + raw_bytes(ramp(99)))
    assert data.complete
    np.testing.assert_array_equal(data.values, ramp())


def test_complex_rows(tmp_path):
    values = ramp() * (1 + 2j)
    data = _read(tmp_path, raw_bytes(values))
    np.testing.assert_array_equal(data.values, values)
    assert data["time"].dtype == np.float64


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF garbage",
        b"a\nb\n" * 50,
        raw_bytes(ramp())[:60],
        raw_bytes(ramp()).replace(b"Binary:", b"Values:"),
        raw_bytes(ramp()).replace(b"No. Variables: 2", b"No. Variables: 7"),
        raw_bytes(ramp()).replace(b"No. Points: 11", b"No. Points: no"),
    ],
)
def test_what_is_no_raw_file_is_refused(tmp_path, content):
    with pytest.raises(EngineError) as caught:
        _read(tmp_path, content)
    assert caught.value.code == "engine.bad-raw"


def test_missing_file():
    with pytest.raises(EngineError, match="No such file"):
        read_raw("/nonexistent/w.raw")


def test_blocks_cover_all_rows_once():
    values = np.arange(3 * (1 << 20), dtype=float).reshape(-1, 3)
    blocks = list(row_blocks(values))
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate(blocks), values)


def test_columns_of_a_long_file(tmp_path):
    """More rows than a block holds: each vector comes whole, from the row asked for on, in any order of names."""
    values = np.arange(3.0 * (1 << 20)).reshape(-1, 3)
    assert len(list(row_blocks(values))) > 1
    data = _read(tmp_path, raw_bytes(values, names=("time", "v(a)", "v(b)")))
    found = data.columns(["V(b)", "time"], first=5)
    assert list(found) == ["V(b)", "time"]
    np.testing.assert_array_equal(found["V(b)"], values[5:, 2])
    np.testing.assert_array_equal(found["time"], values[5:, 0])
    np.testing.assert_array_equal(data["v(a)"], values[:, 1])
