"""Seeds of episodes: a block for each purpose, so that no test sees what a training saw."""

from __future__ import annotations

import hashlib


def episode_seed(seed: int, purpose: str, index: int) -> int:
    """Seed of the `index`-th episode for a purpose, below 2**62.

    Purposes and seeds have blocks of their own, far apart; within one, seeds are consecutive.
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=5).digest()
    return (int.from_bytes(digest) << 20) + index
