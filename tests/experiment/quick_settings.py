"""The example, made quick."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
AND = EXAMPLES / "and.toml"
QUICK = ["circuit.technology=ideal", "loop.epochs=2", "loop.rate=0.05"]

# What `hgesim screen examples/xor.toml --set network.seed=DEVICE --devices 1 --starts 512 --all-gates` calls best, with
# loop.seed from 0 on: loop.seed by network.seed and gate.
STARTS = {
    6: {"AND": 272, "OR": 422, "NAND": 264, "NOR": 236, "XOR": 140, "XNOR": 508},
    112: {"AND": 4, "OR": 146, "NAND": 406, "NOR": 161, "XOR": 466, "XNOR": 268},
}
