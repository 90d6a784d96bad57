"""Skills trained on found segments beside skills trained on true ones, on equal seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.skills.evidence.paired import PairedOutcomes

from .. import build
from ..agents import Agent
from ..learning import Lesson, learn
from ..segmenting_contracts import Drafted
from ..segmenting_data import write_dataset
from ..trials import SkillTrials, skill_block
from .registry import BenchContext
from .segment_contracts import Matched, matched_with, pairs_matched

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.sim.longer import Stretch
    from kata.skills.contract.contract import Contract
    from kata.skills.handover.segmentation.cuts import Segmentation
    from kata.skills.handover.segmentation.cuts_file import Cuts
    from kata.skills.handover.segmentation.seen import Seen

SKILLS = ("open", "pick", "place")
STEPS, TRIALS = 2000, 100


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of training twice.

    Attributes:
        outcomes: by skill, of the same scenes after found segments (a) and after true ones (b).
        segments: by skill, how many were found and how many there are.
        matched: how far proposed contracts say what written ones say.
    """

    outcomes: Mapping[str, PairedOutcomes]
    segments: Mapping[str, tuple[int, int]]
    matched: Matched

    @property
    def pooled(self) -> PairedOutcomes:
        """The scenes of all skills."""
        each = self.outcomes.values()
        return PairedOutcomes(
            sum(one.both for one in each),
            sum(one.only_a for one in each),
            sum(one.only_b for one in each),
            sum(one.neither for one in each),
        )

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            name: {
                **pair.to_data(),
                "interval": list(pair.newcombe()),
                "segments": list(self.segments[name]),
            }
            for name, pair in self.outcomes.items()
        }


@dataclass(frozen=True, slots=True)
class _Side:
    """Segments, the contracts that they are learned under, and the dataset of them."""

    name: str
    cuts: Cuts
    contracts: Mapping[str, Contract]
    dataset: Path


def compared(
    context: BenchContext,
    dataset: Dataset,
    truth: Mapping[int, Sequence[Stretch]],
    found: Segmentation,
    skills: Sequence[str],
) -> Comparison:
    """Name, write and train both, and run each skill on scenes that no demonstration had.

    The found side has poses and gripper only: its names, contracts and successes come from them.
    """
    from kata.skills.handover.segmentation.named import drafts, named
    from kata.skills.handover.segmentation.seen import recorded, worked_out
    from kata.skills.handover.segmentation.tracks import tracks

    given = tracks(dataset)
    poses, facts = (
        {track.episode: seen for track, seen in zip(given, views or (), strict=False)}
        for views in (worked_out(dataset, given), recorded(dataset, given))
    )
    place = str(dataset.root), dataset.content_hash, dataset.fps
    theirs = true_cuts(dataset, truth)
    written = {contract.name: contract for contract in build.contracts()}
    ours = named(found, poses, *place)
    proposals = drafts(ours, poses)[0]
    names = tuple(theirs.skills)
    matched = Matched(
        matched_with(proposals, written, names),
        matched_with(drafts(named(found, facts, *place), facts)[0], written, names),
        pairs_matched(theirs, poses, written, least=5),
    )
    sides = (
        _side(context, dataset, "found", ours, proposals, poses),
        _side(context, dataset, "true", theirs, written, facts),
    )
    outcomes, segments = {}, {}
    for skill in skills:
        segments[skill] = (_count(ours, skill), _count(theirs, skill))
        pair = PairedOutcomes.of(*(_outcomes(context, side, skill) for side in sides))
        outcomes[skill] = pair
        context.say(
            f"{skill}: {pair.successes_a} of {pair.trials} after found, "
            f"{pair.successes_b} after true segments"
        )
    return Comparison(outcomes, segments, matched)


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


def _side(
    context: BenchContext,
    dataset: Dataset,
    name: str,
    cuts: Cuts,
    contracts: Mapping[str, Contract],
    views: Mapping[int, Seen],
) -> _Side:
    """The dataset of these segments, under these contracts."""
    folder = context.folder / name
    folder.mkdir(exist_ok=True)
    own = {skill: contracts[skill] for skill in cuts.skills if skill in contracts}
    drafted = Drafted(own, {}, dict.fromkeys(own, name), {})
    written = write_dataset(folder, dataset, cuts, drafted, views)
    return _Side(name, cuts, own, folder / written.folder)


def _outcomes(context: BenchContext, side: _Side, skill: str) -> list[bool]:
    """Outcomes of a skill trained on one side, on the same scenes for both; what it lacks fails."""
    from kata.datasets.dataset import Dataset
    from kata.policies.config import TrainConfig
    from kata.sim.tasks import make_trial

    steps, trials = (20, 2) if context.quick else (STEPS, TRIALS)
    contract = side.contracts.get(skill)
    if contract is None or not _count(side.cuts, skill):
        return [False] * trials
    settings = TrainConfig(policy="regression", steps=steps, seed=context.seed)
    target = context.folder / f"{side.name}-{skill}"
    learned = learn(Lesson(contract, Dataset.open(side.dataset), settings), target)
    agent = Agent(contract, target / str(learned["package"]))
    world: Any = partial(make_trial, skill)
    asked = SkillTrials(world, agent, context.seed, f"segment {skill}")
    block = skill_block(asked, 0, trials)
    return [bool(each["success"]) for each in block["episodes"]]
