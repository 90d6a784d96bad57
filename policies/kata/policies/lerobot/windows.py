"""Batches as LeRobot's policies are trained on: histories of observations, chunks of actions.

The batch is that of `LeRobotDataset` with the policy's `delta_timestamps`: past an episode's ends
the nearest frame is repeated, and `KEY_is_pad` says so. It is gathered from arrays.
Legend: `F` frames of the dataset, `B` batch, `H` actions, `D` joints, `E` as in `inputs`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kata.datasets.dataset import Dataset, Segment
from kata.datasets.types import DatasetError, UnknownNameError

from ..features import FOCUS, STATE, TOOL
from .inputs import ACTION, CAMERA, Inputs, picture_tensor

_PICTURE_BYTES = 2 << 30
"""Most memory that decoded pictures may take."""


@dataclass(frozen=True)
class Frames:
    """The successful demonstrations of a skill, frame after frame.

    Attributes:
        vectors: float32 tensors (F, ...) by LeRobot's key, the action among them.
        pictures: uint8 (F, height, width, 3) by key.
        first, last: (F,) bounds of the segment that each frame is of, inclusive.
        tasks: sentence of each frame's call.
    """

    inputs: Inputs
    vectors: Mapping[str, Tensor]
    pictures: Mapping[str, NDArray[np.uint8]]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    tasks: tuple[str, ...]
    robot: str
    fps: int

    @property
    def episodes(self) -> int:
        """How many demonstrations there are."""
        return len(np.unique(self.first))

    @cached_property
    def statistics(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Mean, spread, bounds and quantiles of each key, by LeRobot's own function."""
        from lerobot.datasets.compute_stats import get_feature_stats

        found = {
            key: get_feature_stats(tensor.numpy(), axis=0, keepdims=False)
            for key, tensor in self.vectors.items()
        }
        for key, pictures in self.pictures.items():
            some = picture_tensor(pictures[:: max(1, len(pictures) // 100)]).numpy()
            stats = get_feature_stats(some, axis=(0, 2, 3), keepdims=True)
            found[key] = {k: v if k == "count" else v[0] for k, v in stats.items()}
        return found

    def digest(self) -> str:
        """Hex digest of all numbers, to tell whether a checkpoint saw the same data."""
        state = hashlib.blake2b(digest_size=16)
        for tensor in self.vectors.values():
            state.update(tensor.numpy().data)
        for pictures in self.pictures.values():
            state.update(np.ascontiguousarray(pictures).data)
        return state.hexdigest()


class Windows:
    """Draws LeRobot's batches from frames.

    Args:
        frames: where from.
        config: LeRobot's configuration, whose delta indices say what a sample holds. The last
            frames of an episode begin no sample where it says `drop_n_last_frames`.
    """

    def __init__(self, frames: Frames, config: Any) -> None:
        self.frames = frames
        self._past = _deltas(config.observation_delta_indices)
        self._ahead = _deltas(config.action_delta_indices)
        if config.reward_delta_indices is not None:
            raise DatasetError(
                "demonstrations have no rewards", where=f"LeRobot policy {config.type}"
            )
        dropped = int(getattr(config, "drop_n_last_frames", 0))
        rows = np.arange(len(frames.last))
        kept = np.flatnonzero(rows <= frames.last - dropped)
        self.rows: NDArray[np.int64] = kept if len(kept) else rows

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, picks: NDArray[np.int64]) -> dict[str, Any]:
        """The samples of these numbers (B,), each from 0 to the length."""
        rows = self.rows[picks]
        out: dict[str, Any] = {"task": [self.frames.tasks[row] for row in rows]}
        for key, tensor in self.frames.vectors.items():
            at, pad = self._reach(rows, self._ahead if key == ACTION else self._past)
            out[key] = tensor[at]
            if pad is not None:
                out[f"{key}_is_pad"] = pad
        for key, pictures in self.frames.pictures.items():
            at, _ = self._reach(rows, self._past)
            out[key] = picture_tensor(pictures[at])
        return out

    def _reach(
        self, rows: NDArray[np.int64], deltas: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], Tensor | None]:
        """Frames (B,), or (B, T) with padding (B, T), that lie so far from each row."""
        if deltas is None:
            return rows, None
        at = rows[:, None] + deltas
        inside = np.clip(at, self.frames.first[rows][:, None], self.frames.last[rows][:, None])
        return inside, torch.from_numpy(inside != at)


def read_frames(
    dataset: Dataset, skill: str, cameras: Sequence[str] = (), *, objects: bool = True
) -> Frames:
    """The successful demonstrations of a skill, with these cameras' pictures.

    Raises DatasetError for a dataset without any, whose calls differ in their arguments, with NaN,
    or with more pictures than the memory should hold; UnknownNameError for a skill or camera that
    it does not have.
    """
    segments = dataset.segments(skill, success=True)
    slots, numbers = dataset.call_widths(skill, segments)
    if numbers:
        raise DatasetError(
            f"calls of '{skill}' name numbers, which LeRobot's policies have no input for",
            where=str(dataset.root),
            hint="train one of policy=regression, diffusion, flow",
        )
    schema = dataset.schema
    for camera in cameras:
        if camera not in schema.cameras:
            raise UnknownNameError("camera", camera, schema.cameras, where=str(dataset.root))
    sizes = {camera: schema.cameras[camera] for camera in cameras}
    inputs = Inputs(len(schema.joints), len(schema.hands), slots, objects, sizes)
    rows = np.concatenate([np.arange(s.start, s.stop) for s in segments])
    lengths = [s.stop - s.start for s in segments]
    stops = np.cumsum(lengths)
    sentences = dataset.tasks
    return Frames(
        inputs=inputs,
        vectors=_vectors(dataset, rows, inputs),
        pictures={CAMERA + name: _pictures(dataset, segments, name) for name in cameras},
        first=np.repeat(stops - lengths, lengths),
        last=np.repeat(stops - 1, lengths),
        tasks=tuple(sentences[i] for i in dataset.column("task_index")[rows]),
        robot=dataset.fingerprint,
        fps=dataset.fps,
    )


def _vectors(dataset: Dataset, rows: NDArray[np.int64], inputs: Inputs) -> dict[str, Tensor]:
    values = {STATE: dataset.column(STATE)[rows]}
    if inputs.objects:
        values |= {TOOL: dataset.column(TOOL)[rows], FOCUS: dataset.focus(rows)}
    action = np.array(dataset.column(ACTION)[rows], dtype=np.float32)
    vectors = inputs.vectors(values) | {ACTION: torch.from_numpy(action)}
    wrong = [key for key, tensor in vectors.items() if not bool(torch.isfinite(tensor).all())]
    if wrong:
        raise DatasetError(
            "demonstrations are not finite",
            where=f"{dataset.root}: {', '.join(wrong)}",
            hint="run the quality gate first",
        )
    return vectors


def _pictures(dataset: Dataset, segments: Sequence[Segment], camera: str) -> NDArray[np.uint8]:
    """Pictures (F, height, width, 3) of the segments' frames."""
    height, width = dataset.schema.cameras[camera]
    frames = sum(s.stop - s.start for s in segments)
    if frames * height * width * 3 > _PICTURE_BYTES:
        raise DatasetError(
            "too many pictures for the memory",
            where=f"{dataset.root}, camera '{camera}'",
            expected=f"at most {_PICTURE_BYTES >> 20} MB a camera, decoded",
            got=f"{frames} of {height} x {width}",
            hint="record fewer episodes or smaller pictures",
        )
    parts = []
    for segment in segments:
        begin = dataset.episodes[segment.episode].start
        whole = dataset.images(camera, segment.episode)
        parts.append(whole[segment.start - begin : segment.stop - begin])
    return np.concatenate(parts)


def _deltas(indices: Sequence[int] | None) -> NDArray[np.int64] | None:
    return None if indices is None else np.array(indices, dtype=np.int64)
