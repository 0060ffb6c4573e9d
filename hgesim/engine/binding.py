"""libngspice through PySpice's binding, with what that needs to work; imported only where an engine runs in process.

One process holds one engine: the library keeps its state in global variables.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# PySpice warns of every version of ngspice younger than itself
logging.getLogger("PySpice").setLevel(logging.CRITICAL)

from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi, ffi_string_utf8  # noqa: E402

__all__ = ["Hooks", "Library"]


class Hooks(Protocol):
    """What a transient in memory calls while it runs; none of it may raise."""

    def begin(self, names: Sequence[str]) -> None:
        """Take the names of the stored vectors; called at every start and after every pause."""

    def accept(self, values: Any) -> None:
        """Look at an accepted step: ``values[i].creal`` is the last value of vector number i."""

    def drive(self, name: bytes, time: float) -> float:
        """Return the value of an external source, in volt or ampere, for a time that may not be accepted."""


class Library(NgSpiceShared):
    """libngspice, loaded and started without the user's start-up files.

    PySpice 1.5 takes every note on stderr for an error and every word "error" for one, hands over callbacks with which
    ``run FILE`` crashes, and copies all values at each step. Here lines go to `told`, and a caller judges them.

    Parameters
    ----------
    path : Path
        Of the library.
    hooks : Hooks, optional
        Called during transients in memory. With hooks ``run FILE`` is not possible, without them there are no
        external sources.
    """

    def __init__(self, path: Path, hooks: Hooks | None = None) -> None:
        self._path, self._hooks = str(path), hooks
        self.told: list[str] = []
        self._silent = False
        with _no_start_up_files():
            super().__init__(send_data=hooks is not None)

    @property
    def library_path(self) -> str:
        """Return the library to load: PySpice asks for it."""
        return self._path

    def _init_ngspice(self, send_data: bool) -> None:
        """Hand over our callbacks in the place of PySpice's; called by its constructor."""
        hooks = self._hooks
        text = "int (char *, int, void *)"
        kept: dict[str, Any] = {
            "char": ffi.callback(text, self._take_line),
            "stat": ffi.NULL,
            "exit": ffi.callback("int (int, bool, bool, int, void *)", self._leave),
            "background": ffi.callback("int (bool, int, void *)", lambda *_: 0),
            "data": ffi.NULL,
            "init": ffi.NULL,
        }
        if hooks is not None:

            def data(values: Any, *_: Any) -> int:
                hooks.accept(values.vecsa)
                return 0

            def begin(info: Any, *_: Any) -> int:
                hooks.begin([ffi_string_utf8(info.vecs[i].vecname) for i in range(info.veccount)])
                return 0

            def drive(value: Any, time: float, name: Any, *_: Any) -> int:
                value[0] = hooks.drive(ffi.string(name), time)
                return 0

            source = "int (double *, double, char *, int, void *)"
            kept |= {
                "data": ffi.callback("int (pvecvaluesall, int, int, void *)", data),
                "init": ffi.callback("int (pvecinfoall, int, void *)", begin),
                "source": ffi.callback(source, drive),
            }
        self._kept = kept  # the library holds pointers to them
        api = self._ngspice_shared
        api.ngSpice_Init(
            kept["char"], kept["stat"], kept["exit"], kept["data"], kept["init"], kept["background"], ffi.NULL
        )
        if hooks is not None:
            self._kept["number"] = ffi.new("int *", 0)
            api.ngSpice_Init_Sync(kept["source"], kept["source"], ffi.NULL, kept["number"], ffi.NULL)
        self.command("set nomoremode")

    def _take_line(self, message: Any, *_: Any) -> int:
        stream, _, line = ffi_string_utf8(message).partition(" ")
        if stream in ("stdout", "stderr"):  # anything else is the progress of a transient
            self.told.append(line)
            # what follows a pause that was asked for reads like a failure
            self._silent = self._silent or "condition met: stop" in line
            if not self._silent:
                os.write(1, f"{line}\n".encode("utf-8", "replace"))
        return 0

    def _leave(self, status: int, _immediate: bool, on_quit: bool, *_: Any) -> int:
        """End the process where ngspice would end its own: it can do nothing any more."""
        if not on_quit:
            os._exit(status or 1)
        return 0

    def command(self, text: str, *, silent: bool = False) -> list[str]:
        """Carry out a command of ngspice and return the lines that it told; on stdout too unless `silent`."""
        self.told.clear()
        self._silent = silent
        self._ngspice_shared.ngSpice_Command(text.encode())
        return list(self.told)

    def load(self, lines: Sequence[str]) -> list[str]:
        """Load a circuit and return the lines that were told."""
        self.told.clear()
        self._silent = False
        texts = [ffi.new("char[]", line.encode()) for line in lines]
        self._ngspice_shared.ngSpice_Circ([*texts, ffi.NULL])
        return list(self.told)

    def stop_at(self, time: float) -> None:
        """Have the transient under way put a step on a time, in second."""
        self._ngspice_shared.ngSpice_SetBkpt(time)

    def values(self, name: str, begin: int) -> NDArray[np.float64]:
        """Copy a real vector of the transient from row `begin` on."""
        plot = ffi_string_utf8(self._ngspice_shared.ngSpice_CurPlot())
        vector = self._ngspice_shared.ngGet_Vec_Info(f"{plot}.{name}".encode())
        rows = vector.v_length - begin
        return np.frombuffer(ffi.buffer(vector.v_realdata + begin, 8 * rows), dtype=np.float64).copy()


@contextlib.contextmanager
def _no_start_up_files() -> Iterator[None]:
    """Stand in an empty folder that is also the home: there is no ``.spiceinit`` to read."""
    home, here = os.environ.get("HOME"), os.getcwd()
    with tempfile.TemporaryDirectory(prefix="hgesim-home-") as empty:
        os.environ["HOME"] = empty
        os.chdir(empty)
        try:
            yield
        finally:
            os.chdir(here)
            os.environ.pop("HOME")
            if home is not None:
                os.environ["HOME"] = home
