"""A PySpice circuit under a digital controller: Python samples the output every 20 us and sets the drive."""

from PySpice.Spice.Netlist import Circuit

from hgesim.cosim import PythonSource, Session
from hgesim.design import Transient

circuit = Circuit("supply with a load that switches")
circuit.V("drive", "drive", circuit.gnd, 0)
circuit.R("filter", "drive", "out", 10)
circuit.C("filter", "out", circuit.gnd, 1e-6)
circuit.I("load", "out", circuit.gnd, "pulse(0 50m 1m 1u 1u 1m 2m)")


class Controller:
    """Proportional and integral action on the error of the output; its sum is its memory."""

    total = 0.0

    def __call__(self, time: float, out: float) -> float:
        """Return the drive, in volt."""
        self.total += 0.2 * (2.0 - out)
        return 0.5 * (2.0 - out) + self.total


source = PythonSource(Controller(), ["out"], grid=20e-6)
with Session(circuit, sources={"Vdrive": source}, transient=Transient(4e-3, 1e-6)) as session:
    for _ in session.every(0.25e-3):
        out, drive = session.read(["out", "drive"])
        print(f"{1e3 * session.time:.2f} ms: out {out:.4f} V, drive {drive:.4f} V")
