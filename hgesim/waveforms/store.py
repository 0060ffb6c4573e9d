"""Waveforms on disk: one netCDF file a run, units and meanings inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hgesim.engine import RawData, row_blocks

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["load_waveforms", "save_waveforms"]


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
    import h5netcdf

    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": len(raw.values)}
        variables = []
        for number, (name, unit) in enumerate(zip(raw.names, raw.units, strict=True)):
            plain = name[2:-1] if name.startswith("v(") else name
            variable = file.create_variable(plain, ("time",), np.float32 if number else np.float64)
            variable.attrs["units"] = {"time": "s", "voltage": "V", "current": "A"}.get(unit, unit)
            variable.attrs["long_name"] = (meanings or {}).get(plain, plain) if number else "simulated time"
            variables.append(variable)
        at = 0
        for block in row_blocks(raw.values):
            for number, variable in enumerate(variables):
                variable[at : at + len(block)] = block[:, number]
            at += len(block)
    return path


def load_waveforms(path: str | Path) -> xr.Dataset:
    """Read ``waveforms.nc`` of a run."""
    import xarray as xr

    return xr.load_dataset(path, engine="h5netcdf")
