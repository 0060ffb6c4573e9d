"""Networks: a validated value with its exact DC solution and adjoint gradient, from a graph, a file or a seed.

For hopping networks also what the mean field leaves out: kinetic Monte Carlo and the master equation.
"""

from __future__ import annotations

from hgesim.network.disc import DiscParameters, dopant_disc
from hgesim.network.files import read_network, write_network
from hgesim.network.graphs import from_graph, to_graph
from hgesim.network.laws import Hopping, Law, Ohmic, Sinh
from hgesim.network.master import MasterResult, master_equation
from hgesim.network.model import Network
from hgesim.network.montecarlo import KmcResult, kinetic_monte_carlo
from hgesim.network.resistive import LawFactory, complete, hopping, lattice, ohmic, random_geometric, sinh
from hgesim.network.solver import Solution

__all__ = [
    "DiscParameters",
    "Hopping",
    "KmcResult",
    "Law",
    "LawFactory",
    "MasterResult",
    "Network",
    "Ohmic",
    "Sinh",
    "Solution",
    "complete",
    "dopant_disc",
    "from_graph",
    "hopping",
    "kinetic_monte_carlo",
    "lattice",
    "master_equation",
    "ohmic",
    "random_geometric",
    "read_network",
    "sinh",
    "to_graph",
    "write_network",
]
