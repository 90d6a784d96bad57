"""The two sides of the bench `record`: the same demonstrations into our dataset and LeRobot's."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kata.datasets.dataset import Dataset
from kata.datasets.lerobot_format import INFO
from kata.datasets.recorder import EpisodeRecorder
from kata.datasets.schema import CAMERA_PREFIX, LEROBOT_KEYS
from kata.datasets.types import Frame, Outcome, RobotSpec
from kata.datasets.video import ENCODER_OPTIONS, KEY_FRAME_EVERY

from .measure import Sample
from .registry import BenchContext
from .synthetic import CAMERAS, moving_pictures

Hook = Callable[[], object]
_US = 1e6


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Frames to record, by episode, and what a recorder must know of them."""

    robot: RobotSpec
    episodes: tuple[tuple[Frame, ...], ...]
    cameras: Mapping[str, tuple[int, int]]

    @property
    def frames(self) -> int:
        """All frames."""
        return sum(map(len, self.episodes))

    def filmed(self, seed: int) -> Demonstrations:
        """The same with pictures of two cameras."""
        rng = np.random.default_rng(seed)
        episodes = []
        for frames in self.episodes:
            films = [moving_pictures(len(frames), size, rng) for size in CAMERAS.values()]
            filmed = []
            for frame, *pictures in zip(frames, *films, strict=True):
                images = dict(zip(CAMERAS, pictures, strict=True))
                filmed.append(replace(frame, observation=replace(frame.observation, images=images)))
            episodes.append(tuple(filmed))
        return replace(self, episodes=tuple(episodes), cameras=CAMERAS)


def demonstrations(count: int, seed: int) -> Demonstrations:
    """Demonstrations of `pick` by the scripted expert, without pictures."""
    from kata.sim.collect import DART_STD_RAD, DartNoise, demonstrate
    from kata.sim.experts import make_expert
    from kata.sim.tasks import make_trial

    world: Any = make_trial("pick")
    expert = make_expert("pick", world.robot, world.kinematics)
    episodes = [
        tuple(demonstrate(world, expert, seed + i, DartNoise(DART_STD_RAD))[0])
        for i in range(count)
    ]
    return Demonstrations(world.robot, tuple(episodes), {})


def recorder_for(data: Demonstrations, root: Path) -> EpisodeRecorder:
    """Our recorder for these demonstrations."""
    first = data.episodes[0][0]
    entities = tuple(first.observation.entities)
    table = first.facts.table
    return EpisodeRecorder(root, data.robot, table, entities, cameras=data.cameras)


def record_ours(data: Demonstrations, root: Path, before_close: Hook | None = None) -> None:
    """Record everything, each episode durable when it is saved."""
    with recorder_for(data, root) as recorder:
        for frames in data.episodes:
            for frame in frames:
                recorder.add(frame)
            recorder.save_episode(Outcome(True))
        if before_close:
            before_close()


@dataclass(frozen=True, slots=True)
class LeRobotFrames:
    """The same frames as LeRobot's `add_frame` takes them."""

    features: Mapping[str, Mapping[str, Any]]
    episodes: tuple[tuple[Mapping[str, Any], ...], ...]

    @classmethod
    def of(cls, data: Demonstrations, recorded: Path) -> LeRobotFrames:
        """Of demonstrations, and what our recorder stored of them: every column and picture."""
        dataset = Dataset.open(recorded)
        found = json.loads((recorded / INFO).read_bytes())["features"]
        features = {
            key: {"dtype": f["dtype"], "shape": tuple(f["shape"]), "names": f["names"]}
            for key, f in found.items()
            if key not in LEROBOT_KEYS
        }

        def values(key: str, frame: Frame, row: int) -> Any:
            if key.startswith(CAMERA_PREFIX):
                return frame.observation.images[key.removeprefix(CAMERA_PREFIX)]
            if features[key]["dtype"] == "string":
                return dataset.texts(key)[row]
            return dataset.column(key)[row].reshape(features[key]["shape"])

        episodes = [
            tuple(
                {key: values(key, frame, info.start + i) for key in features} | {"task": "pick"}
                for i, frame in enumerate(frames)
            )
            for info, frames in zip(dataset.episodes, data.episodes, strict=True)
        ]
        return cls(features, tuple(episodes))

    def only(self, *keys: str) -> LeRobotFrames:
        """With these columns alone."""
        features = {key: self.features[key] for key in keys}
        kept = (*keys, "task")
        episodes = [tuple({key: f[key] for key in kept} for f in e) for e in self.episodes]
        return LeRobotFrames(features, tuple(episodes))

    def record(
        self,
        lerobot: Any,
        root: Path,
        options: Mapping[str, Any],
        before_close: Hook | None = None,
    ) -> None:
        """Record everything with LeRobot; it cannot be opened before the end."""
        features = {key: dict(feature) for key, feature in self.features.items()}
        made = lerobot.create("kata/bench", 20, features, root=root, **options)
        for frames in self.episodes:
            for frame in frames:
                made.add_frame(dict(frame))
            made.save_episode()
        if before_close:
            before_close()
        made.finalize()


def lerobot_modes() -> dict[str, dict[str, Any]]:
    """LeRobot's ways to make videos, all with our codec, quality and distance of key frames."""
    from lerobot.configs import RGBEncoderConfig

    ours = ENCODER_OPTIONS["libx264"]
    encoder = RGBEncoderConfig(
        vcodec="h264",
        pix_fmt="yuv420p",
        g=KEY_FRAME_EVERY,
        crf=int(ours["crf"]),
        preset=ours["preset"],
        extra_options={"bf": int(ours["bf"])},
    )
    # A queue that holds a whole episode drops no frame.
    streaming = {"streaming_encoding": True, "encoder_queue_maxsize": 10_000}
    return {
        "streaming": {"rgb_encoder": encoder, **streaming},
        "streaming, one thread a camera": {
            "rgb_encoder": encoder,
            "encoder_threads": 1,
            **streaming,
        },
        "pictures as files first": {"rgb_encoder": encoder},
        "the same, written by four threads": {
            "rgb_encoder": encoder,
            "encoder_threads": 1,
            "image_writer_threads": 4,
        },
    }


@dataclass(frozen=True, slots=True)
class Timing:
    """Several recordings: frames/s on the clock, and CPU µs a frame."""

    rate: Sample
    cpu: Sample


def timed(
    records: Sequence[Callable[[Path], object]], frames: int, context: BenchContext, runs: int = 5
) -> list[Timing]:
    """Record into a new folder each time, taking turns, so that all see the same machine.

    One turn more is done first and not counted.
    """
    rates, costs = np.empty((2, runs + 1, len(records)))
    for turn in range(runs + 1):
        for i, record in enumerate(records):
            root = new_folder(context)
            # Whoever syncs must not pay for what the one before left unwritten.
            os.sync()
            begun, spent = time.perf_counter(), time.process_time()
            record(root)
            rates[turn, i] = frames / (time.perf_counter() - begun)
            costs[turn, i] = (time.process_time() - spent) / frames * _US
    return [
        Timing(Sample.of(r[1:]), Sample.of(c[1:])) for r, c in zip(rates.T, costs.T, strict=True)
    ]


def new_folder(context: BenchContext) -> Path:
    """A path that nothing has written to."""
    return context.folder / f"{len(list(context.folder.iterdir())):03d}"
