"""What held in each frame of a demonstration: as recorded, or worked out from poses and gripper.

Legend: `T` frames of an episode, `M` atoms, `N` things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import Array, Atom

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset

    from .tracks import Track

Types = Mapping[str, frozenset[str]]

_BEFORE, _AFTER = 6, 10
"""Frames about a cut in which what changes counts as the doing of what ends there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What held in one episode.

    Attributes:
        truth: (T, M) int8: 1 true, 0 false, -1 unknown.
        types: tags of each name.
        places: position (T, 3) in m of each thing that was seen.
    """

    atoms: tuple[Atom, ...]
    truth: NDArray[np.int8]
    types: Types
    places: Mapping[str, Array] = field(default_factory=dict)

    def at(self, frame: int) -> dict[Atom, bool]:
        """Every known fact of a frame."""
        row = self.truth[frame]
        return {self.atoms[i]: bool(row[i]) for i in np.flatnonzero(row >= 0).tolist()}

    def settled(self, cut: int) -> int:
        """The frame near a cut by which all has happened that the ending skill brings about.

        A cut a few frames early or late would else give a release to the skill that follows it.
        """
        count = len(self.truth)
        low, high = max(cut - _BEFORE, 1), min(cut + _AFTER, count - 1)
        changed = np.flatnonzero((np.diff(self.truth[low - 1 : high + 1], axis=0) != 0).any(axis=1))
        if not len(changed):
            return min(cut, count - 1)
        return int(low + changed[-1])


def seen(dataset: Dataset, tracks: Sequence[Track]) -> tuple[Seen, ...] | None:
    """What held in each of these episodes: as the dataset says, else as it looks.

    None where it has neither facts nor the poses that they could be worked out from.
    """
    return recorded(dataset, tracks) or worked_out(dataset, tracks)


def recorded(dataset: Dataset, tracks: Sequence[Track]) -> tuple[Seen, ...] | None:
    """What a dataset's own `facts` say; None where it has none or no tags."""
    schema = dataset.schema
    if not schema.atoms or not schema.types or "facts" not in dataset.spec:
        return None
    truth = dataset.column("facts").reshape(len(dataset), -1)
    found = []
    for track in tracks:
        info = dataset.episodes[track.episode]
        rows = np.asarray(truth[info.start : info.stop])
        found.append(Seen(schema.atoms, rows, schema.types, _places(track)))
    return tuple(found)


def worked_out(dataset: Dataset, tracks: Sequence[Track]) -> tuple[Seen, ...] | None:
    """The same from poses and gripper, by rules of thumb; None where there are none.

    The tags of the things are the dataset's; without any they are told from how things behave.
    Of an episode that lacks poses nothing is known.
    """
    from .geometry import behaviour_types, facts_of, reach_of

    whole = [track for track in tracks if not track.missing]
    if not whole:
        return None
    types = dataset.schema.types or behaviour_types(whole)
    reach = reach_of(whole)
    return tuple(
        Seen((), np.zeros((len(track), 0), dtype=np.int8), types, _places(track))
        if track.missing
        else Seen(*facts_of(track, types, reach), types, _places(track))
        for track in tracks
    )


def _places(track: Track) -> dict[str, Array]:
    return {name: pose[:, :3] for name, pose in track.objects.items()}
