"""Waveforms on disk: one netCDF file a run, units and meanings inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hgesim.engine import RawData, row_blocks

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Stretch", "load_waveforms", "save_stretches", "save_waveforms"]


class Stretch(NamedTuple):
    """The first `rows` rows of a transient that begins at `begin`, in second, of a run."""

    raw: RawData
    begin: float
    rows: int


def save_waveforms(raw: RawData, path: Path, meanings: Mapping[str, str] | None = None) -> Path:
    """Write an engine's transient as netCDF-4 over ``time``, block by block, and return the path.

    Parameters
    ----------
    raw : RawData
        With a first vector ``time``.
    path : Path
        Replaced if it exists.
    meanings : mapping of str to str, optional
        Long names by variable, such as ``{"err": "error"}``.

    Notes
    -----
    Variables are named by net (``err``) or source (``i(v_vp_mixer)``), with attributes ``units`` and ``long_name``.
    Values are single precision (the simulator's own tolerance is 1e-3), time is double.
    """
    return save_stretches([Stretch(raw, 0.0, len(raw.values))], path, meanings)


def save_stretches(stretches: Sequence[Stretch], path: Path, meanings: Mapping[str, str] | None = None) -> Path:
    """Write stretches of a run one behind the other, as `save_waveforms` does with a whole one.

    Parameters
    ----------
    stretches : sequence of Stretch
        At least one, by time, all with the same vectors.
    path, meanings
        As for `save_waveforms`.
    """
    import h5netcdf

    raw = stretches[0].raw
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": sum(stretch.rows for stretch in stretches)}
        variables = []
        for number, (name, unit) in enumerate(zip(raw.names, raw.units, strict=True)):
            plain = name[2:-1] if name.startswith("v(") else name
            variable = file.create_variable(plain, ("time",), np.float32 if number else np.float64)
            variable.attrs["units"] = {"time": "s", "voltage": "V", "current": "A"}.get(unit, unit)
            variable.attrs["long_name"] = (meanings or {}).get(plain, plain) if number else "simulated time"
            variables.append(variable)
        at = 0
        for stretch in stretches:
            for block in row_blocks(stretch.raw.values[: stretch.rows]):
                variables[0][at : at + len(block)] = block[:, 0] + stretch.begin
                for number, variable in enumerate(variables[1:], 1):
                    variable[at : at + len(block)] = block[:, number]
                at += len(block)
    return path


def load_waveforms(path: str | Path) -> xr.Dataset:
    """Read ``waveforms.nc`` of a run."""
    import xarray as xr

    return xr.load_dataset(path, engine="h5netcdf")
