"""Seeds of trials: stable when more are asked for, apart for every purpose."""

from __future__ import annotations

import numpy as np


def trial_seeds(seed: int, count: int, stream: int = 0) -> tuple[int, ...]:
    """Seeds of `count` trials, others for each `seed` and `stream`.

    With more of them, the first ones stay the same.
    """
    return tuple(
        int(np.random.SeedSequence([seed, stream, i]).generate_state(1)[0] >> 1)
        for i in range(count)
    )
