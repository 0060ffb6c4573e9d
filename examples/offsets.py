"""What mismatch does to single blocks: the offset of mixers and the drift of integrators, with and without remedies.

python examples/offsets.py [--blocks 24] [--seed 0]

Every block stands in one transient as often as asked for, each with its own draw of all its transistors by the
foundry's law (nonideal.mismatch = 1). Mixers have no signal, and a low-pass behind; their offset is the mean output
over whole periods of the reference, 10 kHz. "Behind a coupler" adds 50 mV of direct voltage at the signal input, which
is what a mismatched coupler has there. Their steps are ten times as fine as in a run of the loop, where when a mixer
switches is blurred, and offsets of hard-switched ones seem smaller. Integrators have the resistance of a mixer and a
low-pass before them and no input; the drift is that of their output over whole periods of the chopping clocks, which
toggle every 1.15 ms as in a gate's run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import hgesim as hg
from hgesim.blocks import Block, get_block
from hgesim.circuit import Dc, Element, Pulse, Resistor, Sine, Square, VoltageSource
from hgesim.design import Circuit, Transient
from hgesim.engine import RawData, fill_folder, read_raw, run_deck, select_engine
from hgesim.loop.wiring import START_GATE, Channel, Placer, chop_clocks, start_servo, supplies, tone
from hgesim.netlist import write_files
from hgesim.nonideal import deviate
from hgesim.waveforms import window_means

CARRIER, CASE = 1e4, 1.15e-3
PERIODS = 8  # of the chopping clocks
SOURCE = 250e3  # what an integrator sees in the loop: mixer and low-pass
MIXERS: tuple[tuple[str, str, Sine | Square, float], ...] = (
    ("sine 0.3 V, the default", "gf180", Sine(0.3, CARRIER), 0.0),
    ("sine 0.9 V", "gf180", Sine(0.9, CARRIER), 0.0),
    ("square 0.4 V", "gf180", Square(0.4, CARRIER), 0.0),
    ("chopper, sine 0.3 V", "gf180_chopper", Sine(0.3, CARRIER), 0.0),
    ("sine 0.3 V, behind a coupler", "gf180", Sine(0.3, CARRIER), 0.05),
    ("chopper, sine 0.3 V, behind a coupler", "gf180_chopper", Sine(0.3, CARRIER), 0.05),
)
INTEGRATORS = ("gf180", "gf180_chopped")


def simulate(elements: list[Element], nets: list[str], line: Transient, seed: int) -> RawData:
    """Run a bench on a chip and return the nets' waveforms."""
    made = deviate(elements, hg.Nonideal({"mismatch": 1.0}, seed=seed))
    with tempfile.TemporaryDirectory() as folder:
        write_files(Circuit("blocks with mismatch", made, line, tuple(nets)), Path(folder))
        fill_folder(Path(folder))
        ran = run_deck(Path(folder), select_engine(), end_time=line.stop, timeout=600)
        if not ran.ok:
            raise SystemExit(f"offsets: {ran.verdict}: {ran.message}")
        return read_raw(ran.raw)


def mixer_offsets(mixer: Block, reference: Sine | Square, direct: float, count: int, seed: int) -> np.ndarray:
    """Return the mean output of every mixer behind its low-pass, in volt."""
    blocks = {"mixer": mixer, "lowpass": get_block("lowpass", "gf180")}
    place = Placer(blocks)
    parts = [*supplies(blocks), *tone("ref", reference, "reference"), VoltageSource("v_x", "x", "0", Dc(direct))]
    for k in range(count):
        out, low = (f"mix{k}_p", f"mix{k}_n"), (f"low{k}_p", f"low{k}_n")
        parts.append(place("mixer", f"{k}", {"xp": "x", "xn": "0", "lo": "ref", "outp": out[0], "outn": out[1]}))
        parts.append(place("lowpass", f"{k}", {"inp": out[0], "inn": out[1], "outp": low[0], "outn": low[1]}))
    nets = [f"low{k}_{side}" for side in "pn" for k in range(count)]
    raw = simulate(parts, nets, Transient(1.2e-3, 1 / (500 * CARRIER)), seed)
    values = np.column_stack([raw[f"v({net})"] for net in nets])
    means = window_means(raw["time"], values, [[0.7e-3, 1.2e-3]])[0]
    return np.asarray(means[:count] - means[count:])


def integrator_drifts(integrator: Block, count: int, seed: int) -> np.ndarray:
    """Return the slope of every integrator's output, in volt per second."""
    blocks = {"integrator": integrator}
    place, line = Placer(blocks), hg.Timeline(1e-4, 5e-5, CASE - 1.5e-4, cases=2, epochs=PERIODS)
    parts = [*supplies(blocks), *chop_clocks(blocks, line), *tone("dither", Sine(0.0, CARRIER), "no dither")]
    parts.append(VoltageSource("v_start", START_GATE, "0", Pulse(1.0, 0.0, 2e-8, 2 * line.stop, 1e-8)))
    for k in range(count):
        rest = f"rest{k}_p", f"rest{k}_n"
        nets = {"inp": rest[0], "inn": rest[1], "dither": "dither", "out": f"out{k}"}
        parts.append(place("integrator", f"{k}", nets))
        parts += [Resistor(f"r_{net}", net, "0", SOURCE) for net in rest]
        parts.append(start_servo(Channel(f"{k}", f"out{k}", CARRIER, 0.0, 0.0), rest[0], integrator))
    outs = [f"out{k}" for k in range(count)]
    raw = simulate(parts, outs, Transient(line.stop, 2.5e-6), seed)
    values = np.column_stack([raw[f"v({net})"] for net in outs])
    ends = 2 * CASE * np.arange(PERIODS + 1)
    means = window_means(raw["time"], values, np.column_stack([ends[:-1], ends[1:]]))
    return np.asarray(np.polyfit(ends[1:-1], means[1:], 1)[0])


def told(words: str, values: np.ndarray, unit: str) -> str:
    rms, most = 1e3 * np.sqrt((values**2).mean()), 1e3 * np.abs(values).max()
    return f"{words:40s}{rms:9.3f} {unit} rms{most:10.3f} {unit} at most"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=24, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the chip")
    given = parser.parse_args()
    if given.blocks < 2:
        parser.error("at least 2 blocks")
    print(f"offset at the output of {given.blocks} mixers")
    for words, name, reference, direct in MIXERS:
        found = mixer_offsets(get_block("mixer", name), reference, direct, given.blocks, given.seed)
        print(told(words, found, "mV"), flush=True)
    print(f"drift of {given.blocks} integrators, time constant 16 ms")
    for name in INTEGRATORS:
        drifts = integrator_drifts(get_block("integrator", name), given.blocks, given.seed)
        print(told(name, drifts, "mV/s"), flush=True)


if __name__ == "__main__":
    main()
