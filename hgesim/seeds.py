"""One seed tree: a draw depends on the seed and on what it is for, never on the order of execution."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["generator"]


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return the random generator of one place in the seed tree.

    Parameters
    ----------
    seed : int
        Non-negative root seed.
    *path : str or int
        What the draw is for, for example ``"chip", "x_mixer_1", "m3"``. Another path is an independent stream.

    Returns
    -------
    numpy.random.Generator
        PCG64 seeded from `seed` and the SHA-256 of `path`: the same on every machine.
    """
    digest = hashlib.sha256("/".join(str(part) for part in path).encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([int(seed), *(int(word) for word in words)]))
