"""The rows of a run in memory, on disk: the same file that the simulator would write itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["RawFile", "plain_name", "shown_name"]


def plain_name(name: str) -> str:
    """Return the plain name of a vector in memory: ``1`` of "V(1)"."""
    text = name.lower()
    return text[2:-1] if text.startswith("v(") and text.endswith(")") else text


def shown_name(name: str) -> str:
    """Return a vector as ngspice shows it in files: ``v(out)``, ``i(v1)``."""
    if name == "time" or name.startswith("@"):
        return name
    return f"i({name.removesuffix('#branch')})" if name.endswith("#branch") else f"v({name})"


class RawFile:
    """A raw file that grows in blocks.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    title : str
        Of the deck.
    names : sequence of str
        Vectors, time first.
    """

    def __init__(self, path: Path, title: str, names: Sequence[str]) -> None:
        kinds = ["time" if n == "time" else "current" if n.endswith("#branch") else "voltage" for n in names]
        rows = [f"\t{k}\t{shown_name(name)}\t{kind}" for k, (name, kind) in enumerate(zip(names, kinds, strict=True))]
        head = [f"Title: {title}", "Plotname: Transient Analysis", "Flags: real", f"No. Variables: {len(rows)}"]
        self._file = path.open("wb")
        self._file.write("\n".join([*head, "No. Points: "]).encode("utf-8", "replace"))
        self._count_at = self._file.tell()
        self._file.write("\n".join(["0".ljust(20), "Variables:", *rows, "Binary:", ""]).encode())
        self._file.flush()
        self.rows = 0

    def append(self, block: NDArray[np.float64]) -> None:
        """Write rows, shape (rows, vectors)."""
        self._file.write(block.tobytes())
        self._file.flush()
        self.rows += len(block)

    def close(self) -> None:
        """Write the number of rows into the head: the run is complete."""
        self._file.seek(self._count_at)
        self._file.write(str(self.rows).encode())
        self._file.close()
