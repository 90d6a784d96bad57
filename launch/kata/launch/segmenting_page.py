"""The page on which cuts are looked over and corrected: one file that needs nothing else.

Legend: `T` frames of an episode.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .workspace import RunFolder, write_text

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.datasets.types import Array
    from kata.skills.handover.segmentation.cuts_file import Cuts, Episode
    from kata.skills.handover.segmentation.seen import Seen
    from kata.skills.handover.segmentation.tracks import Track

PAGE = "page.html"

_LANES = ("holding", "open", "pressed")
_MOVED_M = 0.01
_EVERY = 2
"""Of so many frames one position is drawn; a hundred demonstrations are a few megabytes then."""


def write_page(
    folder: RunFolder,
    dataset: Dataset,
    tracks: Sequence[Track],
    cuts: Cuts,
    views: Mapping[int, Seen],
    found: Mapping[str, Any],
) -> Path:
    """Write the page beside the cuts file; equal cuts give equal pages."""
    from jinja2 import Environment

    here = Path(__file__).parent
    files = {"css": "page.css", "rules": "rules.js", "js": "page.js"}
    parts = {
        part: (here / f"segmenting_{name}").read_text(encoding="utf-8")
        for part, name in files.items()
    }
    text = (here / "segmenting_page.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True).from_string(text)
    data = embedded(page_data(folder.path, dataset, tracks, cuts, views, found))
    target = folder / PAGE
    write_text(target, page.render(**parts, data=data, name=dataset.root.name))
    return target


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element, whatever its texts hold."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def page_data(
    folder: Path,
    dataset: Dataset,
    tracks: Sequence[Track],
    cuts: Cuts,
    views: Mapping[int, Seen],
    found: Mapping[str, Any],
) -> dict[str, Any]:
    """All that the page shows, as plain data."""
    from kata.datasets.lerobot_format import read_entries

    by_index = {track.episode: track for track in tracks}
    entries = {entry.index: entry for entry in read_entries(dataset.root)}
    surprise = found.get("surprise", {})
    episodes = []
    for episode in cuts.episodes:
        track = by_index[episode.index]
        shown = _shown(track, views.get(episode.index))
        shown["surprise"] = surprise.get(str(episode.index), [])
        shown["videos"] = _videos(folder, dataset.root, entries[episode.index])
        episodes.append(_cuts_of(episode) | shown)
    return {
        "head": {
            "format": 1,
            "data": cuts.data,
            "content": cuts.content,
            "fps": cuts.fps,
            "found": cuts.found,
        },
        "skills": {name: list(parameters) for name, parameters in cuts.skills.items()},
        "things": list(dataset.entities),
        "hands": list(dataset.schema.hands),
        "threshold": found.get("threshold", 0.0),
        "missing": list(found.get("missing", ())),
        "apply": f"kata segment apply ~/Downloads/cuts.yaml out={shlex.quote(str(folder))}",
        "episodes": episodes,
    }


def _cuts_of(episode: Episode) -> dict[str, Any]:
    return {
        "index": episode.index,
        "frames": episode.frames,
        "phases": list(episode.phases),
        "segments": [
            {
                "from": span.start,
                "to": span.stop,
                "skill": span.skill,
                "arguments": dict(span.arguments),
                "hand": span.hand,
                "sure": span.sure,
            }
            for span in episode.spans
        ],
    }


def _shown(track: Track, seen: Seen | None) -> dict[str, Any]:
    """Gripper, what held, and where everything was from above."""
    things = {
        name: _path(pose[:, :2])
        if float(np.ptp(pose[:, :3], axis=0).max()) > _MOVED_M
        else [_path(pose[:1, :2])[0]]
        for name, pose in track.objects.items()
    }
    return {
        "every": _EVERY,
        "gripper": [[_mm(value) for value in column] for column in track.opening.T],
        "lanes": _lanes(seen) if seen else [],
        "tools": [_path(track.tool[:, k, :2]) for k in range(track.tool.shape[1])],
        "things": things,
    }


def _path(places: Array) -> list[list[int]]:
    return [[_mm(x), _mm(y)] for x, y in places[::_EVERY]]


def _mm(value: float) -> int:
    return round(1000.0 * float(value))


def _lanes(seen: Seen) -> list[dict[str, Any]]:
    """When what was held, open and pressed, of the facts that change."""
    lanes = []
    for column, atom in enumerate(seen.atoms):
        truth = seen.truth[:, column] == 1
        if atom.predicate not in _LANES or not truth.any() or truth.all():
            continue
        edges = [0, *(np.flatnonzero(np.diff(truth)) + 1).tolist(), len(truth)]
        runs = [[a, b] for a, b in pairwise(edges) if truth[a]]
        lanes.append({"name": str(atom), "runs": runs})
    return lanes


def _videos(folder: Path, root: Path, entry: Any) -> list[dict[str, Any]]:
    """Where the videos of an episode are, seen from the page, and when it begins in each."""
    from urllib.parse import quote

    from kata.datasets.lerobot_format import VIDEO_PATH

    found = []
    for key, span in entry.videos.items():
        path = root / span.slot.path(VIDEO_PATH, key)
        place = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
        found.append(
            {"name": key.rpartition(".")[2], "src": quote(place), "start": round(span.start_s, 6)}
        )
    return found
