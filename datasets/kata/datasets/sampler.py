"""Shuffled batches of observations and chunks of actions, gathered from arrays.

Legend: `B` batch, `H` actions of a chunk, `A` numbers an action, `S` slots, `K` numbers a slot.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, Segment
from .order import Order, shuffle, shuffle_window
from .schema import CAMERA_PREFIX
from .statistics import Statistics
from .tool_actions import TOOL_WIDTH, relative_actions
from .types import ChunkSpec, DatasetError, SpecError, UnknownNameError

FOCUS = "observation.focus"
ARGUMENTS = "observation.arguments"
KEPT_BYTES = 256 << 20
"""Up to this size, relative actions are kept from their first use on."""
_PICTURES = 300


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples; action k of a chunk is for the instant k + 1 steps after its observation.

    Attributes:
        observations: (B, ...) by key, as recorded: float32, `observation.focus` is (B, S, K);
            pictures (B, height, width, 3) uint8.
        actions: (B, H, A) float32; past the segment's end the last action is repeated.
        mask: (B, H) true where the action was recorded.
        rows: (B,) the observations' rows in the dataset.
    """

    observations: dict[str, NDArray[Any]]
    actions: NDArray[np.float32]
    mask: NDArray[np.bool_]
    rows: NDArray[np.int64]


