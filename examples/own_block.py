"""Put a block of your own into the loop: from a plain .subckt text and from a PySpice SubCircuit.

python examples/own_block.py [OUTPUT_FOLDER] [EPOCHS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySpice.Spice.Netlist import SubCircuit

import hgesim as hg

HERE = Path(__file__).parent

# A mixer that multiplies exactly, without the saturation of a real one: ports as any mixer's.
EXACT_MIXER = """* mixer: exact multiplier, 1.6 times the in-phase amplitude at a reference of 0.3 V
* ideal parts: everything
* source: v(outp,outn) = k v(xp,xn) v(lo), k = 2 x 1.6 / 0.3 V
.subckt mixer_exact xp xn lo outp outn vp vn
bp outp 0 v = 5.33 * v(xp,xn) * v(lo)
bn outn 0 v = -5.33 * v(xp,xn) * v(lo)
.ends mixer_exact
"""


class SlowLowPass(SubCircuit):
    """A low-pass with ten times the library's time constant, in PySpice."""

    NODES = ("inp", "inn", "outp", "outn", "vp", "vn")

    def __init__(self) -> None:
        """Name it ``<kind>_<technology>``."""
        super().__init__("lowpass_slow", *self.NODES)
        self.R(1, "inp", "outp", 200e3)
        self.R(2, "inn", "outn", 200e3)
        self.C(1, "outp", "outn", 1e-9)


def main(out: str = "runs/own_block", epochs: int = 10) -> None:
    """Run the same loop with three different choices and compare the loss."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mixer_exact.sp").write_text(EXACT_MIXER)
    base = hg.Experiment.from_file(HERE / "and.toml", ["circuit.technology=ideal", f"loop.epochs={epochs}"])
    choices = {
        "library": base.design,
        "exact mixer": base.design.with_block("mixer", hg.block_from_file(folder / "mixer_exact.sp", "mixer")),
        "slow low-pass": base.design.with_block("lowpass", hg.block_from_pyspice(SlowLowPass(), "lowpass")),
    }
    for name, design in choices.items():
        run = hg.Experiment(design, base.config).run(folder / name.replace(" ", "_"), force=True)
        print(f"{name:14s} {run.verdict}; loss {run.loss['initial']:.3g} -> {run.loss['final']:.3g} V^2")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
