"""What `kata run` is made of: the trials that a configuration asks for, and their film."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, UnknownNameError

from . import build, graphics
from .advising import voices_of
from .agents import library_agents
from .configuration import Config
from .descriptors import forecaster
from .filming import film_episode
from .job import Job
from .knowledge import known_of
from .plan_files import given_plan
from .planners import PlannerChoice
from .planning import answered
from .progress import bar
from .seeds import episode_seed
from .stepping import graph_of
from .trials import Block, SentenceTrials, sentence_block

_LONGEST_DELAY_MS = 700
_MOST_REPLANS = 20
_LONGEST_DELAY_MS = 700

if TYPE_CHECKING:
    from kata.skills.evidence.workers import Workers
    from kata.skills.execution.options import Mode
    from kata.skills.library.library import Library
    from kata.skills.planning.service import PlanAnswer


def modes_of(handover: str) -> tuple[Mode, ...]:
    """The handovers that a word names; `all` is all of them. Raises UnknownNameError."""
    from kata.skills.execution.options import MODES

    if handover == "all":
        return MODES
    for mode in MODES:
        if mode == handover:
            return (mode,)
    raise UnknownNameError("handover", handover, (*MODES, "all"))


def check_trials(trials: int) -> None:
    """Raise ConfigError for less than one."""
    if trials < 1:
        raise ConfigError("no trials", where="trials", expected="1 or more", got=str(trials))


def trials_of(config: Config, library: Library) -> SentenceTrials:
    """The trials that a configuration asks for, with the skills of a library."""
    known = known_of(library, config.robot)
    return SentenceTrials(
        build.make_trial(config, "table"),
        library_agents(library, (*known.contracts, *known.spares), config.inference),
        known,
        config.text,
        config.seed,
        replace(PlannerChoice.of(config), given=given_plan(config.plan, config.text)),
        replans_of(config.replans),
        voices_of(config),
        blend_of(config.blend),
        delay_s_of(config.delay_ms),
        guide_of(config.guide),
        graph_of(config, library),
    )


def plan_first(asked: SentenceTrials) -> PlanAnswer:
    """The answer to the sentence in the first scene."""
    world = asked.make_world()
    world.reset(episode_seed(asked.seed, "scene", 0))
    planner, _ = forecaster(asked.known, world.observe)
    choice = asked.choice.sentences(planner)
    return answered(choice, asked.sentence, world.facts(), asked.known.contracts)


def replans_of(asked: Any) -> int:
    """How often a failure may lead to a new plan. Raises ConfigError for no such number."""
    if isinstance(asked, bool) or not isinstance(asked, int) or not 0 <= asked <= _MOST_REPLANS:
        raise ConfigError(
            "impossible number of new plans",
            where="replans",
            expected=f"0 to {_MOST_REPLANS}",
            got=str(asked),
        )
    return asked


def blend_of(name: str) -> str:
    """The blend of that name. Raises UnknownNameError."""
    from kata.skills.handover.blend import BLENDS

    if name not in BLENDS:
        raise UnknownNameError("blend", name, BLENDS, where="blend")
    return name


def guide_of(asked: Any) -> tuple[str, ...]:
    """The guides of a name or a list of them; none for `none`. Raises UnknownNameError."""
    from kata.skills.execution.guides import guide_names

    return guide_names(asked)


def delay_s_of(asked_ms: Any) -> float:
    """The delay of replies in s. Raises ConfigError for none that a chunk could bridge."""
    if isinstance(asked_ms, bool) or not 0 <= asked_ms <= _LONGEST_DELAY_MS:
        raise ConfigError(
            "impossible delay",
            where="delay_ms",
            expected=f"0 to {_LONGEST_DELAY_MS} ms",
            got=str(asked_ms),
        )
    return float(asked_ms) / 1000.0


def wants_video(config: Config) -> bool:
    """What `video` says; `auto` means for a single trial, where there is OpenGL to draw with.

    Raises ConfigError for another word.
    """
    if config.video == "auto":
        return bool(config.trials == 1 and graphics.choose())
    if isinstance(config.video, bool):
        return config.video
    raise ConfigError("not a choice", where="video", expected="true, false, auto", got=config.video)


def run_modes(
    asked: SentenceTrials,
    modes: Sequence[Mode],
    parts: Sequence[tuple[int, int]],
    workers: Workers,
    film: Path | None,
) -> dict[Mode, list[Block]]:
    """Every episode of every handover, in order; the first of the last handover is filmed."""
    work = {
        f"{mode}-{first:05d}": (sentence_block, (asked, mode, first, count))
        for mode in modes
        for first, count in parts
        # A filmed trial need not run twice.
        if film is None or mode != modes[-1] or first
    }
    trials = sum(count for _, count in parts)
    found: dict[str, Block] = {}
    with bar("running", trials * len(modes)) as advance:
        done = 0
        if film is not None:
            found[f"{modes[-1]}-00000"] = _filmed_block(asked, modes[-1], parts[0][1], film)
            done += parts[0][1]
            advance(done)
        for name, block in workers.run(work):
            found[name] = block
            done += len(block["episodes"])
            advance(done)
    return {
        mode: [e for first, _ in parts for e in found[f"{mode}-{first:05d}"]["episodes"]]
        for mode in modes
    }


def _filmed_block(asked: SentenceTrials, mode: Mode, count: int, film: Path) -> Block:
    """The first block of a handover, its first episode filmed."""
    seed = episode_seed(asked.seed, "scene", 0)
    first, _ = film_episode(asked, mode, seed, film)
    rest = sentence_block(asked, mode, 1, count - 1)["episodes"] if count > 1 else []
    return {"episodes": [first, *rest]}


def failed(episodes: Sequence[Block]) -> list[Block]:
    """The first few that failed."""
    return [episode for episode in episodes if not episode["success"]][:3]


def next_command(job: Job) -> str:
    """The command that shows more than the one that ran."""
    more = ["trials=20", "handover=all", "workers=2"]
    command = ["kata", "run", job.config.text, *job.same_scene(), *more]
    return shlex.join(command) if job.config.trials == 1 else "kata demo"