class ChunkSampler:
    """Draws samples of a skill from a dataset, each one once an epoch, in a seeded order.

    A chunk never leaves its segment and never touches a frame with NaN in the keys it uses.

    Args:
        dataset: where from.
        chunk: horizon, step and frame of the actions. Frame `tool` gives actions relative to the
            measured tool pose of `hand`; frame `joint` gives absolute joint targets.
        keys: observation keys; `observation.focus` stands for the entities and places of the
            call, `observation.arguments` for its numbers, `observation.images.CAMERA` for a
            camera's pictures.
        segments: what to draw from; by default all that is not discarded, of `skill` and
            `sources` if they are given, of successful episodes only.
        window: mix the samples of episodes with at most this many frames at a time, so that only
            their pictures have to be kept; all are mixed without. See `Dataset.frames`.

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
        window: int | None = None,
    ) -> None:
        self.dataset, self.chunk, self.keys = dataset, chunk, tuple(keys)
        self.batch_size, self.seed, self.window = batch, seed, window
        if batch < 1 or (window is not None and window < 1):
            raise SpecError(
                "nothing to draw",
                expected="batch and window of 1 or more",
                got=f"{batch}, {window}",
            )
        self.stride = _stride(chunk, dataset.fps)
        self._hand = _hand_place(dataset, hand) if chunk.frame == "tool" else (0, 0)
        self._cameras = {k: _camera(dataset, k) for k in self.keys if k.startswith(CAMERA_PREFIX)}
        made = {FOCUS, ARGUMENTS, *self._cameras}
        plain = [key for key in self.keys if key not in made]
        # Plain views: indexing numpy's class of memory maps costs three times as much.
        self._columns = {key: np.asarray(dataset.column(key)) for key in plain}
        target = "action.tool" if chunk.frame == "tool" else "action"
        self._target = np.asarray(dataset.column(target))
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
        self._ahead = self.stride * np.arange(1, chunk.horizon + 1) - 1
        self._order = (-1, shuffle(0, seed, 0))
        self._group = (-1, -1)

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
        parts: list[NDArray[np.int64]] = []
        pictures: list[dict[str, NDArray[np.uint8]]] = []
        for epoch in np.unique(epochs).tolist():
            order = self._epoch(epoch)
            for group, picks in order.parts(places[epochs == epoch]):
                parts.append(picks)
                if self._cameras:
                    self._enter(order, epoch, group)
                    pictures.append(self._pictures(self._starts[picks]))
        joined = {key: _join([part[key] for part in pictures]) for key in self._cameras}
        return self._gather(_join(parts), joined)

    def _epoch(self, epoch: int) -> Order:
        if self._order[0] != epoch:
            if self.window is None:
                order = shuffle(len(self), self.seed, epoch)
            else:
                order = shuffle_window(self._owners, self._lengths, self.window, self.seed, epoch)
            self._order = (epoch, order)
        return self._order[1]

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """Frames of each episode."""
        return np.array([e.stop - e.start for e in self.dataset.episodes], dtype=np.int64)

    @cached_property
    def _owners(self) -> NDArray[np.int64]:
        """The episode (n,) of each sample."""
        stops = np.cumsum(self._lengths)
        return np.searchsorted(stops, self._starts, side="right").astype(np.int64)

    def _enter(self, order: Order, epoch: int, group: int) -> None:
        """Have the pictures of a window kept, and no others."""
        if self.window is None or (epoch, group) == self._group:
            return
        episodes = np.unique(self._owners[order.group(group)]).tolist()
        self.dataset.frames.prepare(list(self._cameras.values()), episodes)
        self._group = (epoch, group)

    def _pictures(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.uint8]]:
        return {key: self.dataset.frames.take(name, rows) for key, name in self._cameras.items()}

    def all(self) -> Batch:
        """Every sample once, in the order of the dataset; all pictures at once, if any."""
        return self.take(np.arange(len(self)))

    def take(self, picks: NDArray[np.int64]) -> Batch:
        """These samples, by their number (B,) between 0 and the sampler's length."""
        return self._gather(picks, self._pictures(self._starts[picks]))

    def _gather(self, picks: NDArray[np.int64], pictures: dict[str, NDArray[np.uint8]]) -> Batch:
        rows, ends = self._starts[picks], self._ends[picks]
        observations: dict[str, NDArray[Any]] = {}
        for key in self.keys:
            if key == FOCUS:
                observations[key] = self.dataset.focus(rows)
            elif key == ARGUMENTS:
                observations[key] = self.dataset.arguments(rows)
            elif key in self._columns:
                observations[key] = _float(self._columns[key][rows])
            elif key in pictures:
                observations[key] = pictures[key]
        ahead = rows[:, None] + self._ahead
        mask = ahead < ends[:, None]
        np.minimum(ahead, ends[:, None] - 1, out=ahead)
        if self.chunk.frame == "joint":
            actions = _float(self._target[ahead])
        else:
            actions = self._relative(picks, ahead)
        return Batch(observations, actions, mask, rows)

    def _relative(self, picks: NDArray[np.int64], ahead: NDArray[np.int64]) -> NDArray[np.float32]:
        """Relative actions of samples, computed once each where they may be kept."""
        kept = self._kept
        if kept is None or len(picks) >= len(self):
            return self._tool_actions(self._starts[picks], ahead)
        actions, known = kept
        new = ~known[picks]
        if new.any():
            fresh = picks[new]
            actions[fresh] = self._tool_actions(self._starts[fresh], ahead[new])
            known[fresh] = True
        return actions[picks]

    @cached_property
    def _kept(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
        """Room for every sample's relative actions, and which are there; None if too large."""
        shape = (len(self), self.chunk.horizon, TOOL_WIDTH)
        if 4 * math.prod(shape) > KEPT_BYTES:
            return None
        return np.empty(shape, dtype=np.float32), np.zeros(len(self), dtype=bool)

    def _tool_actions(
        self, rows: NDArray[np.int64], ahead: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        tool, gripper = self._hand
        pose = slice(7 * tool, 7 * tool + 7)
        opening = 7 * len(self.dataset.schema.hands) + gripper
        reference = self.dataset.column("observation.tool_pose")[rows, pose].astype(float)
        target = self._target[ahead]
        return relative_actions(
            reference, target[..., pose].astype(float), target[..., opening].astype(float)
        )

    def statistics(self) -> dict[str, Statistics]:
        """Of each key and of `action`, over all samples; repeated actions are left out.

        Pictures are those of a few hundred samples, in [0, 1] and a number a channel.
        `skipped` says how many samples were left out for NaN.
        """
        state = self._gather(np.arange(len(self)), {})
        out = {key: Statistics.of(value) for key, value in state.observations.items()}
        few = np.unique(np.linspace(0, len(self) - 1, _PICTURES).astype(np.int64))
        for key, camera in self._cameras.items():
            counts = np.zeros((3, 256), dtype=np.int64)
            for row in self._starts[few]:
                picture = self.dataset.frames.take(camera, np.array([row]))
                for channel in range(3):
                    counts[channel] += np.bincount(picture[..., channel].ravel(), minlength=256)
            out[key] = Statistics.of_histogram(counts, len(few))
        out["action"] = Statistics.of(state.actions[state.mask])
        return out


def _join(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _camera(dataset: Dataset, key: str) -> str:
    """The camera of a key. Raises UnknownNameError."""
    name = key.removeprefix(CAMERA_PREFIX)
    if name not in dataset.schema.cameras:
        raise UnknownNameError("camera", name, dataset.schema.cameras, where=str(dataset.root))
    return name


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
