"""Batches as torch tensors, for torch's own DataLoader. Needs torch; nothing else here does."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import IterableDataset, get_worker_info

from .sampler import ChunkSampler
from .types import SpecError


class TorchBatches(IterableDataset[dict[str, torch.Tensor]]):
    """The batches of steps `start` to `stop`: give it to a DataLoader with `batch_size=None`.

    Each is a dict of the observations by key, `action` (B, H, A) and `action_is_pad` (B, H), the
    keys of LeRobot's batches; pictures stay (B, height, width, 3) uint8. Several workers share
    the steps, and the loader still gives them in order. Workers decode into memory of their own,
    unless the dataset was opened with a `cache` folder.

    Raises:
        SpecError: no steps.
    """

    def __init__(self, sampler: ChunkSampler, stop: int, start: int = 0) -> None:
        super().__init__()
        if not 0 <= start < stop:
            raise SpecError("no steps", expected="0 <= start < stop", got=f"{start} and {stop}")
        self.sampler, self.start, self.stop = sampler, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = get_worker_info()
        first, by = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in range(self.start + first, self.stop, by):
            batch = self.sampler.batch(step)
            tensors = {key: torch.from_numpy(v) for key, v in batch.observations.items()}
            tensors["action"] = torch.from_numpy(batch.actions)
            tensors["action_is_pad"] = torch.from_numpy(~batch.mask)
            yield tensors
