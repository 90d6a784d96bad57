"""Shuffled batches of observations and chunks of actions, gathered from arrays.

Legend: `B` batch, `H` actions of a chunk, `A` numbers an action, `S` slots, `K` numbers a slot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, Segment
from .statistics import Statistics
from .types import Array, ChunkSpec, DatasetError, SpecError, UnknownNameError
from .types.pose import pose_relative, quat_log

FOCUS = "observation.focus"
TOOL_WIDTH = 7


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples; action k of a chunk is for the instant k + 1 steps after its observation.

    Attributes:
        observations: (B, ...) float32 by key, as recorded; `observation.focus` is (B, S, K).
        actions: (B, H, A) float32; past the segment's end the last action is repeated.
        mask: (B, H) true where the action was recorded.
        rows: (B,) the observations' rows in the dataset.
    """

    observations: dict[str, NDArray[np.float32]]
    actions: NDArray[np.float32]
    mask: NDArray[np.bool_]
    rows: NDArray[np.int64]


def relative_actions(reference: Array, target: Array, opening: Array) -> NDArray[np.float32]:
    """Tool actions (..., 7): position and rotation vector relative to a pose, then the opening.

    Args:
        reference: (..., 7) `pose_world_tool` measured at the observation.
        target: (..., 7) `pose_world_tool` wanted.
        opening: (...,) of the gripper in m.
    """
    relative = pose_relative(reference, target)
    turn = quat_log(relative[..., 3:])
    out = np.concatenate([relative[..., :3], turn, opening[..., None]], axis=-1)
    return out.astype(np.float32)


