"""What a goal lacks: the skill that would have to be there, and where it could come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kata.datasets.types import Atom, AtomTable, Condition, Facts
from kata.skills.contract.contract import Contract
from kata.skills.library.search.document import TextEncoder
from kata.skills.library.search.searching import SkillSearch
from kata.skills.library.search.verbs import verbs
from kata.skills.library.search.words import condition_words

from ..problem import Problem
from .answer import Level, MissingSkill, NearDemonstration, NearSkill
from .demonstrations import Demonstration, DemonstrationIndex, by_skill
from .inference import inferred
from .lifting import Literals, lifted, over, plain_name, skeleton, things, unreached

_SHOWN = 3
_DURATION_S = 10.0
_LEVELS: dict[Level, float] = {"effect": 3.0, "frame": 2.0, "class": 1.0, "text": 0.0}
_LEAST_LIKENESS = 0.35
"""Words that are less near than this say nothing."""


def missing_skill(
    goal: Condition,
    facts: Facts,
    contracts: Sequence[Contract],
    *,
    text: str = "",
    search: SkillSearch | None = None,
    demonstrations: DemonstrationIndex | None = None,
    encoder: TextEncoder | None = None,
) -> MissingSkill | None:
    """The skill without which nothing reaches a goal; None if the known ones could.

    Args:
        goal: what should hold at the end.
        facts: what holds now.
        contracts: the known skills.
        text: what was said, if it was.
        search: finds skills by words; without one only effects count.
        demonstrations: that are known.
        encoder: compares sentences; without one only changes and verbs count.

    Raises:
        PlanError: more grounded calls than a planner could go through.
    """
    problem = Problem(facts.table, contracts)
    wanted = unreached(problem, problem.actions, goal, problem.state(facts))
    if not wanted:
        return None
    parameters, variables = lifted(wanted, facts.table)
    achieves = over(wanted, variables)
    said = " ".join(filter(None, (text, condition_words(Condition.of(wanted)))))
    known = demonstrations.demonstrations if demonstrations is not None else ()
    near = _near_demonstrations(wanted, facts.table, known, said, encoder)
    proposal = _proposal(near, known)
    if proposal is None:
        requires = over(_needs(wanted), variables)
        name = plain_name(wanted)
        proposal = skeleton(name, parameters, requires, achieves, _DURATION_S)
    return MissingSkill(
        tuple(str(part) for part in _parts(wanted)),
        str(achieves),
        proposal,
        _near_skills(wanted, contracts, said, search),
        near,
    )


def _parts(wanted: Literals) -> list[Condition]:
    return [Condition.of({atom: value}) for atom, value in wanted.items()]


def _needs(wanted: Literals) -> Literals:
    """A guess at what must hold first: what is to be put is held, else the hand is empty."""
    placed = [a for a, value in wanted.items() if value and a.predicate in ("on", "in")]
    if placed:
        return {Atom.of("holding", placed[0].arguments[:1]): True}
    if any(atom.predicate == "gripper_empty" for atom in wanted):
        return {}
    return {Atom.of("gripper_empty", ()): True}


def _near_skills(
    wanted: Literals, contracts: Sequence[Contract], text: str, search: SkillSearch | None
) -> tuple[NearSkill, ...]:
    """Skills with such an effect first, then those that are found by words."""
    found = {name: 1.0 / (place + 2) for place, name in enumerate(_found(text, search))}
    frames = {(atom.predicate, value) for atom, value in wanted.items()}
    scores = {}
    for contract in contracts:
        same = frames & {(a.predicate, v) for a, v in _effects(contract.achieves)}
        scores[contract.name, contract.version] = len(same) + found.get(contract.name, 0.0)
    by_key = {(contract.name, contract.version): contract for contract in contracts}
    order = sorted((key for key in scores if scores[key] > 0), key=lambda key: (-scores[key], key))
    return tuple(NearSkill(*key, _lacks(by_key[key], wanted)) for key in order[:_SHOWN])


def _found(text: str, search: SkillSearch | None) -> list[str]:
    return [] if search is None else [hit.contract.name for hit in search.search(text, top=5)]


def _effects(condition: Condition, value: bool = True) -> Iterable[tuple[Atom, bool]]:
    """Every atom in an effect with what it becomes, inside of quantifiers too."""
    if condition.atom is not None:
        yield condition.atom, value
    for part in condition.parts:
        yield from _effects(part, value != (condition.kind == "not"))


def _lacks(contract: Contract, wanted: Literals) -> str:
    """Why a skill is not the one."""
    types = {f"?{parameter.name}": parameter.type for parameter in contract.parameters}
    told = []
    for atom, value in wanted.items():
        such = [
            made
            for made, becomes in _effects(contract.achieves)
            if made.predicate == atom.predicate and becomes is value
        ]
        literal = f"{'' if value else 'not '}{atom}"
        if such:
            of = ", ".join(types.get(name, name.lstrip("?")) for name in things(such[0]))
            told.append(f"it makes {'' if value else 'not '}{atom.predicate} of ({of}) only")
        else:
            told.append(f"it does not make {literal}")
    return "; ".join(dict.fromkeys(told))


def _near_demonstrations(
    wanted: Literals,
    table: AtomTable,
    known: Sequence[Demonstration],
    text: str,
    encoder: TextEncoder | None,
) -> tuple[NearDemonstration, ...]:
    """The nearest groups of demonstrations: by changes, then by the verbs' class, then by words."""
    groups = by_skill(known)
    classes = _classes(wanted)
    tasks = [_said(group) for group in groups.values()]
    likeness = np.zeros(len(tasks), np.float32)
    if encoder is not None and tasks:
        likeness = encoder.encode(tasks) @ encoder.encode([text], keep=False)[0]
    near = []
    for (key, group), task, like in zip(groups.items(), tasks, likeness.tolist(), strict=True):
        nearest = next(iter(_episodes(group, wanted, table, classes, like)), None)
        if nearest is not None:
            level, episodes = nearest
            share = len(episodes) / len({each.episode for each in group})
            score = _LEVELS[level] + 0.5 * share + 0.4 * like
            robot = group[0].robot
            near.append(NearDemonstration(key[0], key[1], level, episodes, task, score, robot))
    near.sort(key=lambda found: (-found.score, str(found.root), found.skill))
    return tuple(near[:_SHOWN])


