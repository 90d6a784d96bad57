"""Recording demonstrations, against LeRobot's recorder with the same columns and video."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kata.datasets.dataset import Dataset
from kata.datasets.schema import CAMERA_PREFIX
from kata.datasets.types import DatasetError, Outcome
from kata.datasets.video import ENCODER_OPTIONS, KEY_FRAME_EVERY

from .lerobot_data import lerobot_datasets
from .measure import Sample
from .recording import (
    Demonstrations,
    Hook,
    LeRobotFrames,
    Timing,
    demonstrations,
    lerobot_modes,
    new_folder,
    record_ours,
    recorder_for,
    timed,
)
from .registry import BenchContext
from .synthetic import ACTION, CAMERAS, STATE
from .table import BenchResult, Bound, Growth, Row

_RATE, _CPU = "frames/s", "µs CPU a frame"
_AGAINST = "LeRobotDataset create, add_frame, save_episode, finalize"
_CLOCK = (
    "Demonstrations of 'pick' by the scripted expert, recorded into a new folder; the clock runs "
    "from its creation to its closing. Ours is synced to the disk when save_episode returns; "
    "LeRobot's is not, and cannot be opened before finalize()."
)
_VIDEO = (
    "Video on both sides: H.264, "
    + ", ".join(f"{key} {value}" for key, value in ENCODER_OPTIONS["libx264"].items())
    + f", a key frame every {KEY_FRAME_EVERY} frames, yuv420p. LeRobot's modes in frames/s: "
    "{modes}; the quickest is the baseline."
)
_LIMITS = (
    "What limits it: for state checking each frame and writing Parquet; for cameras libx264; on a "
    "slow disk, or one that others write to, three waits an episode until all is on it."
)


def run(context: BenchContext) -> BenchResult:
    """Rows for state and for two cameras, what a kill leaves, and how saving grows.

    Raises MissingDependencyError without LeRobot.
    """
    with lerobot_datasets(context.folder / "lerobot") as lerobot:
        data = demonstrations(1 if context.quick else 4, context.seed)
        context.say(f"state, {data.frames} frames: ours, LeRobot's recorder")
        rows = _state_rows(context, data, lerobot)
        context.say("two cameras of 96 x 96: ours, LeRobot's recorder in four modes")
        found, modes = _camera_rows(context, data.filmed(context.seed), lerobot)
    context.say("growth")
    video = _VIDEO.format(modes=modes)
    return BenchResult((*rows, *found), (_growth(context, data),), (_CLOCK, video, _LIMITS))


def _state_rows(context: BenchContext, data: Demonstrations, lerobot: Any) -> list[Row]:
    copy = _copy(context, data)
    few = copy.only(STATE, ACTION)
    ours, theirs, lean = timed(
        [
            lambda root: record_ours(data, root),
            lambda root: copy.record(lerobot, root, {}),
            lambda root: few.record(lerobot, root, {}),
        ],
        data.frames,
        context,
        _runs(context),
    )
    saved = len(data.episodes)

    def left(record: Callable[[Path, Hook], None], name: str) -> Sample:
        """How many episodes a copy of the folder holds that is made before it is closed."""
        root, copied = context.folder / name, context.folder / f"{name}-killed"
        record(root, lambda: shutil.copytree(root, copied))
        try:
            return Sample.of([len(Dataset.open(copied).episodes)])
        except DatasetError:
            return Sample.of([0.0])

    return [
        *_rows("state", ours, theirs, lean, 5.0, _AGAINST),
        Row(
            "episodes that a kill before the end leaves",
            f"of {saved}",
            left(lambda root, hook: record_ours(data, root, hook), "ours"),
            left(lambda root, hook: copy.record(lerobot, root, {}, hook), "theirs"),
            Bound(float(saved), "ours"),
            "higher",
            _AGAINST,
        ),
    ]


def _camera_rows(
    context: BenchContext, data: Demonstrations, lerobot: Any
) -> tuple[list[Row], str]:
    copy = _copy(context, data)
    few = copy.only(STATE, ACTION, *(CAMERA_PREFIX + name for name in CAMERAS))
    modes = lerobot_modes()
    tried = [partial(copy.record, lerobot, options=options) for options in modes.values()]
    found = timed(tried, data.frames, context, 1)
    rates = dict(zip(modes, found, strict=True))
    best = max(rates, key=lambda name: rates[name].rate.median)
    ours, theirs, lean = timed(
        [
            lambda root: record_ours(data, root),
            lambda root: copy.record(lerobot, root, modes[best]),
            lambda root: few.record(lerobot, root, modes[best]),
        ],
        data.frames,
        context,
        _runs(context),
    )
    told = ", ".join(f"{name} {timing.rate.median:.0f}" for name, timing in rates.items())
    return _rows("two cameras", ours, theirs, lean, 3.0, f"{_AGAINST}; {best}"), told


def _copy(context: BenchContext, data: Demonstrations) -> LeRobotFrames:
    """The same frames for LeRobot, as our recorder stores them."""
    root = new_folder(context)
    record_ours(data, root)
    return LeRobotFrames.of(data, root)


def _runs(context: BenchContext) -> int:
    return 1 if context.quick else 5


def _rows(
    name: str, ours: Timing, theirs: Timing, lean: Timing, must: float, against: str
) -> list[Row]:
    few = f"{against}; only observation.state, action and pictures"
    return [
        Row(name, _RATE, ours.rate, theirs.rate, Bound(must), "higher", against),
        Row(f"{name}, CPU", _CPU, ours.cpu, theirs.cpu, against=against),
        Row(f"{name}, against fewer columns", _RATE, ours.rate, lean.rate, None, "higher", few),
    ]


def _growth(context: BenchContext, data: Demonstrations) -> Growth:
    """Seconds to save an episode of ten frames into a dataset that grows."""
    sizes = (1, 10) if context.quick else (1, 10, 100, 1000)
    frames = data.episodes[0][:10]
    spent, points = [], []
    with recorder_for(data, context.folder / "growing") as recorder:
        for count in range(1, sizes[-1] + 1):
            for frame in frames:
                recorder.add(frame)
            begun = time.process_time()
            recorder.save_episode(Outcome(True))
            spent.append(time.process_time() - begun)
            if count in sizes:
                points.append((float(count), Sample.of(spent[-10:]).median * 1e3))
    return Growth("save an episode of ten frames", "episodes", "ms CPU", tuple(points))
