"""What a recorded dataset contains: every column, and how a frame becomes a row.

`COLUMNS` is the one list of keys; the data page, the LeRobot features and the checks follow it.

Legend: `D` commanded joints, `h` hands, `g` grippers, `N` entities, `K` numbers an entity,
`M` atoms, `height width` of a camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .types import (
    ENTITY_NAMES,
    ENTITY_WIDTH,
    Atom,
    AtomTable,
    ConditionError,
    DatasetError,
    FeatureSpec,
    Frame,
    KeySpec,
    RobotSpec,
    SpecError,
)
from .types.arguments import arguments_text

POSE_NAMES = ENTITY_NAMES[:7]
CAMERA_PREFIX = "observation.images."
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One key of the data page; `shape` is written with the letters of this module."""

    key: str
    dtype: str
    shape: str
    unit: str
    frame: str
    rate: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("observation.state", "float32", "D", "rad, m", "joint", "frame",
           "measured joint positions; a gripper is its opening"),
    Column("observation.velocity", "float32", "D", "rad/s, m/s", "joint", "frame",
           "measured joint velocities"),
    Column("observation.effort", "float32", "D", "N m, N", "joint", "frame",
           "measured joint efforts"),
    Column("observation.tool_pose", "float32", "7 h", "m, 1", "world", "frame",
           "measured tool pose a hand: position, quaternion w first"),
    Column("observation.environment_state", "float32", "N K", "m, 1", "world", "frame",
           "each entity's pose, free spot, half extents, articulation, symmetry, valid"),
    Column("observation.images.CAMERA", "video", "height, width, 3", "1", "camera", "frame",
           "picture of a camera, RGB"),
    Column("action", "float32", "D", "rad, m", "joint", "frame",
           "absolute joint targets requested for the next frame's instant"),
    Column("action.tool", "float32", "7 h + g", "m, 1", "world", "frame",
           "the same request as absolute tool poses, then gripper openings"),
    Column("executed", "float32", "D", "rad, m", "joint", "frame",
           "joint targets that went to the servo, after noise, limits and takeover"),
    Column("executed.tool", "float32", "7 h + g", "m, 1", "world", "frame",
           "the same as absolute tool poses, then gripper openings"),
    Column("facts", "int8", "M", "1", "", "frame",
           "an atom each: 1 true, 0 false, -1 unknown"),
    Column("facts_margin", "float32", "M", "hysteresis", "", "frame",
           "signed margin of each atom"),
    Column("skill", "string", "1", "", "", "frame", "name of the running skill"),
    Column("arguments", "string", "1", "", "", "frame",
           "its arguments in their order, as `object=red_cube, container=drawer`"),
    Column("phase", "string", "1", "", "", "frame", "part of the skill, if it is known"),
    Column("source", "string", "1", "", "", "frame",
           "who acted: policy, expert, human, recovery, correction or rewind"),
    Column("intervention", "bool", "1", "", "", "frame", "a human overrode the policy"),
    Column("discarded", "bool", "1", "", "", "frame", "undone afterwards; not to be imitated"),
    Column("success", "bool", "1", "", "", "episode", "the episode reached its goal"),
    Column("episode_uuid", "string", "1", "", "", "episode", "name of the episode for ever"),
    Column("parent_uuid", "string", "1", "", "", "episode",
           "episode that this one branched from, or empty"),
    Column("parent_frame", "int64", "1", "frames", "", "episode",
           "frame of the parent where it branched, or -1"),
    Column("timestamp", "float32", "1", "s", "", "frame", "LeRobot: frame_index / fps"),
    Column("frame_index", "int64", "1", "frames", "", "frame", "LeRobot: place in the episode"),
    Column("episode_index", "int64", "1", "", "", "episode", "LeRobot: place in the dataset"),
    Column("index", "int64", "1", "frames", "", "frame", "LeRobot: place in the dataset"),
    Column("task_index", "int64", "1", "", "", "frame",
           "LeRobot: row of meta/tasks.parquet, which holds the task as a sentence"),
)  # fmt: skip
"""Every column of the data files and the videos, in order."""

