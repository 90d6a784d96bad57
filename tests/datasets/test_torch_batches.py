"""Batches for torch: the sampler's own, in order, whatever number of workers draws them."""

import numpy as np
import pytest
from torch.utils.data import DataLoader

from kata.datasets.dataset import Dataset
from kata.datasets.sampler import ChunkSampler
from kata.datasets.torch_batches import TorchBatches
from kata.datasets.types import ChunkSpec, SpecError

from .numbered import numbered_dataset

KEYS = ("observation.state", "observation.images.front")


@pytest.fixture(scope="module")
def sampler(tmp_path_factory: pytest.TempPathFactory) -> ChunkSampler:
    """Chunks of four actions of three episodes, in batches of five."""
    root = tmp_path_factory.mktemp("torch")
    numbered_dataset(root / "data", 3)
    dataset = Dataset.open(root / "data", root / "cache")
    return ChunkSampler(dataset, ChunkSpec(4, 0.05, 2, "joint", 8), KEYS, batch=5)


@pytest.mark.parametrize("workers", [0, 2])
def test_they_come_in_order_from_any_number_of_workers(sampler: ChunkSampler, workers: int) -> None:
    batches = TorchBatches(sampler, stop=9, start=2)
    loader = DataLoader(batches, batch_size=None, num_workers=workers)
    found = list(loader)
    assert len(found) == len(loader) == len(batches) == 7
    for step, tensors in enumerate(found, start=2):
        wanted = sampler.batch(step)
        assert set(tensors) == {*KEYS, "action", "action_is_pad"}
        assert np.array_equal(tensors["action"], wanted.actions)
        assert np.array_equal(tensors["action_is_pad"], ~wanted.mask)
        for key in KEYS:
            assert np.array_equal(tensors[key], wanted.observations[key])


def test_without_steps_it_says_so(sampler: ChunkSampler) -> None:
    with pytest.raises(SpecError, match="no steps"):
        TorchBatches(sampler, stop=3, start=3)
