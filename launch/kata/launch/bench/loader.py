"""Batches of observations and chunks of actions, against LeRobot's loader and a plain gather."""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kata.datasets.dataset import Dataset
from kata.datasets.sampler import ChunkSampler
from kata.datasets.schema import CAMERA_PREFIX
from kata.datasets.types import ChunkSpec

from .lerobot_data import lerobot_datasets
from .measure import Sample, cpu_samples
from .registry import BenchContext
from .synthetic import ACTION, CAMERAS, FPS, STATE, write_dataset
from .table import BenchResult, Bound, Growth, Row

BATCH, HORIZON = 64, 16
CHUNK = ChunkSpec(HORIZON, 1 / FPS, 8, "joint", 8)
TOOL_CHUNK = ChunkSpec(HORIZON, 1 / FPS, 8, "tool", 7)
KEYS = tuple(CAMERA_PREFIX + name for name in CAMERAS)
_HOW = (
    "CPU time of the process, threads included, of shuffled batches of 64. LeRobot's DataLoader "
    "has no workers, gives pictures as uint8, decodes with {backend} and gathers a chunk of 16 "
    "actions by delta_timestamps."
)
_COLUMNS = (
    "The dataset holds only what the loader is asked for. A dataset that Kata records has four "
    "times as many columns, which costs LeRobot's loader more and ours nothing."
)
_LIMITS = (
    "What limits it: for state the gather itself and the making of index arrays, from 10^6 frames "
    "on misses of the processor's cache; for cameras copying 55 kB a sample, and before that "
    "decoding each picture once."
)
_US = 1e6
_MB = 1e-6


def run(context: BenchContext) -> BenchResult:
    """Rows for state and for two cameras, and how state grows from 10^3 to 10^6 frames.

    Raises MissingDependencyError without LeRobot.
    """
    with lerobot_datasets(context.folder / "lerobot") as opened:
        context.say("state: ours, LeRobot's loader, a plain gather")
        rows = _state_rows(context, opened)
        context.say("two cameras of 96 x 96: ours, LeRobot's loader")
        rows += _camera_rows(context, opened)
        notes = (_HOW.format(backend=_backend()), _COLUMNS, _LIMITS)
    context.say("growth")
    return BenchResult(tuple(rows), tuple(_growth(context)), notes)


def _backend() -> str:
    from lerobot.utils.import_utils import get_safe_default_video_backend

    return str(get_safe_default_video_backend())


def _state_rows(context: BenchContext, opened: Any) -> list[Row]:
    frames = 2_000 if context.quick else 20_000
    root = write_dataset(context.folder / "state", frames, seed=context.seed)
    dataset = Dataset.open(root)
    tools = Dataset.open(
        write_dataset(context.folder / "tool", frames, tool=True, seed=context.seed)
    )
    steps = 20 if context.quick else 2000
    ours = _samples(_drawing(_sampler(dataset, (STATE,), context.seed)), context, steps)
    plain = _samples(_gathering(dataset, context.seed), context, steps)
    theirs = _samples(_loading(opened, root), context, 1 if context.quick else 4)
    relative = ChunkSampler(tools, TOOL_CHUNK, (STATE,), batch=BATCH, seed=context.seed)
    first = _once(lambda: _drawing(relative), frames, 1)
    later = _samples(_drawing(relative), context, steps)
    return [
        Row("state, chunk 16", "µs CPU a sample", ours, theirs, Bound(1 / 300),
            against="LeRobotDataset with torch's DataLoader"),
        Row("state, chunk 16, plain gather", "µs CPU a sample", ours, plain, Bound(8.0),
            against="numpy gathering the same from memory"),
        Row("relative tool actions, first epoch", "µs CPU a sample", first, plain,
            against="numpy gathering joint actions from memory"),
        Row("relative tool actions, later", "µs CPU a sample", later, plain,
            against="numpy gathering joint actions from memory"),
    ]  # fmt: skip


