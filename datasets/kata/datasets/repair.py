"""What a kill can leave behind, put in order.

`meta/episodes` decides which episodes there are: an episode's file is moved there after its data
and videos and before the totals. So a dataset on disk is always whole; only what is derived
(totals in `info.json`, sums in `stats.json`) may lag by one episode, and files of an episode that
was never announced may lie about. They are moved to `aside/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .files import refused
from .journal import FOLDER, Aside, adopt_interrupted
from .lerobot_format import (
    DATA_PATH,
    INFO,
    STATS,
    VIDEO_PATH,
    Entry,
    json_bytes,
    read_entries,
    read_episode_stats,
    read_json,
    read_tasks,
    stats_bytes,
)
from .statistics import Statistics
from .storage import clear_staging, commit
from .types import DatasetError

_KEPT = "nothing was changed"


@dataclass(frozen=True, slots=True)
class Repair:
    """What was found: the episodes, their statistics, and what was put in order."""

    entries: tuple[Entry, ...]
    tasks: tuple[str, ...]
    stats: dict[str, Statistics]
    interrupted: tuple[Aside, ...]
    moved: tuple[str, ...]


def check_entries(root: Path, entries: Sequence[Entry]) -> None:
    """Raise DatasetError unless the episodes follow each other without a gap."""
    row = 0
    for i, entry in enumerate(entries):
        if entry.index != i or entry.start != row or entry.stop <= entry.start:
            raise DatasetError(
                "episodes do not follow each other",
                where=str(root / "meta/episodes"),
                expected=f"episode {i} from row {row} on",
                got=f"episode {entry.index}, rows {entry.start} to {entry.stop}",
                hint="restore the missing file from a copy",
            )
        row = entry.stop


def repair(root: Path) -> Repair:
    """Put a dataset in order; the caller holds the writer's lock.

    Raises DatasetError for what no kill can cause, StorageError where the disk refuses.
    """
    clear_staging(root)
    info = read_json(root / INFO)
    entries = read_entries(root)
    check_entries(root, entries)
    tasks = read_tasks(root)
    moved = _set_strays_aside(root, entries)
    interrupted = _adopt(root, len(entries))
    frames = entries[-1].stop if entries else 0
    stats = _current_stats(root, entries, list(info.get("features", {})), frames)
    totals = {"total_episodes": len(entries), "total_frames": frames, "total_tasks": len(tasks)}
    if any(info.get(name) != value for name, value in totals.items()):
        splits = {"train": f"0:{len(entries)}"} if entries else {}
        body = json_bytes(info | totals | {"splits": splits})
        commit(root, [(INFO, body)], _KEPT)
    return Repair(tuple(entries), tuple(tasks), stats, tuple(interrupted), tuple(moved))


def _set_strays_aside(root: Path, entries: Sequence[Entry]) -> list[str]:
    known = {entry.data.path(DATA_PATH) for entry in entries}
    known |= {s.slot.path(VIDEO_PATH, key) for e in entries for key, s in e.videos.items()}
    found = [*root.glob("data/*/*.parquet"), *root.glob("videos/*/*/*.mp4")]
    strays = [str(path.relative_to(root)) for path in sorted(found)]
    moved = []
    for name in strays:
        if name in known:
            continue
        target = root / FOLDER / f"stray-{len(entries):06d}-{name.replace('/', '.')}"
        try:
            target.parent.mkdir(exist_ok=True)
            (root / name).replace(target)
        except OSError as error:
            raise refused(error, root / name, _KEPT) from error
        moved.append(name)
    return moved


def _adopt(root: Path, episodes: int) -> list[Aside]:
    for path in (root / FOLDER).glob("unfinished-*"):
        # Begun as an episode that is in the dataset by now: the kill came just after the save.
        number = path.name.split("-")[1].split(".")[0]
        reason = root / FOLDER / (path.name.split(".")[0] + ".json")
        if number.isdigit() and int(number) < episodes and not reason.exists():
            path.unlink(missing_ok=True)
    return adopt_interrupted(root)


def _current_stats(
    root: Path, entries: Sequence[Entry], keys: Sequence[str], frames: int
) -> dict[str, Statistics]:
    """The sums of `stats.json`, or those of every episode where it lags."""
    if not entries:
        return {}
    if (root / STATS).exists():
        stats = {k: Statistics.from_lerobot(v) for k, v in read_json(root / STATS).items()}
        if "index" in stats and stats["index"].frames == frames:
            return stats
    total: dict[str, Statistics] = {}
    for path in sorted((root / "meta/episodes").glob("*/*.parquet")):
        for found in read_episode_stats(path, keys):
            for key, value in found.items():
                total[key] = total[key].merge(value) if key in total else value
    commit(root, [(STATS, stats_bytes(total))], _KEPT)
    return total
