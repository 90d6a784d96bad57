"""`kata data import` and `kata data export`: LeRobot, robomimic and bags of ROS 2, in and out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, UnknownNameError

from .job import Done, Job
from .progress import bar

if TYPE_CHECKING:
    from kata.datasets.exchange.convert import Done as Brought
    from kata.datasets.exchange.take import Layout, Sink, Source
    from kata.datasets.types import RobotSpec

FORMATS = ("lerobot", "robomimic", "mcap")
"""What a dataset can be exported to."""


def bring_in(job: Job, _word: str) -> Done:
    """A dataset of another format into the run's folder, as a LeRobotDataset."""
    from kata.datasets.exchange.lerobot_reader import LeRobotSource
    from kata.datasets.exchange.lerobot_writer import LeRobotSink
    from kata.datasets.exchange.robot_names import with_robot

    config = job.config
    source = _source(config)
    if config.robot:
        source.layout = with_robot(source.layout, _robot(config.robot))
    done = _convert(job, source, LeRobotSink, LeRobotSource)
    result = _result(done) | {"sync": _sync(source)}
    lines = [*_lines(job, done), *_sync_lines(result["sync"])]
    return Done(result, tuple(lines), f"kata data check {shlex.quote(str(job.folder.path))}")


def take_out(job: Job, word: str) -> Done:
    """The dataset in a folder into the run's folder, in another format."""
    from kata.datasets.exchange.lerobot_reader import LeRobotSource

    config = job.config
    if not config.format:
        raise ConfigError(
            "no format", where="kata data export", expected=f"format={'|'.join(FORMATS)}"
        )
    if config.format not in FORMATS:
        raise UnknownNameError("format", config.format, FORMATS, where="format")
    sink, reopen = _writer(config.format)
    done = _convert(job, LeRobotSource(Path(word).expanduser(), _drop(config.drop)), sink, reopen)
    folder = shlex.quote(str(job.folder.path))
    then = {
        "lerobot": f"kata data check {folder}",
        "robomimic": f"kata data import from={folder}/{done.files[0]} out=DIR",
        "mcap": f"kata data import bag={folder} out=DIR",
    }
    return Done(_result(done), tuple(_lines(job, done)), then[config.format])


def _source(config: Mapping[str, Any]) -> Source:
    """What `from` or `bag` names."""
    given = [key for key in ("from", "bag") if config[key]]
    if len(given) != 1:
        raise ConfigError(
            "what to import?" if not given else "one thing at a time",
            where="kata data import",
            expected="from=FILE (robomimic's HDF5 or a LeRobotDataset's folder), or bag=FILE",
        )
    path = Path(config[given[0]]).expanduser()
    names = Path(config["map"]).expanduser() if config["map"] else None
    if given == ["bag"]:
        from kata.datasets.exchange.bag_reader import BagSource
        from kata.datasets.exchange.topic_map import read_topic_map

        return BagSource(path, read_topic_map(names) if names else None)
    from kata.datasets.exchange.name_map import read_name_map

    if path.suffix in (".mcap", ".db3") or (path / "metadata.yaml").exists():
        raise ConfigError("a bag", where=f"from={path}", hint=f"bag={path}")
    if path.is_dir() or not path.suffix:
        from kata.datasets.exchange.lerobot_reader import LeRobotSource
        from kata.datasets.exchange.renamed import Renamed

        source = LeRobotSource(path, _drop(config["drop"]))
        return Renamed(source, read_name_map(names)) if names else source
    from kata.datasets.exchange.robomimic_reader import RobomimicSource

    return RobomimicSource(path, read_name_map(names))


def _writer(name: str) -> tuple[Callable[[Path, Layout], Sink], Callable[[Path], Source]]:
    if name == "robomimic":
        from kata.datasets.exchange.robomimic_reader import RobomimicSource
        from kata.datasets.exchange.robomimic_writer import FILE, RobomimicSink

        return RobomimicSink, lambda folder: RobomimicSource(folder / FILE)
    if name == "mcap":
        from kata.datasets.exchange.bag_reader import BagSource
        from kata.datasets.exchange.bag_writer import BagSink

        return BagSink, BagSource
    from kata.datasets.exchange.lerobot_reader import LeRobotSource
    from kata.datasets.exchange.lerobot_writer import LeRobotSink

    return LeRobotSink, LeRobotSource


def _robot(name: str) -> RobotSpec:
    from kata.sim.robots import load

    return load(name).spec


def _drop(numbers: Any) -> tuple[int, ...]:
    if not isinstance(numbers, list) or not all(type(n) is int for n in numbers):
        raise ConfigError(
            "not episodes", where="drop", expected="numbers, as drop=[3,7]", got=str(numbers)
        )
    return tuple(numbers)


def _convert(
    job: Job,
    source: Source,
    sink: Callable[[Path, Layout], Sink],
    reopen: Callable[[Path], Source],
) -> Brought:
    from kata.datasets.exchange.convert import convert

    with bar("episodes", source.count) as advance:
        return convert(source, sink, reopen, job.folder.path, advance)


def _result(done: Brought) -> dict[str, Any]:
    sums = done.sums
    return {
        "episodes": sums.episodes,
        "frames": sums.frames,
        "pictures": sums.pictures,
        "content": sums.content,
        "columns": sums.digests,
        "files": list(done.files),
        "notes": list(done.notes),
    }


def _lines(job: Job, done: Brought) -> list[str]:
    sums = done.sums
    return [
        f"{sums.episodes} episodes, {sums.frames} frames: {job.folder.path}",
        f"read back and compared: {len(sums.digests)} columns are the same, {sums.content[:16]}",
        *done.notes,
    ]


def _sync(source: Source) -> dict[str, dict[str, dict[str, Any]]]:
    """How well each topic fits the frames, by bag; nothing for other formats."""
    syncs = getattr(source, "syncs", {})
    return {
        topic: {bag: one.to_json() for bag, one in found.items()} for topic, found in syncs.items()
    }


def _sync_lines(syncs: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """A line for each topic that does not have exactly one message a frame."""
    lines = []
    for topic, bags in syncs.items():
        found = list(bags.values())
        names = ("messages", "unused", "repeated", "disordered")
        total = {name: sum(one[name] for one in found) for name in names}
        median = sorted(one["age_ms"][0] for one in found)[len(found) // 2]
        greatest = max(one["age_ms"][2] for one in found)
        if greatest or any(total[name] for name in names[1:]):
            lines.append(
                f"{topic}: {total['messages']} messages, {total['unused']} unused, "
                f"{total['disordered']} out of order; {total['repeated']} frames repeat one; "
                f"age {median:.1f} ms, at most {greatest:.1f} ms"
            )
    return lines if lines or not syncs else ["every topic has a message for each frame"]
