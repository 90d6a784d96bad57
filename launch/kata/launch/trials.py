"""Many episodes in blocks that are kept one by one: of one skill, and of a sentence.

What a block gives is plain data for a file, so that a run that was killed goes on after the last
block, and equal seeds give equal files whatever the number of workers.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kata.datasets.types import MakeWorld, TrialWorld
from kata.skills.evidence.workers import Workers

from .agents import Agent
from .correcting import heard_lines
from .planners import EMBEDDED, PlannerChoice
from .progress import bar
from .replays import scene_of
from .seeds import episode_seed
from .workspace import RunFolder

if TYPE_CHECKING:
    from kata.skills.evidence.trials import Trial, TrialJob
    from kata.skills.execution.lanes import SkillsOf
    from kata.skills.execution.log import RunLog
    from kata.skills.execution.messages import LoadedSkill
    from kata.skills.execution.options import Mode
    from kata.skills.handover.graph import TransitionGraph

    from .advising import Voices
    from .knowledge import Known

Block = dict[str, Any]
PARTS = "parts"
"""Folder of the finished blocks inside a run's folder."""

BLOCK = 10
"""Episodes a block: few enough that a kill costs little, enough to pay for building a world."""


@dataclass(frozen=True, slots=True)
class SkillTrials:
    """Trials of one skill.

    Attributes:
        seed, purpose: decide the scenes.
        start: word for where the arm begins, told of each episode.
        vector: trials side by side in a process; it changes nothing but the time.
        replays: whether each failure comes with a replay.
        ways: whether each episode comes with its frames, to learn progress from.
        guide: names of `kata.skills.execution.guides` that steer the chunks.
    """

    make_world: MakeWorld
    agent: Agent
    seed: int
    purpose: str
    start: str = ""
    vector: int = 32
    replays: bool = False
    ways: bool = False
    guide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentenceTrials:
    """Trials of a sentence with the skills of a library, on scenes that every handover shares.

    Attributes:
        agents: of the versions in use, and of the spare ones.
        replans: how often a failure may lead to a new plan.
        voice: who corrects each run, if anybody does.
        blend: how chunks are joined where the handover blends.
        delay_s: from a request for a chunk to the reply, in whole periods of the world.
        guide: names of `kata.skills.execution.guides` that steer the chunks.
        graph: demonstrated states as stepping stones for transitions, if there are any.
    """

    make_world: MakeWorld
    agents: tuple[Agent, ...]
    known: Known
    sentence: str
    seed: int
    choice: PlannerChoice = EMBEDDED
    replans: int = 1
    voice: Voices | None = None
    blend: str = "jerk_limited"
    delay_s: float = 0.0
    guide: tuple[str, ...] = ()
    graph: TransitionGraph | None = None

    def load(self, world: TrialWorld) -> dict[str, LoadedSkill]:
        """Every skill, for a world: by name, a spare version by its contract's key."""
        spares = {contract.key for contract in self.known.spares}
        return {
            agent.contract.key if agent.contract.key in spares else agent.contract.name: (
                agent.load(world)
            )
            for agent in self.agents
        }

    def lanes(self, world: TrialWorld) -> SkillsOf | None:
        """Skills of its own for each lane; None where a robot has one hand."""
        if len(world.robot.hands) < 2:
            return None
        return functools.cache(lambda _lane: self.load(world))


def skill_block(asked: SkillTrials, first: int, count: int) -> Block:
    """Episodes `first` to `first + count` of one skill: how each began and ended."""
    from kata.skills.evidence.trials import run_vector

    jobs, seeds = jobs_of(asked, first, count)
    scene = scene_of(jobs[0].world) if asked.replays else {}
    trials = run_vector(jobs, seeds, keep_ways=asked.ways)
    return {"episodes": [_episode(asked, trial, scene) for trial in trials]}


def jobs_of(asked: SkillTrials, first: int, count: int) -> tuple[list[TrialJob], list[int]]:
    """The lanes of a block, all with one policy, and the seeds of its episodes.

    Worlds are those of the block before where they are alike; see `kept_worlds`.
    """
    from kata.skills.evidence.trials import build_vector
    from kata.skills.execution.guides import make_guide

    seeds = [episode_seed(asked.seed, asked.purpose, i) for i in range(first, first + count)]
    lanes, guide = min(asked.vector, count), make_guide(asked.guide)
    return build_vector(kept_worlds(asked.make_world), asked.agent.load, lanes, guide), seeds


_worlds: list[tuple[tuple[Any, ...], list[TrialWorld]]] = []


def kept_worlds(make_world: MakeWorld) -> Callable[[], TrialWorld]:
    """Gives one world after the other, those of the block before if they are alike.

    A reset leaves nothing of what was, so that only the time to build them is saved.
    """
    key = getattr(make_world, "func", make_world), getattr(make_world, "args", ())
    if not _worlds or _worlds[0][0] != key:
        _worlds[:] = [(key, [])]
    known, count = _worlds[0][1], itertools.count()

    def give() -> TrialWorld:
        index = next(count)
        if index == len(known):
            known.append(make_world())
        return known[index]

    return give


def _episode(asked: SkillTrials, trial: Trial, scene: Mapping[str, Any]) -> Block:
    from kata.skills.evidence.replay_file import replay_text

    told = {**trial.to_data(), "start_kind": asked.start, "start": trial.start.to_data()}
    told["end"] = None if trial.end is None else trial.end.to_data()
    if trial.way is not None:
        told["way"] = trial.way.to_data()
    if asked.replays and trial.failure is not None:
        told["replay"] = replay_text(trial.failure.placed(scene, asked.agent.identity))
    return told


