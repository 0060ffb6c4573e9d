"""Homodyne learning as one would simulate it without hgesim: PySpice, its ngspice in this process, a B-source a bond.

Usage: python learn_with_pyspice.py PROBLEM.json CIRCUITS MODELS [seconds] [--inline] [--deck] [--threads N]

PROBLEM.json holds the device and the loop in numbers (xor.json beside this script: the problem of examples/xor.toml),
CIRCUITS is the folder of the blocks (circuits/gf180), MODELS that of the foundry's model files. Threads and options are
what ngspice has by default; the time step is held below the bound that the problem gives, and everything is saved.

The last line printed is JSON: time points and wall times. --deck prints the netlist instead and simulates nothing.
This is the reference of `hgesim bench reference`. It needs PySpice alone.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from ctypes.util import find_library
from pathlib import Path
from typing import Any

# Debian's package has the library without the name that PySpice looks for
os.environ.setdefault("NGSPICE_LIBRARY_PATH", find_library("ngspice") or "libngspice.so")

import PySpice.Spice.NgSpice.Shared as shared
from PySpice.Spice.Netlist import Circuit

BOLTZMANN_EV = 8.617333262145179e-05
RAIL = 1.65
INTEGRATOR_C = 4e-9  # default of circuits/gf180/integrator.sp


def add_network(circuit: Circuit, network: dict[str, Any], inline: bool) -> None:
    """Put in sites and the hopping bonds between them and to the electrodes.

    A site's level is a net of its own, or written out in each of its bonds.
    """
    sites, kt = network["sites"], BOLTZMANN_EV * network["temperature"]
    levels = {}
    for site, values in sites.items():
        level = f"{values['level']!r}" + "".join(f"+{arm!r}*v(el_{name})" for name, arm in values["levers"].items())
        levels[site] = f"({level})" if inline else f"v(eps_{site})"
        if not inline:
            circuit.B(f"eps_{site}", f"eps_{site}", 0, v=level)
        circuit.C(site, f"mu_{site}", 0, network["site_capacitance"])
        circuit.R(f"leak_{site}", f"mu_{site}", 0, 1 / network["site_leak"])
    for number, (*ends, rate) in enumerate(network["bonds"]):
        a, b = (f"mu_{end}" if end in sites else f"el_{end}" for end in ends)
        circuit.B(number, a, b, i=hop((a, levels.get(ends[0])), (b, levels.get(ends[1])), rate, kt))


def hop(a: tuple[str, str | None], b: tuple[str, str | None], rate: float, kt: float) -> str:
    """Return the mean-field hopping current from a to b, each a net and its level: there less back.

    An electrode has no level: it is at the potential.
    """
    (net_a, level_a), (net_b, level_b) = a, b
    apart = f"(({level_a or f'v({net_a})'}-{level_b or f'v({net_b})'})/{2 * kt!r})"
    down = f"sqrt({apart}*{apart}+0.01)-0.1"
    full_a, empty_a = occupations(net_a, level_a, kt)
    full_b, empty_b = occupations(net_b, level_b, kt)
    there, back = f"exp({apart}-({down}))*{full_a}*{empty_b}", f"exp(-{apart}-({down}))*{full_b}*{empty_a}"
    return f"{rate!r}*({there}-{back})"


def occupations(net: str, level: str | None, kt: float) -> tuple[str, str]:
    """Return how full a site is and how empty, by Fermi's function; an electrode by half."""
    if level is None:
        return "0.5", "0.5"
    half = f"0.5*tanh(({level}-v({net}))/{2 * kt!r})"
    return f"(0.5-{half})", f"(0.5+{half})"


def add_loop(circuit: Circuit, loop: dict[str, Any]) -> None:
    """Wire sources, read-out, loss, coupler and a mixer, a low-pass and an integrator for each channel."""
    rails = ("vp", "vn")
    circuit.V("p", "vp", 0, RAIL)
    circuit.V("n", "vn", 0, -RAIL)
    for electrode, levels in zip(loop["inputs"], zip(*loop["cases"], strict=True), strict=True):
        circuit.V(f"data_{electrode}", f"el_{electrode}", 0, steps(levels, loop))
    circuit.V("target", "target", 0, steps(loop["targets"], loop))
    width = f"{loop['pause'] - 1e-6!r} 1e-6 1e-6 {loop['case'] - loop['pause']!r} {loop['case']!r}"
    circuit.V("hold", "hold", 0, f"PULSE({RAIL} {-RAIL} {width})")
    circuit.V("holdn", "holdn", 0, f"PULSE({-RAIL} {RAIL} {width})")
    output = f"el_{loop['output']}"
    circuit.X("readout", "readout_gf180", output, "err", *rails, rf=loop["transimpedance"])
    circuit.VCCS("target", output, 0, "target", 0, loop["target_current"])
    circuit.R("threshold", "threshold", output, loop["threshold_resistance"])
    circuit.X("loss", "loss_gf180", "err", "lossp", "lossn", *rails)
    circuit.X("coupler", "coupler_gf180", "lossp", "lossn", "drivep", "driven", "hold", "holdn", *rails)
    for channel in loop["channels"]:
        name, sine = channel["name"], f"SIN(0 {{}} {channel['carrier']!r})"
        circuit.V(f"ref_{name}", f"ref_{name}", 0, sine.format(loop["reference"]))
        circuit.V(f"dither_{name}", f"dither_{name}", 0, sine.format(channel["dither"]))
        mixed, smooth = ([f"{what}_{name}_{sign}" for sign in "pn"] for what in ("mix", "low"))
        circuit.X(f"mixer_{name}", "mixer_gf180", "drivep", "driven", f"ref_{name}", *mixed, *rails)
        circuit.X(f"lowpass_{name}", "lowpass_gf180", *mixed, *smooth, *rails)
        ends = (*smooth, f"dither_{name}", channel["net"])
        circuit.X(f"integrator_{name}", "integrator_gf180", *ends, *rails, r=loop["integrator_tau"] / INTEGRATOR_C)


