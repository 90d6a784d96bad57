"""Known demonstrations, by what they change, by their words, and by the kind of their verbs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import Atom, DatasetError, KataError, StorageError
from kata.skills.library.places import home

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset, Segment

_FORMAT = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One call in one episode.

    Attributes:
        arguments: by parameter of its skill, in their order.
        start: facts that were true at its begin, and those that were false and did change.
        flips: facts that changed, with what they became.
        types: tags of the things in them.
        robot: the fingerprint of the robot; empty where the dataset does not say.
    """

    root: Path
    episode: int
    skill: str
    arguments: Mapping[str, str]
    task: str
    start: frozenset[Atom]
    flips: Mapping[Atom, bool]
    types: Mapping[str, frozenset[str]]
    seconds: float
    robot: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file, the types and the folder apart."""
        return {
            "episode": self.episode,
            "skill": self.skill,
            # A list: their order is that of the parameters.
            "arguments": [list(each) for each in self.arguments.items()],
            "task": self.task,
            "start": sorted(map(str, self.start)),
            "flips": {str(atom): value for atom, value in self.flips.items()},
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class DemonstrationIndex:
    """Demonstrations of several datasets."""

    demonstrations: tuple[Demonstration, ...]

    @classmethod
    def of(cls, folders: Iterable[Path], cache: Path | None = None) -> DemonstrationIndex:
        """The demonstrations of these datasets; one that cannot be read is logged and left out.

        Args:
            folders: of LeRobot datasets; those without Kata's columns count by their sentences.
            cache: folder where what was found is kept; without one, in the user's own.
        """
        cache = home() / "cache" / "demonstrations" if cache is None else cache
        found: list[Demonstration] = []
        for root in dict.fromkeys(folder.expanduser().resolve() for folder in folders):
            try:
                found += _known(root, cache)
            except KataError as error:
                _log.warning("%s is left out: %s", root, error.what)
        return cls(tuple(found))


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a LeRobot dataset."""
    return (folder / "meta" / "info.json").is_file()


def _known(root: Path, cache: Path) -> list[Demonstration]:
    """The demonstrations of a dataset, from the cache if it has not changed."""
    if not is_dataset(root):
        raise DatasetError("not a dataset", where=str(root), expected="meta/info.json")
    path = cache / f"{_state(root)}.json"
    try:
        return list(_from_data(root, json.loads(path.read_bytes())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, KataError):
        found, types, robot = _read(root)
    data = {
        "format": _FORMAT,
        "robot": robot,
        "types": {name: sorted(tags) for name, tags in types.items()},
        "demonstrations": [each.to_data() for each in found],
    }
    try:
        write_file(path, json_bytes(data))
    except StorageError as error:
        _log.info("the demonstrations of %s are not kept: %s", root, error.what)
    return found


def _state(root: Path) -> str:
    """Changes with the place, the names, the sizes and the times of a dataset's files."""
    digest = hashlib.sha256(f"{_FORMAT} {root}".encode())
    for path in sorted([*root.glob("meta/**/*"), *root.glob("data/**/*.parquet")]):
        stat = path.stat()
        if path.is_file():
            told = f"{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}\n"
            digest.update(told.encode())
    return digest.hexdigest()[:32]


def _read(root: Path) -> tuple[list[Demonstration], Mapping[str, frozenset[str]], str]:
    from kata.datasets.dataset import Dataset

    dataset = Dataset.open(root)
    types, robot = dataset.schema.types, dataset.fingerprint
    segments = dataset.segments(success=True)
    return [_of_segment(dataset, segment) for segment in segments], types, robot


def _of_segment(dataset: Dataset, segment: Segment) -> Demonstration:
    atoms = dataset.schema.atoms
    start: frozenset[Atom] = frozenset()
    flips: dict[Atom, bool] = {}
    if atoms:
        truth = dataset.column("facts").reshape(len(dataset), -1)
        begin, end = truth[segment.start], truth[segment.stop - 1]
        start = frozenset(atoms[i] for i in np.flatnonzero(begin == 1).tolist())
        changed = np.flatnonzero((begin != end) & (begin >= 0) & (end >= 0)).tolist()
        flips = {atoms[i]: bool(end[i]) for i in changed}
    tasks = dataset.episodes[segment.episode].tasks
    return Demonstration(
        dataset.root,
        segment.episode,
        segment.skill,
        segment.arguments,
        tasks[0] if tasks else "",
        start,
        flips,
        dataset.schema.types,
        (segment.stop - segment.start) / dataset.fps,
        dataset.fingerprint,
    )


def _from_data(root: Path, data: Mapping[str, Any]) -> Iterator[Demonstration]:
    types = {name: frozenset(tags) for name, tags in data["types"].items()}
    for each in data["demonstrations"]:
        yield Demonstration(
            root,
            int(each["episode"]),
            str(each["skill"]),
            dict(each["arguments"]),
            str(each["task"]),
            frozenset(map(Atom.parse, each["start"])),
            {Atom.parse(text): bool(value) for text, value in each["flips"].items()},
            types,
            float(each["seconds"]),
            str(data["robot"]),
        )


def by_skill(
    demonstrations: Sequence[Demonstration],
) -> dict[tuple[Path, str, str], list[Demonstration]]:
    """Demonstrations by dataset and skill; by their sentence where they name no skill."""
    groups: dict[tuple[Path, str, str], list[Demonstration]] = {}
    for each in demonstrations:
        key = each.root, each.skill, "" if each.skill else each.task
        groups.setdefault(key, []).append(each)
    return groups
