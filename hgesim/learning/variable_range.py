"""Variable-range hopping: the conductance of films and devices at vanishing voltage, and how it falls with cold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.errors import RequestError
from hgesim.learning.signatures import numbers, positive
from hgesim.network import Hopping, Network
from hgesim.network.checks import check_count
from hgesim.network.laws import KINK
from hgesim.network.model import BOLTZMANN_EV
from hgesim.network.montecarlo import compiled
from hgesim.seeds import generator

__all__ = ["HoppingExponent", "hopping_exponent", "hopping_film", "zero_bias_conductance"]

FloatArray = NDArray[np.float64]


def hopping_film(
    seed: int,
    sites: int = 400,
    *,
    density: float = 0.025e18,
    width: float = 0.5,
    localisation: float = 3e-9,
    cutoff: float = 36e-9,
) -> Network:
    """Scatter sites in a square film between two bar electrodes, with a flat density of states around their level.

    Parameters
    ----------
    seed : int
        Of positions and levels.
    sites : int
        How many.
    density : float
        Sites per square metre.
    width : float
        Of the band of levels, in eV: uniform within half of it on either side of the electrodes.
    localisation, cutoff : float
        Radius a in ``exp(-2 r/a)`` and longest bond, in metre.

    Returns
    -------
    Network
        Electrode ``left`` is the output, ``right`` a control; no gating. Bonds to a bar have the length of the
        perpendicular. A bond of zero length has a rate of 1 A: set the scale as you like.

    Raises
    ------
    RequestError
        ``signatures.bad-value``, ``network.bad-seed``; ``network.disconnected`` or ``isolated-site`` when the cutoff
        is too short.
    """
    seed, sites = check_count(seed, 0, "seed"), check_count(sites, 1, "sites")
    side = math.sqrt(sites / positive(density, "density"))
    random = generator(seed, "learning", "signatures", "film")
    positions = random.uniform(0.0, side, (sites, 2))
    levels = random.uniform(-0.5, 0.5, sites) * positive(width, "width")
    first, second = np.triu_indices(sites, 1)
    length = np.linalg.norm(positions[first] - positions[second], axis=1)
    near = length < positive(cutoff, "cutoff")
    bars = [(np.arange(sites), np.full(sites, sites + k), abs(positions[:, 0] - k * side)) for k in (0, 1)]
    bars = [tuple(part[gap < max(cutoff, gap.min() * 1.01)] for part in (i, j, gap)) for i, j, gap in bars]
    ends = [(first[near], second[near], length[near]), *bars]
    i, j, r = (np.concatenate(parts) for parts in zip(*ends, strict=True))
    return Network(
        site_labels=tuple(f"s{k}" for k in range(sites)),
        electrode_labels=("left", "right"),
        roles=("output", "control"),
        levels=levels,
        levers=np.zeros((sites, 2)),
        site_positions=positions,
        electrode_positions=np.array([[0.0, side / 2], [side, side / 2]]),
        bond_sites=np.column_stack([i, j]),
        bond_laws=tuple(Hopping(v) for v in np.exp(-2.0 * r / positive(localisation, "localisation")).tolist()),
        meta=(("generator", "hopping_film"), ("seed", seed)),
    )


def zero_bias_conductance(network: Network, first: str | int, second: str | int, temperatures: ArrayLike) -> FloatArray:
    r"""Return the conductance between two electrodes at vanishing voltages, the others floating.

    Each bond becomes the resistor of Miller and Abrahams: with levels from the common potential,
    ``rate/2kT exp(-D(d)) / (2 cosh(eps_i/2kT) cosh(eps_j/2kT))``. Gating drops out, because it multiplies currents.

    Parameters
    ----------
    network : Network
        Hopping bonds only, no Coulomb repulsion. ``site_leak`` is left out.
    first, second : str or int
        Two different electrodes.
    temperatures : array, (T,)
        In kelvin.

    Returns
    -------
    ndarray, (T,)
        In siemens.

    Raises
    ------
    RequestError
        ``network.no-electrode``, ``network.not-hopping`` or ``signatures.bad-value``.

    Notes
    -----
    Nodes are eliminated one by one by the star-mesh transformation, ``G_jk += G_j G_k / sum G``. Nothing is ever
    subtracted, so that conductances that span a hundred decades keep their digits, which the factors of a Laplacian do
    not. Nodes are taken in the reverse Cuthill-McKee order, which keeps the mesh sparse.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    ends = [network.electrode(first), network.electrode(second)]
    if network.interacts:
        raise RequestError("signatures.bad-value", "sites interact", place="network", remedy="use gradient() at 0 V")
    if ends[0] == ends[1]:
        raise RequestError("signatures.bad-value", "one electrode twice", place="second", remedy="name another one")
    kelvin = np.atleast_1d(numbers(temperatures, "temperatures"))
    if kelvin.ndim != 1 or not (np.isfinite(kelvin) & (kelvin > 0)).all():
        raise RequestError(
            "signatures.bad-value", f"{kelvin.tolist()}", place="temperatures", remedy="positive kelvins"
        )
    n, nodes = network.n_sites, network.n_sites + network.n_electrodes
    i, j = network.bond_sites.T
    graph = coo_array((np.ones(network.n_bonds), (i, j)), shape=(nodes, nodes)).tocsr()
    order = reverse_cuthill_mckee(graph + graph.T, symmetric_mode=True)
    kept = [n + ends[0], n + ends[1]]
    place = np.empty(nodes, dtype=np.int64)
    place[np.concatenate([kept, order[~np.isin(order, kept)]])] = np.arange(nodes)
    low, high = np.minimum(place[i], place[j]), np.maximum(place[i], place[j])
    found = np.empty(len(kelvin))
    for k, temperature in enumerate(kelvin.tolist()):
        mesh = np.zeros((nodes, nodes))
        np.add.at(mesh, (high, low), _resistors(network, temperature))
        found[k] = compiled(_star_mesh)(mesh)
    return found


