"""Read binary raw files of ngspice and VACASK, also the torso that an aborted or killed run leaves behind.

spicelib's reader trusts the ``No. Points`` of the header, which ngspice fills in only when a run ends
well: on a run that was cut short it finds no rows. Here the size of the file counts.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import EngineError

__all__ = ["FLOW", "RawData", "RawHeader", "count_rows", "last_sweep_value", "read_header", "read_raw", "row_blocks"]

_HEADER_LIMIT = 1 << 24  # a header larger than 16 MB is no header
_BLOCK_BYTES = 1 << 24
FLOW = ":flow(br)"  # VACASK: behind the name of a source whose current it is


@dataclass(frozen=True)
class RawHeader:
    """What stands before the numbers of one plot.

    Parameters
    ----------
    plot : str
        Plot name, for example ``"Transient Analysis"``.
    names, units : tuple of str
        Vectors in file order, names in lower case; units as ngspice words them (``voltage``, ``time``).
    is_complex : bool
        True for ``.ac`` results.
    points : int
        What the header claims; 0 while the run goes on and after it was cut short.
    offset : int
        Byte at which the first row begins.
    """

    plot: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    is_complex: bool
    points: int
    offset: int

    @property
    def dtype(self) -> np.dtype:
        """Type of one value on disk."""
        return np.dtype(np.complex128 if self.is_complex else np.float64)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row: one value of every vector."""
        return len(self.names) * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class RawData:
    """Waveforms of one plot.

    Parameters
    ----------
    names : tuple of str
        Vector names as ngspice writes them, in lower case: ``time``, ``v(e)``, ``i(vout)``.
    units : tuple of str
        One word for each vector: ``time``, ``voltage``, ``current``.
    values : ndarray
        Shape (points, vectors), SI units, mapped from the file; float64, complex128 for ``.ac``, where ngspice 39
        leaves garbage in the imaginary half of the frequency: take it by name.
    complete : bool
        True if the simulator closed the file itself: the header's count and the rows agree.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    values: NDArray
    complete: bool

    def __getitem__(self, name: str) -> NDArray:
        """Return one vector by name; see `columns`."""
        return self.columns([name])[name]

    def columns(self, names: Iterable[str], first: int = 0) -> dict[str, NDArray]:
        """Copy some vectors, in one walk through the rows: of a long run only these are ever in memory.

        Parameters
        ----------
        names : iterable of str
            Case-blind.
        first : int
            Row to begin with.

        Returns
        -------
        dict of str to ndarray, (points - first,)
            By the names given; the sweep (first vector) is always real.

        Raises
        ------
        KeyError
            If no vector has a name.
        """
        asked = list(names)
        where = [self._column(name) for name in asked]
        rows = self.values[first:]
        copied = [np.empty(len(rows), dtype=self.values.dtype if column else np.float64) for column in where]
        at = 0
        for block in row_blocks(rows):
            for column, vector in zip(where, copied, strict=True):
                vector[at : at + len(block)] = block[:, column] if column else block[:, column].real
            at += len(block)
        return dict(zip(asked, copied, strict=True))

    def _column(self, name: str) -> int:
        try:
            return self.names.index(name.lower())
        except ValueError:
            raise KeyError(name) from None


def read_header(path: Path) -> RawHeader:
    """Parse the text before the first row.

    Parameters
    ----------
    path : Path
        A raw file, possibly still being written.

    Raises
    ------
    EngineError
        ``engine.bad-raw`` if the header is missing, cut off, or of an ASCII file.
    """
    fields: dict[str, str] = {}
    vectors: list[list[str]] = []
    in_vectors = False
    try:
        stream = path.open("rb")
    except OSError as error:
        raise EngineError("engine.bad-raw", f"cannot be read: {error.strerror}", place=path.name) from None
    with stream:
        while stream.tell() < _HEADER_LIMIT:
            line = stream.readline(_HEADER_LIMIT)
            if not line.endswith(b"\n"):
                break
            text = line.decode("latin-1").strip()
            if text == "Binary:":
                return _header(fields, vectors, stream.tell(), path)
            if text == "Values:":
                raise EngineError(
                    "engine.bad-raw",
                    "holds text, not binary rows",
                    place=path.name,
                    remedy='write "set filetype=binary"',
                )
            if text == "Variables:":
                in_vectors = True
            elif in_vectors:
                vectors.append(text.split())
            else:
                key, _, value = text.partition(":")
                fields[key.strip().lower()] = value.strip()
    raise EngineError("engine.bad-raw", "is no ngspice raw file, or its header is cut off", place=path.name)


def _header(fields: dict[str, str], vectors: list[list[str]], offset: int, path: Path) -> RawHeader:
    """Check the parsed lines and freeze them."""
    try:
        points, variables = int(fields["no. points"] or 0), int(fields["no. variables"])  # VACASK fills it in last
        named = [_vector(parts[1].lower(), parts[2].lower(), bool(column)) for column, parts in enumerate(vectors)]
        names, units = tuple(name for name, _ in named), tuple(unit for _, unit in named)
    except (KeyError, ValueError, IndexError):
        raise EngineError("engine.bad-raw", "has a header that does not parse", place=path.name) from None
    if not names or len(names) != variables:
        raise EngineError("engine.bad-raw", f"lists {len(names)} of {variables} vectors", place=path.name)
    is_complex = "complex" in fields.get("flags", "").lower()
    return RawHeader(fields.get("plotname", ""), names, units, is_complex, points, offset)


def _vector(name: str, unit: str, is_signal: bool) -> tuple[str, str]:
    """Return name and unit in ngspice's words; VACASK gives no units, and nets and currents have bare names there."""
    if name.endswith(FLOW):
        return f"i({name.removesuffix(FLOW)})", "current"
    if unit != "notype" or "(" in name:
        return name, unit
    return (f"v({name})", "voltage") if is_signal else (name, name)


