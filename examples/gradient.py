"""What a dither costs: the analog gradient at several amplitudes, against the twin and against the exact one.

python examples/gradient.py OUTPUT_FOLDER [POINTS] [DITHER ...] [--set section.key=value ...]

Small dithers are nearly exact and drown in any noise; large ones see the curvature of the device. Each amplitude is a
measurement of its own, with its report; a table compares them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import hgesim as hg

XOR = Path(__file__).parent / "xor.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("points", type=int, nargs="?", default=50)
    parser.add_argument("dithers", nargs="*", default=["5 mV", "10 mV", "20 mV"])
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    print(f"{'dither':8s}{'gradient of':14s}{'electronics alone':>22s}{'dither alone':>22s}{'both':>22s}")
    for dither in given.dithers:
        run = hg.gradient(
            XOR,
            given.out / dither.replace(" ", ""),
            hg.Sampling(given.points, parts=0),
            overrides=[*given.overrides, f'loop.dither="{dither}"'],
            force=True,
        )
        run.report()
        for of, found in run.result["summary"].items():
            rows = {(row["of"], row["against"]): row for row in found["comparisons"]}
            pairs = (("measured", "dithered"), ("dithered", "exact"), ("measured", "exact"))
            said = (f"{rows[pair]['angle_deg']:8.2f} deg {rows[pair]['relative_error']:7.2%}" for pair in pairs)
            print(f"{dither:8s}{of:14s}" + "".join(f"{words:>22s}" for words in said), flush=True)


if __name__ == "__main__":
    main()