def _camera_rows(context: BenchContext, opened: Any) -> list[Row]:
    length, episodes = (16, 2) if context.quick else (150, 8)
    frames = length * episodes
    folder = context.folder / "cameras"
    root = write_dataset(folder, frames, length=length, cameras=CAMERAS, seed=context.seed)
    keys, runs = (STATE, *KEYS), 2 if context.quick else 3
    per_epoch = -(-frames // BATCH)
    first = _once(lambda: _drawing(_sampler(Dataset.open(root), keys, context.seed)), frames, runs)
    dataset = Dataset.open(root)
    draw = _drawing(_sampler(dataset, keys, context.seed))
    before = _resident_bytes()
    for _ in range(per_epoch):
        draw()
    grown = _resident_bytes() - before
    later = _samples(draw, context, per_epoch)
    theirs = _samples(_loading(opened, root), context, 1 if context.quick else 3)
    window = length * episodes // 4
    allowed = dataset.frames.frame_bytes(CAMERAS) * window
    small = Dataset.open(root, cache_bytes=allowed)
    windowed = ChunkSampler(small, CHUNK, keys, batch=BATCH, seed=context.seed, window=window)
    beyond = _samples(_drawing(windowed), context, per_epoch)
    kept = small.frames.bytes
    none = Dataset.open(root, cache_bytes=0)
    bare = _samples(_drawing(_sampler(none, keys, context.seed)), context, 1)
    against = "LeRobotDataset with torch's DataLoader"
    unit = "µs CPU a sample"
    need = dataset.frames.frame_bytes(CAMERAS) * frames
    return [
        Row("two cameras, after the first epoch", unit, later, theirs, Bound(1 / 30),
            against=against),
        Row("two cameras, first epoch", unit, first, theirs, against=against),
        Row("two cameras, room for a quarter, windows", unit, beyond, theirs, against=against),
        Row("two cameras, nothing kept", unit, bare, theirs, against=against),
        Row("pictures kept, room for a quarter", "MB", Sample.of([kept * _MB])),
        Row("growth of the process, room for all", "MB", Sample.of([grown * _MB]),
            must=Bound(1.25 * need * _MB, "ours")),
        Row("pictures of another row", "of 200", Sample.of([_wrong(none, opened, root)]),
            must=Bound(0.0, "ours"), against="LeRobot's decoder, row by row"),
    ]  # fmt: skip


def _sampler(dataset: Dataset, keys: tuple[str, ...], seed: int) -> ChunkSampler:
    return ChunkSampler(dataset, CHUNK, keys, batch=BATCH, seed=seed)


def _drawing(sampler: ChunkSampler) -> Callable[[], object]:
    """A call that draws the next batch, for ever."""
    steps = itertools.count()
    return lambda: sampler.batch(next(steps))


def _gathering(dataset: Dataset, seed: int) -> Callable[[], object]:
    """A call that gathers random states and chunks of actions, and does nothing else."""
    state, action = dataset.column(STATE), dataset.column(ACTION)
    order = np.random.default_rng(seed).permutation(len(state) - HORIZON)
    ahead, begins = np.arange(HORIZON), itertools.cycle(range(0, len(order) - BATCH, BATCH))

    def gather() -> object:
        begin = next(begins)
        rows = order[begin : begin + BATCH]
        return state[rows], action[rows[:, None] + ahead]

    return gather


def _loading(opened: Any, root: Path) -> Callable[[], object]:
    """A call that takes the next batch of LeRobot's loader, for ever."""
    from torch.utils.data import DataLoader

    chunk = {ACTION: [k / FPS for k in range(HORIZON)]}
    dataset = opened("kata/bench", root=root, delta_timestamps=chunk, return_uint8=True)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=0)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    return lambda: next(batches)


def _samples(call: Callable[[], object], context: BenchContext, batches: int) -> Sample:
    def several() -> None:
        for _ in range(batches):
            call()

    runs = 2 if context.quick else 5
    return cpu_samples(several, runs, batches * BATCH).scaled(_US)


def _once(make: Callable[[], Callable[[], object]], frames: int, runs: int) -> Sample:
    """The first epoch of a sampler made anew for each run."""
    values = []
    for _ in range(runs):
        draw = make()
        begun = time.process_time()
        for _ in range(-(-frames // BATCH)):
            draw()
        values.append((time.process_time() - begun) / frames * _US)
    return Sample.of(values)


def _wrong(dataset: Dataset, opened: Any, root: Path) -> float:
    """How many of 200 random pictures differ from what LeRobot decodes for the row.

    `dataset` keeps none, so that each is found from the key frame before it.
    """
    theirs = opened("kata/bench", root=root, return_uint8=True)
    rows = np.random.default_rng(0).integers(0, len(dataset), 100)
    wrong = 0
    for key, name in zip(KEYS, CAMERAS, strict=True):
        found = dataset.frames.take(name, rows)
        for row, picture in zip(rows.tolist(), found, strict=True):
            other = theirs[row][key].numpy().transpose(1, 2, 0)
            # Decoders round differently by a level or two; another row differs by far more.
            wrong += int(np.abs(other.astype(int) - picture).max() > 3)
    return float(wrong)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _growth(context: BenchContext) -> list[Growth]:
    sizes = (1_000, 10_000) if context.quick else (1_000, 10_000, 100_000, 1_000_000)
    points: dict[str, list[tuple[float, float]]] = {"open": [], "memory": [], "sample": []}
    for frames in sizes:
        root = write_dataset(context.folder / str(frames), frames, seed=context.seed)
        begun = time.process_time()
        dataset = Dataset.open(root)
        sampler = _sampler(dataset, (STATE,), context.seed)
        points["open"].append((frames, time.process_time() - begun))
        found = _samples(_drawing(sampler), context, 20 if context.quick else 1000)
        points["sample"].append((frames, found.median))
        held = sum(dataset.column(key).nbytes for key in dataset.spec)
        points["memory"].append((frames, held * _MB))
    return [
        Growth("state, chunk 16", "frames", "µs CPU a sample", tuple(points["sample"])),
        Growth("open a dataset and a sampler", "frames", "s CPU", tuple(points["open"])),
        Growth("columns in memory", "frames", "MB", tuple(points["memory"])),
    ]
