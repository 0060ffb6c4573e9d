"""Networks: a validated value with its exact DC solution and adjoint gradient, from a graph, a file or a seed.

For hopping networks also what the mean field leaves out: kinetic Monte Carlo and the master equation.
"""

from __future__ import annotations

from hgesim.network.disc import DiscParameters, dopant_disc
from hgesim.network.files import read_network, write_network
from hgesim.network.gated import with_gates
from hgesim.network.graphs import from_graph, to_graph
from hgesim.network.junctions import Diode, Memristor, SpaceCharge
from hgesim.network.laws import Hopping, Law, Ohmic, Sinh
from hgesim.network.master import MasterResult, master_equation
from hgesim.network.measured import Measured, measured, read_curve
from hgesim.network.model import Network
from hgesim.network.montecarlo import KmcResult, kinetic_monte_carlo
from hgesim.network.resistive import (
    LawFactory,
    complete,
    diode,
    hopping,
    lattice,
    memristor,
    ohmic,
    random_geometric,
    sinh,
    space_charge,
)
from hgesim.network.solver import Solution
from hgesim.network.transistors import Gf180Nmos, Nmos

__all__ = [
    "Diode",
    "DiscParameters",
    "Gf180Nmos",
    "Hopping",
    "KmcResult",
    "Law",
    "LawFactory",
    "MasterResult",
    "Measured",
    "Memristor",
    "Network",
    "Nmos",
    "Ohmic",
    "Sinh",
    "Solution",
    "SpaceCharge",
    "complete",
    "diode",
    "dopant_disc",
    "from_graph",
    "hopping",
    "kinetic_monte_carlo",
    "lattice",
    "master_equation",
    "measured",
    "memristor",
    "ohmic",
    "random_geometric",
    "read_curve",
    "read_network",
    "sinh",
    "space_charge",
    "to_graph",
    "with_gates",
    "write_network",
]