def _resistors(network: Network, temperature: float) -> FloatArray:
    """Return the conductance of each bond at vanishing voltage, (B,) in siemens."""
    unit = 2.0 * BOLTZMANN_EV * temperature
    rates = np.array([law.rate if isinstance(law, Hopping) else np.nan for law in network.bond_laws])
    if np.isnan(rates).any():
        raise RequestError("network.not-hopping", "not all bonds are hopping", remedy="use gradient() at 0 V")
    eps = np.zeros(network.n_sites + network.n_electrodes)
    eps[: network.n_sites] = network.levels / unit
    log_cosh = np.logaddexp(eps, -eps) - math.log(2.0)
    i, j = network.bond_sites.T
    rounded = np.sqrt((eps[i] - eps[j]) ** 2 + KINK**2) - KINK
    return np.asarray(rates / (2.0 * unit) * np.exp(-rounded - log_cosh[i] - log_cosh[j]))


def _star_mesh(mesh: Any) -> float:
    """Eliminate all nodes but the first two from conductances, kept below the diagonal and overwritten."""
    for last in range(len(mesh) - 1, 1, -1):
        near = np.flatnonzero(mesh[last, :last])
        spread = mesh[last, near]
        total = spread.sum()
        for k in range(len(near)):
            for m in range(k):
                mesh[near[k], near[m]] += spread[k] * spread[m] / total
    return float(mesh[1, 0])


@dataclass(frozen=True)
class HoppingExponent:
    """Fit of ``mean ln(G T) = constant - (scale/T)^exponent`` over an ensemble.

    Parameters
    ----------
    exponent, error : float
        Least squares, and its standard error by drawing devices with replacement.
    scale : float
        In kelvin.
    constant : float
        Natural logarithm of siemens times kelvin.
    residual : float
        Root mean square of what the fit leaves, in units of ln G.
    """

    exponent: float
    error: float
    scale: float
    constant: float
    residual: float


def hopping_exponent(
    temperatures: ArrayLike, conductances: ArrayLike, *, seed: int = 0, resamples: int = 400
) -> HoppingExponent:
    """Fit how the conductance of an ensemble falls as it cools: 1 is activated, 1/3 is Mott's law in two dimensions.

    The factor 1/T of every hopping bond is divided out before. What is averaged is the logarithm, because a single
    small device is dominated by one bond and the mean conductance of an ensemble by its best device.

    Parameters
    ----------
    temperatures : array, (T,)
        In kelvin, at least four.
    conductances : array, (devices, T)
        In siemens, positive.
    seed : int
        Of the resampling.
    resamples : int
        How many ensembles are drawn for the error.

    Returns
    -------
    HoppingExponent

    Raises
    ------
    RequestError
        ``signatures.bad-value`` or ``network.bad-seed``.
    """
    kelvin, siemens = numbers(temperatures, "temperatures"), np.atleast_2d(numbers(conductances, "conductances"))
    if kelvin.ndim != 1 or len(kelvin) < 4 or not (np.isfinite(kelvin) & (kelvin > 0)).all():
        raise RequestError(
            "signatures.bad-value", f"shape {kelvin.shape}", place="temperatures", remedy="four or more, positive"
        )
    if siemens.shape[1:] != kelvin.shape or not (np.isfinite(siemens) & (siemens > 0)).all():
        raise RequestError(
            "signatures.bad-value", f"shape {siemens.shape}", place="conductances", remedy="(devices, T), positive"
        )
    logs = np.log(siemens * kelvin)
    drawn = generator(check_count(seed, 0, "seed"), "learning", "signatures", "resampling").integers(
        len(logs), size=(check_count(resamples, 2, "resamples"), len(logs))
    )
    exponents = np.arange(0.05, 2.0, 0.001)
    powers = (kelvin.min() / kelvin) ** exponents[:, None]
    x = powers - powers.mean(axis=1, keepdims=True)
    means = np.vstack([logs.mean(axis=0), logs[drawn].mean(axis=1)])
    y = means - means.mean(axis=1, keepdims=True)
    slopes = y @ x.T / (x**2).sum(axis=1)  # of every ensemble at every exponent
    rest = (y**2).sum(axis=1, keepdims=True) - slopes**2 * (x**2).sum(axis=1)
    best = rest.argmin(axis=1)
    exponent, slope = float(exponents[best[0]]), float(slopes[0, best[0]])
    constant = float(means[0].mean() - slope * powers[best[0]].mean())
    scale = float(kelvin.min() * max(-slope, 0.0) ** (1.0 / exponent))
    residual = float(np.std(y[0] - slope * x[best[0]]))
    return HoppingExponent(exponent, float(exponents[best[1:]].std(ddof=1)), scale, constant, residual)
