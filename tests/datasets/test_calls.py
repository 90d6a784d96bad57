"""What a dataset's calls are about: entities, places in their frames, numbers, and never hands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.sampler import ARGUMENTS, FOCUS, ChunkSampler
from kata.datasets.testing import fake_frames, fake_recorder
from kata.datasets.types import ChunkSpec, DatasetError, Outcome
from kata.datasets.types.arguments import about

CALLS = (
    {"object": "red_cube", "way_m": "0.1", "to": "drawer@0.1,0,0.02,1.5", "hand": "hand"},
    {"object": "blue_cube", "way_m": "0.25", "to": "red_cube@0,0.2,0", "hand": "hand"},
)


def record(root: Path, calls: tuple[dict[str, str], ...]) -> tuple[Dataset, list]:
    frames = []
    with fake_recorder(root) as recorder:
        for seed, arguments in enumerate(calls):
            for frame in fake_frames(8, seed):
                seen = about(frame.observation, tuple(arguments.values()))
                frames.append(replace(frame, observation=seen, arguments=arguments))
                recorder.add(frames[-1])
            recorder.save_episode(Outcome(True, "", seed))
    return Dataset.open(root), frames


def test_focus_and_numbers_are_those_that_the_policy_saw(tmp_path: Path) -> None:
    dataset, frames = record(tmp_path / "data", CALLS)
    rows = np.arange(len(frames))
    seen = [frame.observation.values() for frame in frames]
    wanted = np.array([values[FOCUS] for values in seen])
    assert wanted.shape == (16, 2, dataset.focus(rows).shape[2])
    assert np.allclose(dataset.focus(rows), wanted, atol=1e-6)
    assert np.allclose(dataset.arguments(rows), [values[ARGUMENTS] for values in seen])
    batch = ChunkSampler(dataset, ChunkSpec(4, 0.05, 2, "joint", 8), (FOCUS, ARGUMENTS)).all()
    assert batch.observations[ARGUMENTS].shape == (16, 1)


def test_calls_with_different_numbers_are_told_apart(tmp_path: Path) -> None:
    dataset, _ = record(tmp_path / "data", ({"object": "red_cube"}, CALLS[0]))
    with pytest.raises(DatasetError, match="calls of 'pick' with different numbers of arguments"):
        dataset.call_widths("pick", dataset.segments("pick"))
    with pytest.raises(DatasetError, match="no demonstrations of 'fly'"):
        dataset.call_widths("fly", [])