LEROBOT_KEYS = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""The columns that LeRobot itself adds to every dataset."""

FRAME_KEYS = tuple(c.key for c in COLUMNS if c.rate == "frame" and c.key not in LEROBOT_KEYS)
"""The columns that a frame brings; the others are known when the episode is saved."""


def data_page_table() -> str:
    """The table of the data page, in Markdown."""
    head = "| key | type | shape | unit | frame | a value each | meaning |"
    rows = [
        f"| `{c.key}` | {c.dtype} | {c.shape} | {c.unit} | {c.frame} | {c.rate} | {c.meaning} |"
        for c in COLUMNS
    ]
    return "\n".join([head, "|---" * 7 + "|", *rows])


@dataclass(frozen=True)
class Schema:
    """All that one dataset's columns depend on.

    Attributes:
        fingerprint: of the robot; empty where a foreign dataset does not say.
        hands: names in the order of the tool poses; `grippers` those that have one.
        openings: place in D of each gripper; empty where a foreign dataset does not say.
        types: each name's tags, as in `AtomTable`.
        cameras: height and width in pixels by name.
    """

    robot: str
    fingerprint: str
    joints: tuple[str, ...]
    hands: tuple[str, ...]
    grippers: tuple[str, ...]
    entities: tuple[str, ...]
    atoms: tuple[Atom, ...]
    fps: int
    openings: tuple[int, ...] = ()
    types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cameras: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        robot: RobotSpec,
        table: AtomTable,
        entities: Sequence[str],
        fps: int = 20,
        cameras: Mapping[str, tuple[int, int]] | None = None,
    ) -> Schema:
        """The schema of what this robot does in this scene. Raises SpecError."""
        if fps < 1 or int(fps) != fps:
            raise SpecError("bad rate", where="fps", expected="whole frames per s", got=str(fps))
        for camera, size in (cameras or {}).items():
            if min(size) < 2 or size[0] % 2 or size[1] % 2:
                raise SpecError(
                    "size that video cannot hold",
                    where=f"camera '{camera}'",
                    expected="even height and width",
                    got=str(size),
                )
        return cls(
            robot.name,
            robot.fingerprint(),
            robot.joints,
            tuple(hand.name for hand in robot.hands),
            tuple(hand.name for hand in robot.hands if hand.gripper),
            tuple(entities),
            table.atoms,
            int(fps),
            tuple(robot.part(hand.gripper).start for hand in robot.hands if hand.gripper),
            dict(table.types),
            dict(cameras or {}),
        )

    @property
    def table(self) -> AtomTable:
        """The atoms and typed names again."""
        return AtomTable(self.atoms, self.types)

    @cached_property
    def spec(self) -> FeatureSpec:
        """Type, shape, names, unit and frame of every column."""
        tool = tuple(f"{hand}.{name}" for hand in self.hands for name in POSE_NAMES)
        openings = tuple(f"{hand}.opening" for hand in self.grippers)
        entity = tuple(f"{name}.{part}" for name in self.entities for part in ENTITY_NAMES)
        names = {
            "D": self.joints,
            "7 h": tool,
            "7 h + g": tool + openings,
            "N K": entity,
            "M": tuple(str(atom) for atom in self.atoms),
            "1": (),
        }
        keys: dict[str, KeySpec] = {}
        for column in COLUMNS:
            if column.dtype == "video":
                for camera, (height, width) in self.cameras.items():
                    keys[CAMERA_PREFIX + camera] = KeySpec(
                        "video",
                        (height, width, 3),
                        ("height", "width", "channels"),
                        column.unit,
                        column.frame,
                    )
                continue
            known = names[column.shape]
            shape = (1,) if column.shape == "1" else (len(known),)
            keys[column.key] = KeySpec(column.dtype, shape, known, column.unit, column.frame)
        return FeatureSpec.of({k: s for k, s in keys.items() if s.shape != (0,)})

    @cached_property
    def frame_arrays(self) -> tuple[tuple[str, KeySpec], ...]:
        """The numeric columns that a frame brings, without pictures."""
        return tuple(
            (key, spec)
            for key, spec in self.spec.items()
            if key in FRAME_KEYS and spec.dtype not in ("string", "video")
        )

    @cached_property
    def frame_texts(self) -> tuple[str, ...]:
        """The text columns that a frame brings."""
        return tuple(k for k, s in self.spec.items() if k in FRAME_KEYS and s.dtype == "string")

    def row(self, frame: Frame) -> dict[str, Any]:
        """A frame's own columns, and its `task`. Raises SpecError where it does not fit."""
        seen = frame.observation
        if tuple(seen.entities) != self.entities:
            raise _misfit("entities", ", ".join(self.entities), ", ".join(seen.entities))
        if tuple(seen.tools) != self.hands:
            raise _misfit("hands", ", ".join(self.hands), ", ".join(seen.tools))
        if frame.facts.table.atoms != self.atoms:
            raise _misfit(
                "atoms", f"the {len(self.atoms)} of the dataset", "those of another scene"
            )
        unknown = [n for n in seen.focus if n not in seen.entities and n not in seen.targets]
        if unknown:
            raise _misfit("focus", "names of entities", ", ".join(unknown))
        values = seen.values()
        # Both follow from the call's arguments and the state of the scene.
        for key in ("observation.focus", "observation.arguments"):
            values.pop(key, None)
        values |= {
            "action": frame.action,
            "action.tool": frame.action_tool,
            "executed": frame.executed,
            "executed.tool": frame.executed_tool,
            "facts": frame.facts.truth,
            "facts_margin": frame.facts.margins,
            "skill": frame.skill,
            "arguments": arguments_text(frame.arguments),
            "phase": frame.phase,
            "source": frame.source,
            "intervention": frame.intervention,
            "discarded": frame.discarded,
            "task": frame.task or f"{frame.skill}({', '.join(frame.arguments.values())})",
        }
        for key, spec in self.frame_arrays:
            if spec.shape != (1,) and values[key].shape != spec.shape:
                raise _misfit(key, f"shape {spec.shape}", f"shape {values[key].shape}")
        for camera, size in self.cameras.items():
            image = values.get(CAMERA_PREFIX + camera)
            if image is None or image.shape != (*size, 3) or image.dtype.name != "uint8":
                got = "no picture" if image is None else f"{image.shape} {image.dtype}"
                raise _misfit(f"camera '{camera}'", f"{(*size, 3)} uint8", got)
        return values

    def to_json(self) -> dict[str, Any]:
        """Plain data for `meta/kata.json`."""
        return {
            "format": FORMAT,
            "robot": self.robot,
            "fingerprint": self.fingerprint,
            "joints": list(self.joints),
            "hands": list(self.hands),
            "grippers": list(self.grippers),
            "entities": list(self.entities),
            "atoms": [str(atom) for atom in self.atoms],
            "fps": self.fps,
            "openings": list(self.openings),
            "types": {name: sorted(tags) for name, tags in self.types.items()},
            "cameras": {name: list(size) for name, size in self.cameras.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, where: str = "meta/kata.json") -> Schema:
        """Inverse of `to_json`. Raises DatasetError."""
        if data.get("format") != FORMAT:
            raise DatasetError(
                "unknown format",
                where=where,
                expected=f"format {FORMAT}",
                got=str(data.get("format")),
                hint="read it with the version of Kata that wrote it",
            )
        try:
            return cls(
                str(data["robot"]),
                str(data["fingerprint"]),
                tuple(map(str, data["joints"])),
                tuple(map(str, data["hands"])),
                tuple(map(str, data["grippers"])),
                tuple(map(str, data["entities"])),
                tuple(Atom.parse(text) for text in data["atoms"]),
                int(data["fps"]),
                tuple(map(int, data["openings"])),
                {str(name): frozenset(tags) for name, tags in data["types"].items()},
                {str(k): (int(v[0]), int(v[1])) for k, v in data["cameras"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConditionError) as error:
            raise DatasetError("not a dataset's schema", where=where, got=repr(error)) from error

    def check_same(self, other: Schema, *, where: str) -> None:
        """Raise DatasetError naming what differs from `other`, which is what was got."""
        fields = ("robot", "fingerprint", "joints", "hands", "grippers", "entities", "fps")
        for name in (*fields, "cameras"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and not (name == "fingerprint" and "" in (mine, theirs)):
                raise DatasetError(
                    f"dataset of another {_WORDS.get(name, name)}",
                    where=where,
                    expected=f"{name} {mine}",
                    got=f"{name} {theirs}",
                    hint="record into another folder",
                )
        if self.atoms != other.atoms:
            differ = len({*self.atoms} ^ {*other.atoms})
            raise DatasetError(
                "dataset of another scene: its atoms differ",
                where=where,
                expected=f"{len(self.atoms)} atoms",
                got=f"{len(other.atoms)} atoms; {differ} are in one of them only",
                hint="record into another folder",
            )


_WORDS = {
    "fingerprint": "version of the robot",
    "joints": "robot",
    "hands": "robot",
    "grippers": "robot",
    "entities": "scene",
    "fps": "rate",
    "cameras": "set of cameras",
}


def _misfit(where: str, expected: str, got: str) -> SpecError:
    return SpecError("frame does not fit the dataset", where=where, expected=expected, got=got)


def plain_names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a feature's numbers; LeRobot has them as a list or as `{"motors": [...]}`."""
    names = feature.get("names") or ()
    lists = list(names.values()) if isinstance(names, Mapping) else [names]
    return tuple(str(name) for part in lists[:1] if isinstance(part, list | tuple) for name in part)


def foreign_schema(features: Mapping[str, Mapping[str, Any]], robot: str, fps: int) -> Schema:
    """The schema of a LeRobot dataset that Kata did not write, from its features' names.

    Raises DatasetError for names that do not follow the data page.
    """
    names = {key: plain_names(feature) for key, feature in features.items()}

    def heads(key: str, end: str) -> tuple[str, ...]:
        return tuple(n.removesuffix(end) for n in names.get(key, ()) if n.endswith(end))

    try:
        atoms = tuple(Atom.parse(text) for text in names.get("facts", ()))
    except ConditionError as error:
        raise DatasetError("names of 'facts' are no atoms", got=error.got) from error
    sizes = {
        key.removeprefix(CAMERA_PREFIX): (int(f["shape"][0]), int(f["shape"][1]))
        for key, f in features.items()
        if key.startswith(CAMERA_PREFIX) and f.get("dtype") == "video"
    }
    entities = heads("observation.environment_state", ".qw")
    if len(names.get("observation.environment_state", ())) not in (0, len(entities) * ENTITY_WIDTH):
        entities = ()
    return Schema(
        robot,
        "",
        names.get("action", ()),
        heads("observation.tool_pose", ".qw"),
        heads("action.tool", ".opening"),
        entities,
        atoms,
        fps,
        cameras=sizes,
    )