def count_rows(path: Path, header: RawHeader) -> int:
    """Count the whole rows of the first plot, whatever its header claims."""
    on_disk = max(path.stat().st_size - header.offset, 0) // header.row_bytes
    if 0 < header.points < on_disk and _next_plot_follows(path, header):
        return header.points
    return on_disk


def _next_plot_follows(path: Path, header: RawHeader) -> bool:
    """Tell a second plot behind the counted rows from rows that the header did not count."""
    with path.open("rb") as stream:
        stream.seek(header.offset + header.points * header.row_bytes)
        return stream.read(6) == b"Title:"


def last_sweep_value(path: Path, header: RawHeader, rows: int) -> float:
    """Read the first vector (time, frequency) of the last whole row: one seek, cheap on any size; 0 without rows."""
    if rows == 0:
        return 0.0
    with path.open("rb") as stream:
        stream.seek(header.offset + (rows - 1) * header.row_bytes)
        return float(np.frombuffer(stream.read(8), dtype=np.float64)[0])


def read_raw(path: str | Path) -> RawData:
    """Map the first plot of a binary raw file into memory.

    Parameters
    ----------
    path : str or Path
        File written by ``run waveforms.raw``, finished or not.

    Returns
    -------
    RawData
        All whole rows; a torn last row is left out.

    Raises
    ------
    EngineError
        ``engine.bad-raw`` if the file is missing or is no binary raw file.
    """
    path = Path(path)
    header = read_header(path)
    rows = count_rows(path, header)
    shape = (rows, len(header.names))
    if rows:
        values: NDArray = np.memmap(path, dtype=header.dtype, mode="r", offset=header.offset, shape=shape)
    else:
        values = np.empty(shape, dtype=header.dtype)
    return RawData(header.names, header.units, values, complete=0 < header.points == rows)


def row_blocks(values: NDArray) -> Iterator[NDArray]:
    """Walk through the rows in blocks of about 16 MB, so that a long run never has to fit into memory.

    Pages of a mapped file are given back to the system behind each block; a block counts until the next is asked for.
    """
    step = max(1, _BLOCK_BYTES // max(values.shape[1] * values.itemsize, 1))
    mapped: mmap.mmap | None = getattr(values, "_mmap", None)
    for start in range(0, values.shape[0], step):
        yield values[start : start + step]
        if mapped is not None:
            mapped.madvise(mmap.MADV_DONTNEED)
