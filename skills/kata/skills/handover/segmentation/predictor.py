"""A small action predictor with learned variance: how surprising each action is, in nats.

A causal network over the last frames since the last cut, so that forgetting at a cut is a mask.
Legend: `T` frames, `K` frames of history, `F` features a frame, `A` numbers an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array

from .tracks import Track

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .segment import SegmentOptions

HISTORY = 4
"""Frames that a prediction looks back at most: 0.2 s at 20 Hz. Who knows more foresees more."""

_WIDTH, _BATCH, _RATE = 96, 512, 3e-3
_LEAST_LOG_STD = -3.0
"""Below this an action counts as certain: noise of a sensor must not look like a surprise."""

_MOST = 8.0
"""Standard scores beyond which features and actions are clipped."""


def surprise(tracks: Sequence[Track], options: SegmentOptions, seed: int) -> list[Array]:
    """Negative log likelihood (T, K + 1) of each track's actions, in nats.

    Column k is that of a predictor that knows the k frames before. No track is judged by a
    predictor that was trained on it, unless it is the only one.
    """
    import torch

    from kata.policies.device import torch_threads

    features, targets = _scaled([inputs(t) for t in tracks]), _scaled([moves(t) for t in tracks])
    windows = [torch.from_numpy(_windows(f)) for f in features]
    wanted = [torch.from_numpy(t.astype(np.float32)) for t in targets]
    folds = min(options.folds, len(tracks))
    owner = np.random.default_rng(seed).permutation(len(tracks)) % folds
    out: list[Array] = [np.zeros(0)] * len(tracks)
    with torch_threads(1):
        for fold in range(folds):
            train = [k for k in range(len(tracks)) if owner[k] != fold] or [0]
            network = _train(
                torch.cat([windows[k] for k in train]),
                torch.cat([wanted[k] for k in train]),
                options.steps,
                seed + fold,
            )
            for k in np.flatnonzero(owner == fold).tolist():
                out[k] = _judged(network, windows[k], wanted[k])
    return out


def inputs(track: Track) -> Array:
    """(T, F): how fast the joints are, and the last move.

    Not where they are, nor where things are: who knows the places foresees the end of a phase and
    is not surprised by it.
    """
    move = moves(track)
    last = np.concatenate([np.zeros((1, move.shape[1])), move[:-1]])
    return np.concatenate([track.velocity, last], axis=1)


def moves(track: Track) -> Array:
    """(T, A): by how much each action leaves what is; of other units than joints, the last one."""
    if track.action.shape == track.position.shape:
        return track.action - track.position
    return np.diff(track.action, axis=0, prepend=track.action[:1])


def _scaled(values: list[Array]) -> list[Array]:
    """Each column with mean 0 and deviation 1 over all tracks; constant columns become 0."""
    whole = np.concatenate(values)
    mean, std = whole.mean(axis=0), whole.std(axis=0)
    # A column that hardly moves holds rounding, not meaning.
    still = std < 1e-6 * np.maximum(1.0, np.abs(mean))
    scale = np.where(still, 0.0, 1.0 / np.where(still, 1.0, std))
    return [np.clip((v - mean) * scale, -_MOST, _MOST) for v in values]


def _windows(features: Array) -> NDArray[np.float32]:
    """(T, K + 1, F + 1) float32: the frame itself, then those before it, newest first.

    The last feature is 1 where there is such a frame.
    """
    count = len(features)
    out = np.zeros((count, HISTORY + 1, features.shape[1] + 1), dtype=np.float32)
    for back in range(min(HISTORY + 1, count)):
        out[back:, back, :-1] = features[: count - back]
        out[back:, back, -1] = 1.0
    return out


def _masked(windows: Tensor, known: Tensor) -> Tensor:
    """Flat rows in which only the `known` (B,) frames before the present one are left."""
    import torch

    keep = torch.arange(windows.shape[1]) <= known[:, None]
    flat: Tensor = (windows * keep[..., None]).flatten(1)
    return flat


def _train(windows: Tensor, wanted: Tensor, steps: int, seed: int) -> nn.Module:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(windows[0].numel(), _WIDTH),
            nn.SiLU(),
            nn.Linear(_WIDTH, _WIDTH),
            nn.SiLU(),
            nn.Linear(_WIDTH, 2 * wanted.shape[1]),
        )
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    chance = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(windows), (_BATCH,), generator=chance)
        known = torch.randint(windows.shape[1], (_BATCH,), generator=chance)
        loss = _nats(network(_masked(windows[rows], known)), wanted[rows]).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return network.eval()


def _nats(found: Tensor, wanted: Tensor) -> Tensor:
    """(B,) Gaussian negative log likelihood, mean over the action's numbers."""
    mean, log_std = found.chunk(2, dim=-1)
    log_std = log_std.clamp(_LEAST_LOG_STD, 2.0)
    nats: Tensor = (0.5 * ((wanted - mean) / log_std.exp()) ** 2 + log_std).mean(dim=-1)
    return nats


def _judged(network: nn.Module, windows: Tensor, wanted: Tensor) -> Array:
    import torch

    columns = []
    with torch.inference_mode():
        for known in range(windows.shape[1]):
            rows = _masked(windows, torch.full((len(windows),), known))
            columns.append(wanted.shape[1] * _nats(network(rows), wanted))
    return torch.stack(columns, dim=1).numpy().astype(np.float64)
