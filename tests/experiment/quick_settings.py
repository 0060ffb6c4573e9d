"""The example, made quick."""

from __future__ import annotations

from pathlib import Path

AND = Path(__file__).parents[2] / "examples" / "and.toml"
QUICK = ["circuit.technology=ideal", "loop.epochs=2", "loop.rate=0.05"]
