"""The stages of `kata demo`, in order; each takes what the ones before it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.launch import build
from kata.launch.agents import Agent, library_agents
from kata.launch.configuration import Config
from kata.launch.descriptors import predicted_words
from kata.launch.filming import film_episode
from kata.launch.job import Job
from kata.launch.knowledge import known_of
from kata.launch.progress import note, percent
from kata.launch.seeds import episode_seed
from kata.launch.stepping import demo_graph
from kata.launch.trials import (
    Block,
    SentenceTrials,
    blocks,
    rate_block,
    sentence_block,
    skill_block,
    spans,
)
from kata.skills.evidence.workers import Workers

from .lessons import draft, record_skill, recorded_so_far, train_skill, trained_so_far, trials_of
from .shelf import fill_library

if TYPE_CHECKING:
    from kata.skills.execution.options import Mode
    from kata.skills.handover.graph import TransitionGraph
    from kata.skills.library.library import Library

STARTS = ("nominal", "perturbed", "after")
VIDEO = "demo.mp4"
HANDOVERS: tuple[Mode, ...] = ("naive", "blended", "full")


def demonstrations(job: Job, workers: Workers) -> dict[str, Block]:
    """Stage 1: the scripted experts show each skill."""
    most = job.config.size.demonstrations
    return _teach(
        job, workers, "record", record_skill, most, recorded_so_far, "1 of 5  demonstrations"
    )


def stones(job: Job) -> TransitionGraph | None:
    """Stage 1, its end: the demonstrated states as stepping stones between skills."""
    config = job.config
    return demo_graph(job.folder.path, config.size.skills, config.robot)


def training(job: Job, workers: Workers) -> dict[str, Block]:
    """Stage 2: a policy for each skill."""
    most = job.config.train.steps
    title = "2 of 5  training"
    return _teach(job, workers, "train", train_skill, most, trained_so_far, title)


def _teach(
    job: Job,
    workers: Workers,
    stage: str,
    work: Callable[..., Block],
    most: int,
    so_far: Callable[[Path, str], float],
    title: str,
) -> dict[str, Block]:
    """One part a skill; results by skill."""
    config, folder = job.config, job.folder
    names = {f"{stage}-{skill}": skill for skill in config.size.skills}
    tasks = {name: (work, (config, folder.path, skill)) for name, skill in names.items()}
    units = dict.fromkeys(names, most)

    def part_done(name: str) -> float:
        return min(so_far(folder.path, names[name]), most)

    done = blocks(folder, tasks, workers, title, units, part_done)
    return {skill: done[name] for name, skill in names.items()}


def rollouts(
    job: Job, workers: Workers, agents: Mapping[str, Agent]
) -> dict[str, dict[str, list[Block]]]:
    """Stage 3: every skill from starts of all kinds; episodes by skill and start."""
    config, size = job.config, job.config.size
    counts = {"nominal": size.trials, "perturbed": size.perturbed, "after": size.after}
    tasks: dict[str, tuple[Callable[..., Block], Sequence[Any]]] = {}
    units: dict[str, int] = {}
    for skill, agent in agents.items():
        for start in STARTS:
            asked = trials_of(config, agent, start)
            for first, count in spans(counts[start], 20):
                name = f"rollouts-{skill}-{start}-{first:05d}"
                tasks[name] = (skill_block, (asked, first, count))
                units[name] = count
    done = blocks(job.folder, tasks, workers, "3 of 5  rollouts", units)
    return {
        skill: {start: _episodes(done, f"rollouts-{skill}-{start}-") for start in STARTS}
        for skill in agents
    }


def _episodes(done: Mapping[str, Block], prefix: str) -> list[Block]:
    names = [name for name in done if name.startswith(prefix)]
    return [episode for name in names for episode in done[name]["episodes"]]


def chain(
    job: Job, workers: Workers, library: Library, graph: TransitionGraph | None = None
) -> tuple[SentenceTrials, dict[str, list[Block]]]:
    """Stage 4: the sentence with each handover, on the same scenes; episodes by handover."""
    config = job.config
    known = known_of(library, config.robot)
    asked = SentenceTrials(
        build.make_trial(config, "table"),
        library_agents(library, (*known.contracts, *known.spares)),
        known,
        config.sentence,
        config.seed,
        graph=graph,
    )
    tasks: dict[str, tuple[Callable[..., Block], Sequence[Any]]] = {}
    units: dict[str, int] = {}
    for mode in HANDOVERS:
        for first, count in spans(config.size.chains):
            tasks[f"chain-{mode}-{first:05d}"] = (sentence_block, (asked, mode, first, count))
            units[f"chain-{mode}-{first:05d}"] = count
    done = blocks(job.folder, tasks, workers, "4 of 5  the sentence", units)
    return asked, {mode: _episodes(done, f"chain-{mode}-") for mode in HANDOVERS}


def film(job: Job, asked: SentenceTrials) -> Block:
    """Stage 5: the first scene with the full handover, as an mp4; that episode."""
    kept = job.folder.read_json("parts/film.json")
    if kept is None or not (job.folder / VIDEO).exists():
        note("5 of 5  film and report")
        seed = episode_seed(job.config.seed, "scene", 0)
        kept, _ = film_episode(asked, "full", seed, job.folder / VIDEO)
        job.folder.write_json("parts/film.json", kept)
    return kept


def skill_results(
    taught: Mapping[str, Block],
    learned: Mapping[str, Block],
    rolled: Mapping[str, Mapping[str, list[Block]]],
) -> dict[str, Block]:
    """What `result.json` says of each skill."""
    return {
        skill: {
            **rate_block(episodes["nominal"]),
            "demonstrations": taught[skill]["demonstrations"],
            "train_seconds": learned[skill]["train_seconds"],
            "rate_perturbed": rate_block(episodes["perturbed"])["rate"],
            "rate_after": rate_block(episodes["after"])["rate"],
        }
        for skill, episodes in rolled.items()
    }


def learn_library(
    config: Config,
    job: Job,
    learned: Mapping[str, Block],
    rolled: Mapping[str, Mapping[str, list[Block]]],
) -> Library:
    """The library of all trained skills, with boundaries from all of their rollouts."""
    agents = {skill: draft(job.folder.path, skill, block) for skill, block in learned.items()}
    measured = {skill: rate_block(starts["nominal"]) for skill, starts in rolled.items()}
    return fill_library(config, job.folder.path, agents, rolled, measured)


def chain_line(block: Block) -> str:
    """How a handover went, in one line."""
    first = 100 * block["rate_without_replan"]
    jerk = f"seam jerk {block['peak_jerk']:.0f} rad/s3"
    told = predicted_words(block["predicted"])
    return f"{percent(block)}, without a new plan {first:.0f} % ({told}), {jerk}"
