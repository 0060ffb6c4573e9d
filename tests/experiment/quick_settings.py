"""The example, made quick."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
AND = EXAMPLES / "and.toml"
QUICK = ["circuit.technology=ideal", "loop.epochs=2", "loop.rate=0.05"]

# Among the best of what this finds, loop.seed by network.seed and gate:
# hgesim screen examples/xor.toml --set network.seed=DEVICE --set loop.seed=0 --set loop.epochs=40 --devices 1
#     --starts 512 --all-gates
STARTS = {
    6: {"AND": 272, "OR": 422, "NAND": 264, "NOR": 236, "XOR": 140, "XNOR": 508},
    112: {"AND": 168, "OR": 283, "NAND": 118, "NOR": 161, "XOR": 471, "XNOR": 188},
}
