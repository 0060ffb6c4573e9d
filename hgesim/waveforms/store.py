"""Waveforms on disk: one netCDF file a run, units and meanings inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hgesim.engine import RawData

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["load_waveforms", "save_waveforms", "to_dataset"]


def to_dataset(raw: RawData, meanings: Mapping[str, str] | None = None) -> xr.Dataset:
    """Turn an engine's transient into a dataset over ``time``.

    Parameters
    ----------
    raw : RawData
        With a first variable ``time``.
    meanings : mapping of str to str, optional
        Long names by variable, such as ``{"err": "error"}``.

    Returns
    -------
    xarray.Dataset
        Variables named by net (``err``) or source (``i(v_vp_mixer)``), attributes ``units`` and ``long_name``. Values
        are single precision (the simulator's own tolerance is 1e-3), time is double.
    """
    import xarray as xr

    time = np.array(raw.values[:, 0], dtype=np.float64)
    variables = {}
    for column, (name, unit) in enumerate(zip(raw.names, raw.units, strict=True)):
        if column == 0:
            continue
        plain = name[2:-1] if name.startswith("v(") else name
        attributes = {
            "units": {"voltage": "V", "current": "A"}.get(unit, unit),
            "long_name": (meanings or {}).get(plain, plain),
        }
        variables[plain] = ("time", raw.values[:, column].astype(np.float32), attributes)
    return xr.Dataset(variables, coords={"time": ("time", time, {"units": "s", "long_name": "simulated time"})})


def save_waveforms(dataset: xr.Dataset, path: Path) -> Path:
    """Write a dataset as netCDF-4 and return the path."""
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def load_waveforms(path: str | Path) -> xr.Dataset:
    """Read ``waveforms.nc`` of a run."""
    import xarray as xr

    return xr.load_dataset(path, engine="h5netcdf")