def _said(group: Sequence[Demonstration]) -> str:
    """The sentence that stands for a group, with its skill's name."""
    return f"{group[0].skill.replace('_', ' ')}. {group[0].task}".strip(". ")


def _classes(wanted: Literals) -> frozenset[str]:
    frames = [("" if value else "not ") + atom.predicate for atom, value in wanted.items()]
    return verbs().making(frames)


def _episodes(
    group: Sequence[Demonstration],
    wanted: Literals,
    table: AtomTable,
    classes: frozenset[str],
    like: float,
) -> Iterable[tuple[Level, tuple[int, ...]]]:
    """The levels at which a group is near, the nearest first, each with its episodes."""
    exact = tuple(sorted({d.episode for d in group if _does(d, wanted, table)}))
    if exact:
        yield "effect", exact
    frames = {(atom.predicate, value) for atom, value in wanted.items()}
    like_it = {d.episode for d in group if frames <= {(a.predicate, v) for a, v in d.flips.items()}}
    if like_it:
        yield "frame", tuple(sorted(like_it))
    every = tuple(sorted({d.episode for d in group}))
    if verbs().of(_said(group)) & classes:
        yield "class", every
    if like >= _LEAST_LIKENESS:
        yield "text", every


def _does(demonstration: Demonstration, wanted: Literals, table: AtomTable) -> bool:
    """Whether one demonstration makes all these facts so, of things of the same types.

    One thing of the goal must be one thing there, and what it changes must be what its call is
    about: that something was pushed aside on the way shows no skill.
    """
    named = set(demonstration.arguments.values())
    binding: dict[str, str] = {}
    for atom, value in wanted.items():
        for flipped, becomes in demonstration.flips.items():
            if flipped.predicate != atom.predicate or becomes is not value:
                continue
            pairs = dict(zip(things(atom), things(flipped), strict=True))
            fits = all(
                binding.get(here, there) == there
                and (not named or there in named)
                and _alike(table.types.get(here), demonstration.types.get(there))
                for here, there in pairs.items()
            )
            if fits:
                binding |= pairs
                break
        else:
            return False
    return True


def _alike(here: frozenset[str] | None, there: frozenset[str] | None) -> bool:
    """Whether two things are of one kind: one has every tag of the other."""
    return bool(here and there and (here <= there or there <= here))


def _proposal(near: Sequence[NearDemonstration], known: Sequence[Demonstration]) -> Contract | None:
    """The contract that the nearest demonstrations have in common, if they do what is wanted."""
    if not near or near[0].level != "effect" or not near[0].skill:
        return None
    first: NearDemonstration = near[0]
    wanted: tuple[Path, str] = first.root, first.skill
    episodes = set(first.episodes)
    some = [d for d in known if (d.root, d.skill) == wanted and d.episode in episodes]
    same = [d for d in some if tuple(d.arguments) == tuple(some[0].arguments)]
    return inferred(first.skill, same)