class ChunkSampler:
    """Draws samples of a skill from a dataset, each one once an epoch, in a seeded order.

    A chunk never leaves its segment and never touches a frame with NaN in the keys it uses.

    Args:
        dataset: where from.
        chunk: horizon, step and frame of the actions. Frame `tool` gives actions relative to the
            measured tool pose of `hand`; frame `joint` gives absolute joint targets.
        keys: observation keys; `observation.focus` stands for the entities of the call.
        segments: what to draw from; by default all that is not discarded, of `skill` and
            `sources` if they are given, of successful episodes only.

    Raises:
        SpecError: the chunk's step is no whole multiple of a frame, or its width does not fit.
        DatasetError: nothing is left to draw from.
        UnknownNameError: an unknown key, skill or hand.
    """

    def __init__(
        self,
        dataset: Dataset,
        chunk: ChunkSpec,
        keys: Sequence[str],
        *,
        batch: int = 128,
        seed: int = 0,
        skill: str | None = None,
        sources: Collection[str] | None = None,
        segments: Sequence[Segment] | None = None,
        hand: str = "",
    ) -> None:
        self.dataset, self.chunk, self.keys = dataset, chunk, tuple(keys)
        self.batch_size, self.seed = batch, seed
        self.stride = _stride(chunk, dataset.fps)
        self._hand = _hand_place(dataset, hand) if chunk.frame == "tool" else (0, 0)
        self._columns = {k: dataset.column(k) for k in self.keys if k != FOCUS}
        self._target = dataset.column("action.tool" if chunk.frame == "tool" else "action")
        width = TOOL_WIDTH if chunk.frame == "tool" else self._target.shape[1]
        if chunk.width != width:
            raise SpecError(
                "chunk of another width", expected=f"A = {width}", got=f"A = {chunk.width}"
            )
        if segments is None:
            segments = dataset.segments(skill, success=True, sources=sources)
        self.skipped = 0
        self._starts, self._ends = self._find(segments)
        if not len(self._starts):
            raise DatasetError(
                "nothing to learn from",
                where=str(dataset.root),
                expected="successful episodes" + (f" of '{skill}'" if skill else ""),
                got=f"{len(segments)} segments, {self.skipped} samples skipped for NaN",
                hint="record more, or ask for other episodes",
            )
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))

    def _find(self, segments: Sequence[Segment]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows where a sample may start, and the end of each one's segment."""
        spans = [np.arange(s.start, s.stop) for s in segments]
        lengths = [len(span) for span in spans]
        starts = np.concatenate([*spans, np.empty(0, dtype=np.int64)]).astype(np.int64)
        ends = np.repeat(np.array([s.stop for s in segments], dtype=np.int64), lengths)
        bad = self._bad_rows(starts)
        before = np.concatenate([[0], np.cumsum(bad)])
        reach = np.minimum(starts + self.chunk.horizon * self.stride, ends)
        clean = before[reach] == before[starts]
        self.skipped = int((~clean).sum())
        return starts[clean], ends[clean]

    def _bad_rows(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Rows (F,) of the dataset with a value in use that is not finite."""
        bad = np.zeros(len(self.dataset), dtype=bool)
        used = [*self._columns.values(), self._target]
        if self.chunk.frame == "tool":
            used.append(self.dataset.column("observation.tool_pose"))
        for column in used:
            bad |= ~np.isfinite(column).reshape(len(column), -1).all(axis=1)
        if FOCUS in self.keys and len(rows):
            focus = self.dataset.focus(rows).reshape(len(rows), -1)
            bad[rows] |= ~np.isfinite(focus).all(axis=1)
        return bad

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the dataset where a sample starts, in order."""
        return self._starts

    def batch(self, step: int) -> Batch:
        """The batch of a training step; it depends on the seed and the step alone."""
        at = step * self.batch_size + np.arange(self.batch_size)
        epochs, places = np.divmod(at, len(self))
        picks = np.empty(self.batch_size, dtype=np.int64)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            picks[chosen] = self._permutation(int(epoch))[places[chosen]]
        return self.take(picks)

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if self._order[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._order = (epoch, rng.permutation(len(self)))
        return self._order[1]

    def all(self) -> Batch:
        """Every sample once, in the order of the dataset."""
        return self.take(np.arange(len(self)))

    def take(self, picks: NDArray[np.int64]) -> Batch:
        """These samples, by their number (B,) between 0 and the sampler's length."""
        rows, ends = self._starts[picks], self._ends[picks]
        observations = {
            key: self.dataset.focus(rows) if key == FOCUS else _float(self._columns[key][rows])
            for key in self.keys
        }
        ahead = rows[:, None] + self.stride * np.arange(1, self.chunk.horizon + 1) - 1
        mask = ahead < ends[:, None]
        target = self._target[np.minimum(ahead, ends[:, None] - 1)]
        return Batch(observations, self._actions(rows, target), mask, rows)

    def _actions(self, rows: NDArray[np.int64], target: NDArray[Any]) -> NDArray[np.float32]:
        if self.chunk.frame == "joint":
            return _float(target)
        tool, gripper = self._hand
        pose = slice(7 * tool, 7 * tool + 7)
        reference = self.dataset.column("observation.tool_pose")[rows, pose].astype(float)
        opening = 7 * len(self.dataset.schema.hands) + gripper
        return relative_actions(
            reference[:, None], target[..., pose].astype(float), target[..., opening].astype(float)
        )

    def statistics(self) -> dict[str, Statistics]:
        """Of each key and of `action`, over all samples; repeated actions are left out.

        `skipped` says how many samples were left out for NaN.
        """
        batch = self.all()
        out = {key: Statistics.of(value) for key, value in batch.observations.items()}
        out["action"] = Statistics.of(batch.actions[batch.mask])
        return out


def _float(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def _stride(chunk: ChunkSpec, fps: int) -> int:
    stride = round(chunk.step_s * fps)
    if stride < 1 or abs(stride / fps - chunk.step_s) > 1e-6:
        raise SpecError(
            "a chunk's step must be whole frames",
            expected=f"a whole multiple of {1 / fps:g} s",
            got=f"{chunk.step_s:g} s",
        )
    return stride


def _hand_place(dataset: Dataset, hand: str) -> tuple[int, int]:
    """Place of a hand among the tool poses, and of its gripper among the openings."""
    schema = dataset.schema
    name = hand or next(iter(schema.grippers), "")
    if name not in schema.grippers:
        raise UnknownNameError(
            "hand with a gripper", name, schema.grippers, where=str(dataset.root)
        )
    return schema.hands.index(name), schema.grippers.index(name)
