"""Waveforms: raw data to named arrays with units, and what is measured on them."""

from __future__ import annotations

from hgesim.waveforms.lockin import demodulate, derivative
from hgesim.waveforms.measures import supply_energies, window_means
from hgesim.waveforms.store import Stretch, load_waveforms, save_stretches, save_waveforms

__all__ = [
    "Stretch",
    "demodulate",
    "derivative",
    "load_waveforms",
    "save_stretches",
    "save_waveforms",
    "supply_energies",
    "window_means",
]
