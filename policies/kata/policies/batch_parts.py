"""A batch in parts: over the processes of a training, and over pieces that fit into memory.

Every process draws the random numbers of the whole batch and computes the loss of the whole batch,
so that they are the same however many share it; only the network sees a part. Legend: `B` batch.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class BatchParts(nn.Module):
    """A network that computes the rows of this process, piece by piece.

    The outputs of the other rows come from the other processes, as constants; so the gradients of
    all processes add up to that of the whole batch, for any loss. Several pieces are computed once
    more on the way back, so that only one of them fills the memory at a time (Chen et al.,
    arXiv:1604.06174), which costs time.

    Args:
        network: tensors, whose first axis is the batch, to one such tensor.
        rank, ranks: which of how many processes this is.
        pieces: into how many its rows are cut.
    """

    def __init__(self, network: nn.Module, rank: int = 0, ranks: int = 1, pieces: int = 1) -> None:
        super().__init__()
        self.network = network
        self.rank, self.ranks, self.pieces = rank, ranks, pieces

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs (B, ...) to outputs (B, ...); the gradient flows through the rows from here."""
        count = len(inputs[0])
        start, stop = _cut(0, count, self.rank, self.ranks)
        ends = [_cut(start, stop, piece, self.pieces) for piece in range(self.pieces)]
        mine = torch.cat([self._piece(*(x[a:b] for x in inputs)) for a, b in ends if a < b])
        if self.ranks == 1:
            return mine
        others = torch.zeros(count, *mine.shape[1:], device=mine.device)
        others[start:stop] = mine.detach()
        torch.distributed.all_reduce(others)
        return torch.cat([others[:start], mine.float(), others[stop:]])

    def _piece(self, *inputs: Tensor) -> Tensor:
        if self.pieces == 1 or not torch.is_grad_enabled():
            return cast("Tensor", self.network(*inputs))
        return cast("Tensor", checkpoint(self.network, *inputs, use_reentrant=False))


def _cut(start: int, stop: int, part: int, parts: int) -> tuple[int, int]:
    """Where a part of a range begins and ends; sizes differ by one at most."""
    count = stop - start
    return start + count * part // parts, start + count * (part + 1) // parts
