"""hgesim: SPICE-level co-simulation of learning in physical networks."""

from __future__ import annotations

__version__ = "0.1.0"