def steps(levels: tuple[float, ...], loop: dict[str, Any]) -> str:
    """Return a source that ramps to each case's level in turn, again and again, from the last one's at time 0."""
    points = [(0.0, levels[-1])]
    for number, level in enumerate(levels):
        points += [(number * loop["case"] + loop["ramp"], level), ((number + 1) * loop["case"], level)]
    return f"PWL({' '.join(f'{t!r} {v!r}' for t, v in points)}) r=0"


def build(problem: dict[str, Any], circuits: Path, models: Path, inline: bool = False) -> Circuit:
    """Return the whole circuit."""
    circuit = Circuit("homodyne learning with PySpice")
    # not circuit.include, which makes paths absolute
    files = [models / "design.ngspice", *sorted(circuits.glob("*.sp"))]
    circuit.raw_spice += "".join(f".include {file}\n" for file in files)
    circuit.raw_spice += f".lib {models / 'sm141064.ngspice'} typical\n"
    circuit.raw_spice += ".param sw_stat_global=0 sw_stat_mismatch=0\n"  # the foundry file draws mismatch by default
    add_network(circuit, problem["network"], inline)
    add_loop(circuit, problem["loop"])
    return circuit


def simulator_of(circuit: Circuit, loop: dict[str, Any]) -> Any:
    """Set the temperature and where the run begins."""
    celsius = loop["temperature"] - 273.15
    simulator = circuit.simulator(temperature=celsius, nominal_temperature=celsius)
    simulator.initial_condition(**{channel["net"]: channel["start"] for channel in loop["channels"]})
    nets = {str(node) for node in circuit.node_names}
    simulator.node_set(**{net: value for net, value in loop["guess"].items() if net in nets})
    return simulator


def bear_notes() -> None:
    """Let PySpice take ngspice's notes on its error stream, such as "Starting dynamic gmin stepping", for no error."""

    def send_char(message: Any, number: int, data: Any) -> int:
        self = shared.ffi.from_handle(data)
        stream, _, text = shared.ffi_string_utf8(message).partition(" ")
        (self._stderr if stream == "stderr" else self._stdout).append(text)
        if text.lower().startswith("error") or "aborted" in text:
            setattr(self, f"_error_in_{stream}", True)
        return 0

    shared.NgSpiceShared._send_char = staticmethod(send_char)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("problem", type=Path)
    words.add_argument("circuits", type=Path)
    words.add_argument("models", type=Path)
    words.add_argument("seconds", type=float, nargs="*", help="of simulated time; the whole run if left out")
    words.add_argument("--inline", action="store_true", help="levels in the bonds' expressions, not as nets")
    words.add_argument("--deck", action="store_true", help="print the netlist and stop")
    words.add_argument("--threads", type=int, help="of ngspice, instead of its default")
    words.add_argument("--save", type=Path, help="file for the waveforms of the last run (.npz)")
    given = words.parse_args()
    problem = json.loads(given.problem.read_text(encoding="utf-8"))
    loop = problem["loop"]
    bear_notes()
    simulator = simulator_of(build(problem, given.circuits, given.models, given.inline), loop)
    if given.deck:
        print(str(simulator).replace(".end\n", f".tran {loop['step']} {loop['stop']} 0 {loop['step']}\n.end\n"), end="")
        return
    engine = shared.NgSpiceShared.new_instance()
    if given.threads is not None:
        engine.exec_command(f"set num_threads={given.threads}")
    told = []
    for seconds in given.seconds or [loop["stop"]]:
        began, cpu = time.perf_counter(), time.process_time()
        analysis = simulator.transient(step_time=loop["step"], end_time=seconds, max_time=loop["step"])
        took = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
        told.append({"simulated_s": seconds, "points": len(analysis.time), **took})
    if given.save is not None:
        import numpy as np

        np.savez(given.save, time=analysis.time, **dict(analysis.nodes.items()))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
