"""Candidates on the same scenes, blind, in blocks that are kept one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, MakeWorld

from . import build
from .agents import Agent, own_trust, package_in
from .trials import Block, blocks, kept_worlds, spans
from .workspace import RunFolder

if TYPE_CHECKING:
    from kata.skills.evidence.blind import Blinding
    from kata.skills.evidence.workers import Workers
    from kata.skills.library.trust import Trust

EXPERT = "expert"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who is compared: its name in results, and the hash of its package; empty for an expert."""

    name: str
    agent: Agent
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """Trials of candidates on scenes that they share; picklable.

    Attributes:
        agents: by code, see `kata.skills.evidence.blind`.
        first_seed: of the first scene; the others follow.
    """

    make_world: MakeWorld
    agents: Mapping[str, Agent]
    blinding: Blinding
    first_seed: int

    @classmethod
    def of(
        cls, make_world: MakeWorld, candidates: Sequence[Candidate], seed: int, first_seed: int
    ) -> Contest:
        """A blind contest. Raises ConfigError for a candidate that comes twice."""
        from kata.skills.evidence.blind import Blinding

        blinding = Blinding(tuple(each.name for each in candidates), seed)
        agents = {each.name: each.agent for each in candidates}
        by_code = {code: agents[name] for code, name in blinding.sealed.items()}
        return cls(make_world, by_code, blinding, first_seed)

    def keep_subjects(self, folder: RunFolder) -> None:
        """Write down who is tried; by name, as the codes are sealed. Raises ConfigError."""
        sealed = self.blinding.sealed
        digests = {sealed[code]: agent.digest for code, agent in self.agents.items()}
        folder.keep_subjects({name: digests[name] for name in self.blinding.names})

    def load_all(self) -> None:
        """Load every candidate once, so that one that cannot be used is told before any trial."""
        world = self.make_world()
        for agent in self.agents.values():
            agent.load(world)


def contest_block(asked: Contest, first: int, count: int) -> Block:
    """Trials of every candidate on scenes `first` to `first + count`, by code."""
    from kata.skills.evidence.trials import VECTOR, build_vector, run_vector

    seeds = [asked.first_seed + index for index in range(first, first + count)]
    orders = {seed: asked.blinding.order(seed) for seed in seeds}
    jobs = {
        code: build_vector(kept_worlds(asked.make_world), agent.load, min(VECTOR, count))
        for code, agent in asked.agents.items()
    }
    found: dict[str, dict[int, Block]] = {code: {} for code in asked.blinding.codes}
    # Who comes first in a scene runs before the others do, side by side with its other firsts.
    for place in range(len(jobs)):
        for code, own in jobs.items():
            turn = [seed for seed in seeds if orders[seed][place] == code]
            trials = [trial.to_data() for trial in run_vector(own, turn)]
            found[code] |= zip(turn, trials, strict=True)
    by_code = {code: [each[seed] for seed in seeds] for code, each in found.items()}
    return {"orders": [list(orders[seed]) for seed in seeds], "trials": by_code}


def hold(
    contest: Contest,
    folder: RunFolder,
    workers: Workers,
    trials: int,
    title: str,
    enough: Callable[[Mapping[str, list[Block]]], bool] | None = None,
) -> dict[str, list[Block]]:
    """All trials by code, or those until there are `enough`.

    Raises ConfigError in the folder of other candidates, and what a trial raises.
    """
    contest.keep_subjects(folder)
    parts = spans(trials)
    work = {f"{first:05d}": (contest_block, (contest, first, count)) for first, count in parts}
    units = {f"{first:05d}": count for first, count in parts}

    def stop(done: list[Block]) -> bool:
        return enough is not None and enough(_joined(contest, done))

    done = blocks(folder, work, workers, title, units, enough=stop)
    return _joined(contest, list(done.values()))


def unseal(contest: Contest, trials: Mapping[str, list[Block]]) -> dict[str, list[Block]]:
    """The trials by name, in the order in which the candidates were given."""
    sealed = contest.blinding.sealed
    named = {sealed[code]: each for code, each in trials.items()}
    return {name: named[name] for name in contest.blinding.names}


def find_candidates(
    names: Sequence[str],
    skill: str | None,
    library: str | None,
    trust: Trust | None = None,
) -> tuple[Candidate, ...]:
    """Who is meant by `expert`, `NAME@VERSION` of the library, or a folder; all of one skill.

    Raises UnknownNameError, ConfigError for candidates of several skills or none, or SignatureError
    for a package that `trust` does not admit.
    """
    found = [None if name == EXPERT else _find(name, library, trust) for name in names]
    skills = {each.agent.contract.name for each in found if each} | ({skill} if skill else set())
    if len(skills) != 1:
        raise ConfigError(
            "candidates of several skills" if skills else "which skill?",
            where=", ".join(names),
            expected="one skill",
            got=", ".join(sorted(skills)),
            hint="" if skills else "skill=pick",
        )
    expert = Candidate(EXPERT, Agent(build.contract(next(iter(skills)))))
    return tuple(each or expert for each in found)


def _find(name: str, library: str | None, trust: Trust | None) -> Candidate:
    folder = Path(name).expanduser()
    package = None if "@" in name else package_in(folder)
    if package is not None:
        opened = (trust or own_trust()).open(package)
        return Candidate(name, Agent(opened.contract, package, trust=trust), opened.identity)
    if folder.is_dir() or "/" in name:
        raise ConfigError(
            "no skill there",
            where=name,
            expected="expert, a version such as pick@1.0.0, the out of kata train, or a package",
        )
    shelf = build.library(library, trust)
    entry = shelf.show(name)
    skill = shelf.get(str(entry))
    agent = Agent(skill.contract, skill.folder, trust=trust)
    return Candidate(str(entry), agent, entry.identity)


def differing_terms(candidates: Sequence[Candidate]) -> list[str]:
    """Fields in which the contracts differ, but for which version it is and where from."""
    terms = [each.agent.contract.to_data() for each in candidates]
    fields = dict.fromkeys(field for each in terms for field in each)
    told = {"version", "summary", "provenance"}
    return [
        field
        for field in fields
        if field not in told and any(each.get(field) != terms[0].get(field) for each in terms)
    ]


def _joined(contest: Contest, done: Sequence[Block]) -> dict[str, list[Block]]:
    return {
        code: [trial for block in done for trial in block["trials"][code]]
        for code in contest.blinding.codes
    }
