"""A small high-level policy: a classifier of moments, what to say now or nothing.

Source: Shi and others, "Yell At Your Robot" (2024): the low level stays as it is, a high level is
trained on corrections, and a share of each batch comes from the newest ones.
Legend: `N` moments, `F` features, `C` classes; class 0 is to say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, DatasetError

NEWEST_SHARE = 0.1
"""Share of each batch that comes from the newest corrections."""

WIDTH = 64
_BATCH = 128
_RATE = 3e-3
_DECAY = 1e-3
_CLIP = 6.0


@dataclass(frozen=True, slots=True)
class AdvisorNetwork:
    """Weights of a classifier with one hidden layer, and how its input is standardised.

    Attributes:
        mean, scale: (F,) of the features that it was trained on.
        hidden, bias: (F, `WIDTH`) and (`WIDTH`,); `out`, `out_bias`: (`WIDTH`, C) and (C,).
    """

    mean: Array
    scale: Array
    hidden: Array
    bias: Array
    out: Array
    out_bias: Array

    def chances(self, features: Array) -> Array:
        """(N, C) chances of the classes, of features (N, F)."""
        x = np.clip((features - self.mean) / self.scale, -_CLIP, _CLIP)
        logits = np.maximum(x @ self.hidden + self.bias, 0.0) @ self.out + self.out_bias
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def train_network(
    features: Array,
    labels: NDArray[np.int64],
    newest: NDArray[np.bool_],
    classes: int,
    steps: int,
    seed: int,
) -> AdvisorNetwork:
    """Train by cross-entropy, each class drawn equally often; equal seeds give equal weights.

    Args:
        features: (N, F).
        labels: (N,), 0 is to say nothing.
        newest: (N,) true for the newest data, whose corrections are `NEWEST_SHARE` of a batch.
        classes: C.
        steps: batches.
        seed: of the first weights and of what is drawn.

    Raises DatasetError where nothing was said, or never nothing.
    """
    import torch

    from kata.policies.device import torch_threads

    if len(np.unique(labels)) < 2:
        raise DatasetError(
            "nothing to tell apart", expected="corrections, and moments without", got=str(classes)
        )
    draw = np.random.default_rng(seed)
    counts = np.bincount(labels, minlength=classes)
    weights = 1.0 / counts[labels]
    weights /= weights.sum()
    fresh = np.flatnonzero(newest & (labels > 0))
    most = round(NEWEST_SHARE * _BATCH) if len(fresh) else 0
    spread = features.std(axis=0)
    mean, scale = features.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)
    x = torch.tensor(np.clip((features - mean) / scale, -_CLIP, _CLIP), dtype=torch.float32)
    y = torch.tensor(labels)
    with torch_threads(1):
        source = torch.Generator().manual_seed(seed)
        layers = [torch.nn.Linear(x.shape[1], WIDTH), torch.nn.Linear(WIDTH, classes)]
        for layer in layers:
            torch.nn.init.xavier_uniform_(layer.weight, generator=source)
            torch.nn.init.zeros_(layer.bias)
        network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
        optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
        for _ in range(steps):
            rows = draw.choice(len(labels), _BATCH - most, p=weights)
            if most:
                rows = np.concatenate([rows, draw.choice(fresh, most)])
            loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    first, last = (
        (layer.weight.detach().numpy().T.astype(float), layer.bias.detach().numpy().astype(float))
        for layer in layers
    )
    return AdvisorNetwork(mean, scale, *first, *last)
