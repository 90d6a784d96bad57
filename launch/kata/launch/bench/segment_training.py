"""Skills trained on found segments beside skills trained on true ones, on equal seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import build
from ..agents import Agent
from ..learning import Lesson, learn
from ..segmenting_contracts import Drafted
from ..segmenting_data import write_dataset
from ..trials import SkillTrials, skill_block
from .registry import BenchContext

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.sim.longer import Stretch
    from kata.skills.contract.contract import Contract
    from kata.skills.handover.segmentation.cuts import Segmentation
    from kata.skills.handover.segmentation.cuts_file import Cuts
    from kata.skills.handover.segmentation.seen import Seen

SKILLS = ("open", "pick")
STEPS, TRIALS = 2000, 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of training twice.

    Attributes:
        success: by skill, % after found and after true segments.
        segments: by skill, how many were found and how many there are.
        agreements: by skill how far the proposed contract says what the written one says.
    """

    success: Mapping[str, tuple[float, float]]
    segments: Mapping[str, tuple[int, int]]
    agreements: Mapping[str, dict[str, Any]]

    @property
    def mean(self) -> tuple[float, float]:
        """Success over all skills, after found and after true segments."""
        count = max(len(self.success), 1)
        pairs = self.success.values()
        return sum(found for found, _ in pairs) / count, sum(true for _, true in pairs) / count

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            name: {"success": list(pair), "segments": list(self.segments[name])}
            for name, pair in self.success.items()
        }


def compared(
    context: BenchContext,
    dataset: Dataset,
    truth: Mapping[int, Sequence[Stretch]],
    found: Segmentation,
    skills: Sequence[str],
) -> Comparison:
    """Name, write and train both, and run each skill on scenes that no demonstration had."""
    from kata.skills.handover.segmentation.named import drafts, named
    from kata.skills.handover.segmentation.seen import seen
    from kata.skills.handover.segmentation.tracks import tracks

    given = tracks(dataset)
    views: dict[int, Seen] = dict(
        zip((t.episode for t in given), seen(dataset, given) or (), strict=False)
    )
    place = str(dataset.root), dataset.content_hash, dataset.fps
    ours = named(found, views, *place)
    theirs = true_cuts(dataset, truth)
    written = {contract.name: contract for contract in build.contracts()}
    segments, success = {}, {}
    folders = {
        name: _written(context.folder / name, dataset, cuts, written, views)
        for name, cuts in (("found", ours), ("true", theirs))
    }
    for skill in skills:
        segments[skill] = (_count(ours, skill), _count(theirs, skill))
        pair = [_success(context, folders[name], skill, name) for name in ("found", "true")]
        success[skill] = (pair[0], pair[1])
        context.say(f"{skill}: {pair[0]:.0f} % after found, {pair[1]:.0f} % after true segments")
    return Comparison(success, segments, _agreements(drafts(ours, views)[0], theirs, written))


def true_cuts(dataset: Dataset, truth: Mapping[int, Sequence[Stretch]]) -> Cuts:
    """The true segments as a file of cuts would say them."""
    from kata.skills.handover.segmentation.cuts_file import Cuts, Episode, Span

    skills = {s.skill: tuple(s.arguments) for stretches in truth.values() for s in stretches}
    episodes = tuple(
        Episode(
            index,
            stretches[-1].stop,
            tuple(start for s in stretches for start, _ in s.phases)[1:],
            tuple(Span(s.start, s.stop, s.skill, dict(s.arguments)) for s in stretches),
        )
        for index, stretches in sorted(truth.items())
    )
    return Cuts(
        str(dataset.root), dataset.content_hash, dataset.fps, dict(sorted(skills.items())), episodes
    )


def _count(cuts: Cuts, skill: str) -> int:
    return sum(span.skill == skill for episode in cuts.episodes for span in episode.spans)


def _written(
    folder: Path,
    dataset: Dataset,
    cuts: Cuts,
    written: Mapping[str, Contract],
    views: Mapping[int, Seen],
) -> Path:
    """The dataset of these segments, under the written contracts."""
    folder.mkdir(exist_ok=True)
    own = {name: written[name] for name in cuts.skills if name in written}
    drafted = Drafted(own, {}, dict.fromkeys(own, "own"), {})
    return folder / write_dataset(folder, dataset, cuts, drafted, views).folder


def _success(context: BenchContext, folder: Path, skill: str, name: str) -> float:
    """Success in % of a skill trained on a dataset; the same scenes for every dataset."""
    from kata.datasets.dataset import Dataset
    from kata.policies.config import TrainConfig
    from kata.sim.tasks import make_trial

    steps, trials = (20, 2) if context.quick else (STEPS, TRIALS)
    contract = build.contract(skill)
    settings = TrainConfig(policy="regression", steps=steps, seed=context.seed)
    target = context.folder / f"{name}-{skill}"
    learned = learn(Lesson(contract, Dataset.open(folder), settings), target)
    agent = Agent(contract, target / str(learned["package"]))
    world: Any = partial(make_trial, skill)
    asked = SkillTrials(world, agent, context.seed, f"segment {skill}")
    block = skill_block(asked, 0, trials)
    return 100.0 * sum(bool(each["success"]) for each in block["episodes"]) / trials


def _agreements(
    proposals: Mapping[str, Contract], true: Cuts, written: Mapping[str, Contract]
) -> dict[str, dict[str, Any]]:
    from kata.skills.handover.segmentation.agreement import agreement

    out: dict[str, dict[str, Any]] = {}
    for name in true.skills:
        if name in proposals:
            each = agreement(proposals[name], written[name])
            out[name] = {
                "score": each.score,
                "missing": list(each.missing),
                "surplus": list(each.surplus),
            }
        else:
            out[name] = {"score": 0.0, "missing": ["all"], "surplus": []}
    return out
