"""Electrostatics of a dopant disc: screened repulsion, and lever arms of electrodes with a width."""

from __future__ import annotations

import numpy as np

from hgesim.errors import RequestError
from hgesim.network.laws import FloatArray

__all__ = ["ELEMENTARY_CHARGE", "arc_levers", "screened_coulomb"]

ELEMENTARY_CHARGE = 1.602176634e-19  # C
VACUUM = 8.8541878128e-12  # F/m
DIGITS = 24.0  # natural logarithm of the precision to which the charge of an arc is expanded
MOST_TERMS = 300  # of that expansion
NODES = 2048  # at which the charge of an arc acts on a site


def screened_coulomb(
    first: FloatArray, second: FloatArray, permittivity: float = 11.7, screening: float | None = None
) -> FloatArray:
    """Return ``e/(4 pi eps0 eps_r r) exp(-r/screening)`` between all pairs, (N, M) in eV; 0 where r is 0.

    Parameters
    ----------
    first, second : ndarray, (N, 2) and (M, 2)
        Positions in metre.
    permittivity : float
        Relative; 11.7 is that of silicon.
    screening : float, optional
        Debye or Thomas-Fermi length in metre (Ashcroft and Mermin, Solid State Physics, chapter 17); none if not given.
    """
    distance = np.linalg.norm(first[:, None] - second, axis=2)
    strength = ELEMENTARY_CHARGE / (4.0 * np.pi * VACUUM * permittivity)
    energy = np.divide(strength, distance, out=np.zeros_like(distance), where=distance > 0)
    return np.asarray(energy if screening is None else energy * np.exp(-distance / screening))


def arc_levers(sites: FloatArray, electrodes: FloatArray, width: float) -> FloatArray:
    """Return lever arms from Laplace's equation in a disc with arcs as electrodes, (N, E), summing to 1.

    Each electrode is an arc of the rim around its position; no field leaves the disc in the gaps. With Neumann's
    function of the disc the potential is ``C - (1/pi) int f ln|x - y| dy`` over the arcs, f the normal field there
    (Jackson, Classical Electrodynamics, section 1.10), which has inverse square roots at the ends: f is expanded in
    Chebyshev polynomials over such roots, whose logarithmic integrals are known, and the error falls exponentially.
    At full width this is the integral of the Poisson kernel over each arc: the angle in which a site sees it.

    Parameters
    ----------
    sites : ndarray, (N, 2)
        Positions in metre.
    electrodes : ndarray, (E, 2)
        Middles of the arcs in metre, equally spaced on a circle around the origin, with all sites inside.
    width : float
        Share of the circle that the arcs cover, above 0, up to 1.

    Raises
    ------
    RequestError
        ``network.bad-value`` for a width that is none, ``network.no-disc`` for positions that do not fit.
    """
    if not 0 < width <= 1:
        raise RequestError("network.bad-value", f"{width:g}", place="electrode_width", remedy="a share, up to 1")
    count, radius = len(electrodes), float(np.linalg.norm(electrodes[0]))
    angle = np.arctan2(electrodes[:, 1], electrodes[:, 0])
    turn = np.exp(1j * (angle - angle[0] - 2.0 * np.pi * np.arange(count) / count))
    places = sites @ np.array([1.0, 1.0j]) / radius
    if np.abs(turn - 1).max() > 1e-6 or not np.all(np.abs(places) < 1):
        raise RequestError(
            "network.no-disc",
            "the electrodes are not equally spaced around the sites",
            remedy="use positions of a dopant disc",
        )
    if 1.0 - width < 1e-9:
        return _full_arcs(places, angle)
    return _arcs(places, angle, width, _terms(width))


def _full_arcs(places: np.ndarray, angle: FloatArray) -> FloatArray:
    half = np.pi / len(angle)
    ends = [np.exp(1j * (angle + sign * half)) - places[:, None] for sign in (1, -1)]
    seen = np.angle(ends[0] / ends[1]) % (2.0 * np.pi)
    return np.asarray(seen / np.pi - 1.0 / len(angle))


def _terms(width: float) -> int:
    """Terms to the precision wanted: the nearest other singularity is the next arc's end."""
    away = 1.0 + 2.0 * (1.0 - width) / width
    return int(np.clip(np.ceil(DIGITS / np.log(away + np.sqrt(away**2 - 1.0))), 8, MOST_TERMS))


def _arcs(places: np.ndarray, angle: FloatArray, width: float, terms: int) -> FloatArray:
    count, half = len(angle), np.pi * width / len(angle)
    nodes = (np.arange(terms) + 0.5) * np.pi / terms
    t = np.cos(nodes)
    shapes = np.cos(np.outer(nodes, np.arange(terms)))  # Chebyshev polynomials at their nodes
    theta = angle[:, None] + half * t
    apart = theta[:, None, :, None] - theta[None, :, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = np.log(np.abs(2.0 * np.sin(apart / 2.0)))
        own = np.log(np.abs(2.0 * np.sin(half * (t[:, None] - t) / 2.0) / (t[:, None] - t)))
    own[np.arange(terms), np.arange(terms)] = np.log(half)
    kernel[np.arange(count), np.arange(count)] = own
    # log kernel = ln|t - s| (known integrals) + smooth rest (Gauss-Chebyshev sum)
    effect = np.einsum("abts,sk->atbk", kernel, shapes) * (np.pi / terms)
    order = np.arange(1, terms)
    known = np.column_stack([np.full(terms, -np.pi * np.log(2.0)), -np.pi / order * shapes[:, 1:]])
    effect[np.arange(count), :, np.arange(count), :] += known
    size = count * terms
    system = np.zeros((size + 1, size + 1))
    system[:size, :size] = -effect.reshape(size, size) / np.pi
    system[:size, size] = 1.0
    system[size, :size:terms] = np.pi  # no charge in all: only the first polynomial carries any
    right = np.vstack([np.repeat(np.eye(count), terms, axis=0), np.zeros((1, count))])
    found = np.linalg.solve(system, right)
    fine = (np.arange(NODES) + 0.5) * np.pi / NODES
    waves = np.cos(np.outer(fine, np.arange(terms))) * (-1.0 / NODES)
    result = np.tile(found[size], (len(places), 1))
    for arc in range(count):
        rim = np.exp(1j * (angle[arc] + half * np.cos(fine)))
        seen = np.log(np.abs(places[:, None] - rim))
        result += seen @ waves @ found[arc * terms : (arc + 1) * terms]
    return np.asarray(result)
