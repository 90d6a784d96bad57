"""Contract tests that any `Recorder` can inherit, and small datasets made without a simulator.

A user's recorder passes if a class that inherits `RecorderContract` gives its two methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from .dataset import Dataset
from .recorder import EpisodeRecorder
from .types import (
    DEFAULT_HAND,
    Array,
    Atom,
    AtomTable,
    EntityState,
    Facts,
    Frame,
    Hand,
    KataError,
    Limits,
    Observation,
    Outcome,
    Part,
    Pose,
    Recorder,
    RobotSpec,
    SpecError,
)
from .types.pose import quat_exp, quat_multiply

FAKE_ENTITIES = ("red_cube", "blue_cube", "table", "drawer")
FAKE_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "pick": ("object",),
    "place": ("object", "surface"),
    "place_in": ("object", "container"),
    "open": ("container",),
    "close": ("container",),
}
_CHOICES = {"object": "red_cube", "surface": "table", "container": "drawer"}
_DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def fake_robot(name: str = "fake", joints: int = 7) -> RobotSpec:
    """An arm of `joints` joints with a parallel gripper."""
    names = tuple(f"joint{i + 1}" for i in range(joints))
    size = joints + 1
    one = np.ones(size)
    limits = Limits(-3.0 * one, 3.0 * one, 2.0 * one, 10.0 * one, 100.0 * one)
    parts = (Part("arm", "arm", names, 0), Part("gripper", "gripper", ("opening",), joints))
    hands = (Hand(DEFAULT_HAND, "arm", "gripper"),)
    return RobotSpec(name, parts, limits, np.zeros(size), hands)


def fake_table() -> AtomTable:
    """A few atoms over `FAKE_ENTITIES`."""
    texts = ("gripper_empty()", "holding(red_cube)", "holding(blue_cube)", "open(drawer)")
    atoms = tuple(Atom.parse(t) for t in (*texts, "in(red_cube, drawer)", "on(red_cube, table)"))
    tags = {
        "red_cube": frozenset({"cube", "object", "support"}),
        "blue_cube": frozenset({"cube", "object", "support"}),
        "table": frozenset({"support", "surface"}),
        "drawer": frozenset({"container", "openable", "fixture"}),
    }
    return AtomTable(atoms, tags)


def fake_frames(
    count: int,
    seed: int = 0,
    *,
    skill: str = "pick",
    robot: RobotSpec | None = None,
    cameras: Mapping[str, tuple[int, int]] | None = None,
) -> list[Frame]:
    """A tool that glides from a random start to the first entity of the call, and its frames.

    The action of a frame is the position of the next one, so chunks agree with the motion.
    """
    rng = np.random.default_rng(seed)
    robot = robot or fake_robot()
    table = fake_table()
    arguments = {name: _CHOICES[name] for name in FAKE_ARGUMENTS.get(skill, ("object",))}
    entities = {name: _fake_entity(name, rng) for name in FAKE_ENTITIES}
    goal = entities[next(iter(arguments.values()))].pose.position
    start = goal + rng.uniform(-0.2, 0.2, 3)
    home = rng.uniform(-1.0, 1.0, robot.size)
    aim = rng.uniform(-1.0, 1.0, robot.size)
    home[-1], aim[-1] = 0.08, 0.03
    turn = rng.uniform(-1.0, 1.0)
    frames = []
    for i in range(count):
        now, then = (_smooth(k / max(count - 1, 1)) for k in (i, min(i + 1, count - 1)))
        pose, target = (_glide(start, goal, turn, u) for u in (now, then))
        joints, action = home + now * (aim - home), home + then * (aim - home)
        images = {camera: _fake_image(size, now) for camera, size in (cameras or {}).items()}
        truth = (rng.uniform(size=len(table.atoms)) < 0.5).astype(np.int8)
        frames.append(
            Frame(
                Observation(
                    0.05 * i,
                    joints,
                    0.1 * (aim - home),
                    np.zeros(robot.size),
                    {DEFAULT_HAND: pose},
                    entities,
                    tuple(arguments.values()),
                    images,
                ),
                action,
                np.concatenate([target.array(), action[-1:]]),
                action + rng.normal(0.0, 0.01, robot.size),
                np.concatenate([target.array(), action[-1:]]),
                Facts(table, truth, truth.astype(float) * 2.0 - 1.0, 0.05 * i),
                skill,
                arguments,
                "approach",
            )
        )
    return frames


def _smooth(u: float) -> float:
    return u * u * (3.0 - 2.0 * u)


def _glide(start: Array, goal: Array, turn: float, u: float) -> Pose:
    spin = quat_exp(np.array([0.0, 0.0, u * turn]))
    return Pose(start + u * (goal - start), quat_multiply(_DOWN, spin))


def _fake_entity(name: str, rng: np.random.Generator) -> EntityState:
    position = np.array([rng.uniform(0.3, 0.6), rng.uniform(-0.2, 0.2), 0.02])
    quaternion = quat_exp(np.array([0.0, 0.0, rng.uniform(-3.0, 3.0)]))
    top = position + np.array([0.0, 0.0, 0.02])
    return EntityState(name, Pose(position, quaternion), top, np.full(3, 0.02), symmetry=4)


def _fake_image(size: tuple[int, int], u: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    height, width = size
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    image[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    image[..., 2] = int(255 * u)
    return image


def fake_recorder(
    root: Path | str, *, cameras: Mapping[str, tuple[int, int]] | None = None, fps: int = 20
) -> EpisodeRecorder:
    """A recorder for `fake_frames`."""
    return EpisodeRecorder(
        root, fake_robot(), fake_table(), FAKE_ENTITIES, fps=fps, cameras=cameras
    )


def fake_dataset(
    root: Path | str,
    *,
    episodes: int = 4,
    frames: int = 30,
    skills: Sequence[str] = ("pick",),
    cameras: Mapping[str, tuple[int, int]] | None = None,
    seed: int = 0,
) -> Dataset:
    """A small valid dataset on disk, in a fraction of a second; skills take turns."""
    with fake_recorder(root, cameras=cameras) as recorder:
        for i in range(episodes):
            skill = skills[i % len(skills)]
            for frame in fake_frames(frames, seed + i, skill=skill, cameras=cameras):
                recorder.add(frame)
            recorder.save_episode(Outcome(True, "achieved", seed=seed + i))
    return Dataset.open(root)


class RecorderContract:
    """What every `Recorder` must do. Subclasses give `make` and `count`."""

    def make(self, root: Path) -> Recorder:
        """A recorder for `fake_frames` that writes to `root`, or continues what is there."""
        raise NotImplementedError

    def count(self, root: Path) -> int:
        """Episodes that a fresh reader finds; 0 where there are none."""
        raise NotImplementedError

    def test_a_saved_episode_is_there_at_once(self, tmp_path: Path) -> None:
        """Durable on return: another reader sees it before the recorder is closed."""
        recorder = self.make(tmp_path / "data")
        for number in range(3):
            for frame in fake_frames(5, number):
                recorder.add(frame)
            assert recorder.save_episode(Outcome(True)) == number
            assert self.count(tmp_path / "data") == number + 1

    def test_an_unsaved_episode_is_not_there(self, tmp_path: Path) -> None:
        """Frames alone make no episode."""
        recorder = self.make(tmp_path / "data")
        recorder.add(fake_frames(1)[0])
        assert self.count(tmp_path / "data") == 0

    def test_a_discarded_episode_is_not_there(self, tmp_path: Path) -> None:
        """Discarding takes the frames away, and the next episode starts empty."""
        recorder = self.make(tmp_path / "data")
        recorder.add(fake_frames(1)[0])
        recorder.discard("a test")
        with pytest.raises(KataError):
            recorder.save_episode(Outcome(True))
        recorder.add(fake_frames(1)[0])
        assert recorder.save_episode(Outcome(False)) == 0
        assert self.count(tmp_path / "data") == 1

    def test_a_frame_that_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        """It raises SpecError and leaves the episode as it was."""
        recorder = self.make(tmp_path / "data")
        good = fake_frames(2)
        recorder.add(good[0])
        for bad in (
            replace(good[1], action=np.zeros(3)),
            replace(good[1], observation=replace(good[1].observation, entities={})),
        ):
            with pytest.raises(SpecError):
                recorder.add(bad)
        recorder.add(good[1])
        assert recorder.save_episode(Outcome(True)) == 0
        assert self.count(tmp_path / "data") == 1

    def test_an_empty_episode_is_refused(self, tmp_path: Path) -> None:
        """There is nothing to save."""
        with pytest.raises(KataError):
            self.make(tmp_path / "data").save_episode(Outcome(True))
