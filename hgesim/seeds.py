"""One seed tree: a draw depends on the seed and on what it is for, never on the order of execution."""

from __future__ import annotations

import hashlib
import operator

import numpy as np

__all__ = ["generator"]


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return the random generator of one place in the seed tree.

    Parameters
    ----------
    seed : int
        Non-negative root seed.
    *path : str or int
        What the draw is for, for example ``"chip", "x_mixer_1", "m3"``: text without slashes, or numbers, which count
        as their digits. Another path is an independent stream.

    Returns
    -------
    numpy.random.Generator
        PCG64 seeded from `seed` and the SHA-256 of `path`: the same on every machine.
    """
    parts = [str(part) for part in path]
    if any("/" in part for part in parts):
        raise ValueError(f"a part of the seed path {parts} holds a slash, so that two paths could be one")
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([operator.index(seed), *(int(word) for word in words)]))
