"""Segments as a dataset of their own: an episode each, as `kata train` and `kata data check` take.

Legend: `T` frames of an episode.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import FeatureSpec, Outcome
from kata.datasets.types.arguments import arguments_text

from .progress import bar

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.datasets.exchange.take import Layout, Source, Take
    from kata.skills.handover.segmentation.cuts_file import Cuts, Episode, Span
    from kata.skills.handover.segmentation.seen import Seen

    from .segmenting_contracts import Drafted

FOLDER = "dataset"
_NEW = "dataset.new"


@dataclass(frozen=True, slots=True)
class Written:
    """The dataset: its folder in the run's, empty if there are no segments; by skill how many.

    Attributes:
        reached: how many end as the skill's contract promises; only they are trained on.
    """

    folder: str
    segments: Mapping[str, int]
    reached: Mapping[str, int]


def write_dataset(
    folder: Path, dataset: Dataset, cuts: Cuts, drafted: Drafted, views: Mapping[int, Seen]
) -> Written:
    """Write an episode for each segment, in place of what an earlier run wrote, whole or not.

    Pictures are encoded anew, since a segment begins inside a video. Raises DatasetError for
    arguments that are not those of the user's own contract, and for an episode that cannot be read.
    """
    from kata.datasets.exchange.convert import convert
    from kata.datasets.exchange.lerobot_reader import LeRobotSource
    from kata.datasets.exchange.lerobot_writer import LeRobotSink

    source = CutSource(LeRobotSource(dataset.root), cuts, drafted, views)
    target, new = folder / FOLDER, folder / _NEW
    shutil.rmtree(new, ignore_errors=True)
    if not source.count:
        shutil.rmtree(target, ignore_errors=True)
        return Written("", source.segments, source.reached)
    with bar("writing segments", source.count) as advance:
        convert(source, LeRobotSink, LeRobotSource, new, advance)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return Written(FOLDER, source.segments, source.reached)


class CutSource:
    """The segments of a dataset as a source of episodes."""

    def __init__(
        self, source: Source, cuts: Cuts, drafted: Drafted, views: Mapping[int, Seen]
    ) -> None:
        from kata.datasets.exchange.labelling import label_spec
        from kata.datasets.exchange.name_map import Labels
        from kata.skills.handover.segmentation.named import reached, renamed

        self._source, self._fps = source, cuts.fps
        self._episodes = {episode.index: episode for episode in cuts.episodes}
        added = label_spec(Labels(skill=""))
        spec: dict[str, Any] = dict(source.layout.spec.items())
        spec |= {key: one for key, one in added.items() if key not in spec}
        self.layout: Layout = replace(source.layout, spec=FeatureSpec.of(spec), knows_success=True)
        self.notes = source.notes
        own = {
            name: renamed(contract, cuts.skills[name])
            for name, contract in drafted.contracts.items()
        }
        order = {
            name: [parameter.name for parameter in contract.parameters]
            for name, contract in drafted.contracts.items()
        }
        self._calls: dict[tuple[int, int], tuple[dict[str, str], bool]] = {}
        counts: Counter[str] = Counter()
        done: Counter[str] = Counter()
        for episode in cuts.episodes:
            for number, span in enumerate(episode.spans):
                names = own.get(span.skill) or {name: name for name in span.arguments}
                values = {names[role]: value for role, value in span.arguments.items()}
                call = {name: values[name] for name in order.get(span.skill, values)}
                contract, seen = drafted.contracts.get(span.skill), views.get(episode.index)
                good = True
                if contract is not None and seen is not None:
                    good = reached(contract, seen, replace(span, arguments=call))
                self._calls[episode.index, number] = call, good
                counts[span.skill] += 1
                done[span.skill] += good
        self.segments = {name: counts[name] for name in cuts.skills}
        self.reached = {name: done[name] for name in cuts.skills}

    @property
    def count(self) -> int:
        """How many segments."""
        return len(self._calls)

    def takes(self) -> Iterator[Take]:
        """Every segment, with its label."""
        from kata.datasets.exchange.take import identity

        for number, take in enumerate(self._source.takes()):
            episode = self._episodes.get(number)
            parent = identity(take, number)
            for place, span in enumerate(episode.spans if episode else ()):
                assert episode is not None
                call, good = self._calls[number, place]
                yield self._part(
                    take,
                    episode,
                    span,
                    call,
                    Outcome(good, "a segment", take.outcome.seed, "", parent, span.start),
                )

    def _part(
        self, take: Take, episode: Episode, span: Span, call: Mapping[str, str], outcome: Outcome
    ) -> Take:
        from kata.datasets.exchange.pictures import Clip, Pictures

        rows, count = slice(span.start, span.stop), span.stop - span.start
        columns: dict[str, Any] = {key: values[rows] for key, values in take.columns.items()}
        first = bisect_right(episode.phases, span.start)
        labels = {
            "skill": [span.skill] * count,
            "arguments": [arguments_text(call)] * count,
            "phase": [
                f"phase_{bisect_right(episode.phases, frame) - first + 1}"
                for frame in range(span.start, span.stop)
            ],
        }
        for key in ("intervention", "discarded"):
            columns.setdefault(key, np.zeros((count, 1), dtype=bool))
        columns.setdefault("source", ["human"] * count)
        pictures: dict[str, Pictures] = {}
        for camera, clip in take.pictures.items():
            assert isinstance(clip, Clip)
            begin = clip.start_s + span.start / clip.fps
            pictures[camera] = replace(clip, start_s=begin, count=count, known=None)
        sentence = f"{span.skill}({', '.join(call.values())})"
        return replace(
            take,
            columns=columns | labels,
            tasks=(sentence,) * count,
            outcome=outcome,
            pictures=pictures,
        )