def sentence_block(asked: SentenceTrials, mode: Mode, first: int, count: int) -> Block:
    """Episodes `first` to `first + count` of a sentence: plan, outcome and seams of each."""
    world = asked.make_world()
    skills, lanes = asked.load(world), asked.lanes(world)
    episodes = []
    for index in range(first, first + count):
        seed = episode_seed(asked.seed, "scene", index)
        episodes.append(sentence_episode(asked, world, skills, mode, seed, None, lanes)[0])
    return {"episodes": episodes}


def sentence_episode(
    asked: SentenceTrials,
    world: Any,
    skills: Mapping[str, Any],
    mode: Mode,
    seed: int,
    on_frame: Callable[[Any], None] | None = None,
    lanes: SkillsOf | None = None,
) -> tuple[Block, RunLog | None]:
    """One episode of a sentence in the scene of a seed, and its log unless there is no plan."""
    from kata.skills.evidence.witness import witnesses
    from kata.skills.execution.guides import make_guide
    from kata.skills.execution.options import ExecutorOptions
    from kata.skills.execution.runner import run

    from .descriptors import forecaster, predicted_data
    from .planning import answered

    world.reset(seed)
    planner, forecast = forecaster(asked.known, world.observe, seed)
    sentences = asked.choice.sentences(planner)
    answer = answered(sentences, asked.sentence, world.facts(), asked.known.contracts)
    if answer.plan is None:
        return {"seed": seed, "success": False, "replans": 0, "reason": answer.message}, None
    options = ExecutorOptions(
        mode=mode, replans=asked.replans, blend=asked.blend, guide=make_guide(asked.guide),
        graph=asked.graph,
    )  # fmt: skip
    predicted = predicted_data(forecast.chain(answer.plan.calls, moves=options.seeks))
    replanner = asked.choice.goals(planner)
    log = run(
        world, answer.plan, skills, replanner, mode, seed, asked.delay_s,
        on_frame=on_frame, options=options, skills_of=lanes,
        corrector=None if asked.voice is None else asked.voice.begin(),
    )  # fmt: skip
    told = [each.to_data() for each in witnesses(log, asked.known.contracts)]
    block = {"calls": list(answer.calls), "predicted": predicted, **log.to_data()}
    if log.heard:
        block["heard"] = heard_lines(log.heard, block)
    return {**block, "witnesses": told}, log


def blocks(
    folder: RunFolder,
    work: Mapping[str, tuple[Callable[..., Block], Sequence[Any]]],
    workers: Workers,
    title: str,
    units: Mapping[str, int],
    part_done: Callable[[str], float] | None = None,
    enough: Callable[[list[Block]], bool] | None = None,
    arrived: Callable[[Block], None] | None = None,
) -> dict[str, Block]:
    """The result of every block by name, in the order of `work`; finished ones are read.

    `units` says how much a block counts for in the bar, `part_done` how much of one that is being
    worked on is done. `enough` gets the blocks from the first to the last before a gap, and may say
    that no more are wanted: then there are only these. `arrived` may change a new block before it
    is kept. Raises what a block raises.
    """
    kept = {name: folder.read_json(f"{PARTS}/{name}.json") for name in work}
    open_work = {name: work[name] for name, data in kept.items() if data is None}
    found = {name: data for name, data in kept.items() if data is not None}

    def first_ones() -> list[Block]:
        return [found[name] for name in itertools.takewhile(found.__contains__, work)]

    if open_work and not (enough and enough(first_ones())):
        with bar(title, sum(units.values())) as advance:

            def show() -> None:
                done = float(sum(units[name] for name in found))
                if part_done:
                    done += sum(part_done(name) for name in work if name not in found)
                advance(done)

            show()
            with contextlib.closing(workers.run(open_work, show)) as results:
                for name, data in results:
                    if arrived:
                        arrived(data)
                    folder.write_json(f"{PARTS}/{name}.json", data)
                    found[name] = data
                    show()
                    if enough and enough(first_ones()):
                        break
    return dict(zip(work, first_ones(), strict=False))


def spans(trials: int, size: int = BLOCK) -> list[tuple[int, int]]:
    """First episode and length of each block."""
    return [(first, min(size, trials - first)) for first in range(0, trials, size)]


def rate_block(episodes: Sequence[Block]) -> Block:
    """Trials, successes, rate and its 95 % interval."""
    from kata.skills.evidence.interval import Interval

    return Interval.of(sum(e["success"] for e in episodes), len(episodes)).to_data()


def chain_block(episodes: Sequence[Block]) -> Block:
    """How a sentence went: rates with and without a new plan, and the median seam's jerk.

    `predicted` is of success without a new plan, null where a skill was never measured;
    `peak_jerk` is the median over episodes of the greatest one around their seams, in rad/s^3.
    """
    from statistics import median

    from .descriptors import mean_prediction

    jerks = [episode["peak_jerk"] for episode in episodes if episode.get("seams")]
    without = rate_block([{"success": e["success"] and not e["replans"]} for e in episodes])
    return {
        **rate_block(episodes),
        "rate_without_replan": without["rate"],
        "interval_without_replan": without["interval"],
        "predicted": mean_prediction(episodes),
        "peak_jerk": round(median(jerks), 3) if jerks else 0.0,
    }
