"""One unsegmented demonstration as arrays: what was measured and asked for, no labels, no facts.

Legend: `T` frames of the demonstration, `D` joints, `A` numbers an action, `h` hands, `g` grippers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import ENTITY_NAMES, ENTITY_WIDTH, Array, DatasetError

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset

_SPOT = ENTITY_NAMES.index("spot_x")
_HALF = ENTITY_NAMES.index("half_x")
_ARTICULATION = ENTITY_NAMES.index("articulation")
_VALID = ENTITY_NAMES.index("valid")

LEAST_FRAMES = 4
"""A demonstration of fewer frames has no inside to cut."""


@dataclass(frozen=True, slots=True)
class Track:
    """One demonstration.

    Attributes:
        episode: its index in the dataset.
        fps: frames per s.
        position: (T, D) measured joints in rad; a gripper is its opening in m.
        velocity: (T, D) in rad/s.
        action: (T, A) what was asked for.
        hands: names in the order of `tool`.
        tool: (T, h, 7) measured tool poses, w first; h is 0 where the dataset has none.
        opening: (T, g) measured gripper openings in m, of the first g hands.
        objects: pose (T, 7) of each named thing, fixtures and supports included.
        articulation: (T,) 0 to 1 of each of them.
        half_m: (3,) half extents of each of them.
        spots: (T, 3) where the next thing would be put in or on each of them.
    """

    episode: int
    fps: int
    position: Array
    velocity: Array
    action: Array
    hands: tuple[str, ...] = ()
    tool: Array = field(default_factory=lambda: np.zeros((0, 0, 7)))
    opening: Array = field(default_factory=lambda: np.zeros((0, 0)))
    objects: Mapping[str, Array] = field(default_factory=dict)
    articulation: Mapping[str, Array] = field(default_factory=dict)
    half_m: Mapping[str, Array] = field(default_factory=dict)
    spots: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.position)

    @property
    def missing(self) -> tuple[str, ...]:
        """What grouping into skills needs and this demonstration does not have."""
        out = []
        if not self.tool.shape[1]:
            out.append("observation.tool_pose")
        if not self.opening.shape[1]:
            out.append("a gripper's opening")
        if not self.objects:
            out.append("observation.environment_state")
        return tuple(out)


def tracks(dataset: Dataset) -> tuple[Track, ...]:
    """Every demonstration of a dataset; undone frames at an end are left in, labels are not read.

    Raises DatasetError for one without joint positions or actions, with a number that is not
    finite, or too short to cut.
    """
    columns = _columns(dataset)
    out = []
    for info in dataset.episodes:
        span = slice(info.start, info.stop)
        where = f"{dataset.root}, episode {info.index}"
        if info.stop - info.start < LEAST_FRAMES:
            raise DatasetError(
                "a demonstration too short to cut",
                where=where,
                expected=f"{LEAST_FRAMES} frames or more",
                got=str(info.stop - info.start),
                hint="leave it out: kata data filter",
            )
        for key, values in columns.items():
            bad = ~np.isfinite(values[span]).reshape(info.stop - info.start, -1).all(axis=1)
            if bad.any():
                raise DatasetError(
                    f"numbers of '{key}' that are not finite",
                    where=f"{where}, frame {int(np.argmax(bad))}",
                    hint="see what is wrong with it: kata data check",
                )
        out.append(_track(dataset, info.index, span, columns))
    return tuple(out)


def _columns(dataset: Dataset) -> dict[str, Array]:
    """The numeric columns that a track is made of, as they are."""
    found: dict[str, Array] = {}
    for key in ("observation.state", "action"):
        if key not in dataset.spec:
            raise DatasetError(
                f"a dataset without '{key}'",
                where=str(dataset.root),
                expected="observation.state and action",
                hint="both are needed to predict what is done next",
            )
    for key in (
        "observation.state",
        "observation.velocity",
        "observation.tool_pose",
        "observation.environment_state",
        "action",
    ):
        if key in dataset.spec:
            found[key] = np.asarray(dataset.column(key), dtype=np.float64)
    return found


def _track(dataset: Dataset, episode: int, span: slice, columns: Mapping[str, Array]) -> Track:
    position = columns["observation.state"][span]
    velocity = columns.get("observation.velocity")
    schema = dataset.schema
    tool = columns.get("observation.tool_pose")
    scene = _scene(dataset.entities, columns.get("observation.environment_state"), span)
    openings = schema.openings or _openings(schema.joints, len(schema.grippers))
    return Track(
        episode=episode,
        fps=dataset.fps,
        position=position,
        velocity=np.gradient(position, axis=0) * dataset.fps
        if velocity is None
        else velocity[span],
        action=columns["action"][span],
        hands=schema.hands,
        tool=np.zeros((len(position), 0, 7))
        if tool is None
        else tool[span].reshape(len(position), -1, 7),
        opening=position[:, list(openings)],
        **scene,
    )


def _openings(joints: tuple[str, ...], grippers: int) -> tuple[int, ...]:
    """Places of the grippers among the joints, by name, where a foreign dataset does not say."""
    words = ("gripper", "finger", "opening")
    named = [k for k, name in enumerate(joints) if any(word in name for word in words)]
    return tuple(named[: max(grippers, 1)])


def _scene(names: tuple[str, ...], state: Array | None, span: slice) -> dict[str, Any]:
    """Poses, articulation and size of every thing that was seen all the time."""
    if state is None or not names:
        return {}
    values = state[span].reshape(span.stop - span.start, len(names), ENTITY_WIDTH)
    seen = [k for k in range(len(names)) if values[:, k, _VALID].min() > 0.5]
    return {
        "objects": {names[k]: values[:, k, :7] for k in seen},
        "articulation": {names[k]: values[:, k, _ARTICULATION] for k in seen},
        "half_m": {names[k]: values[0, k, _HALF : _HALF + 3] for k in seen},
        "spots": {names[k]: values[:, k, _SPOT : _SPOT + 3] for k in seen},
    }
