"""From anonymous groups to named calls, and from named segments to drafts of contracts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kata.datasets.types import AtomTable, Condition, DatasetError, Facts
from kata.skills.contract.contract import Contract

from .cuts import NOTHING, Segment, Segmentation
from .cuts_file import Cuts, Episode, Span
from .naming import Deed, Evidence, deed
from .proposal import proposed
from .seen import Seen

Views = Mapping[int, Seen]
"""What held in each episode, by its index."""


@dataclass(frozen=True, slots=True)
class _Habit:
    """What the segments of a group usually do: the call, and which object has which role."""

    name: str
    roles: tuple[str, ...]
    places: tuple[int, ...]

    def call(self, segment: Segment) -> Deed | None:
        if max(self.places, default=-1) >= len(segment.objects):
            return None
        values = [segment.objects[place] for place in self.places]
        return Deed(self.name, dict(zip(self.roles, values, strict=True)))


def named(segmentation: Segmentation, views: Views, data: str, content: str, fps: int) -> Cuts:
    """The cuts with a name and arguments for each segment, told from its effect.

    A segment without an effect of its own is called like most of its group. What no fact tells is
    `skill_1` and so on, by group. Segments in which nothing is held, touched or moved are left out,
    unless there are no others at all. `views` may be empty: then nothing is told by facts.
    """
    calls: dict[tuple[int, int], Deed] = {}
    for episode in segmentation.episodes:
        seen = views.get(episode.episode)
        for place, segment in enumerate(episode.segments):
            found = seen and deed(_evidence(seen, segment, fps))
            if found:
                calls[episode.episode, place] = found
    habits = _habits(segmentation, calls)
    skills: dict[str, tuple[str, ...]] = {}
    episodes = []
    hands = {segment.hand for episode in segmentation.episodes for segment in episode.segments}
    several = len(hands - {""}) > 1
    for episode in segmentation.episodes:
        spans = []
        for place, segment in enumerate(episode.segments):
            call = calls.get((episode.episode, place)) or _usual(habits, segment)
            if call is None and (segment.group != NOTHING or not segmentation.groups):
                call = _unknown(segmentation, segment)
            if call is None:
                continue
            roles = tuple(call.arguments)
            if skills.setdefault(call.name, roles) == roles:
                score = round(segment.score, 2)
                span = (segment.start, segment.stop, call.name, dict(call.arguments))
                spans.append(Span(*span, segment.hand if several else "", score))
        episodes.append(Episode(episode.episode, episode.frames, episode.phases, tuple(spans)))
    ordered = dict(sorted(skills.items()))
    return Cuts(data, content, fps, ordered, tuple(episodes)).sealed()


def _usual(habits: Mapping[int, _Habit], segment: Segment) -> Deed | None:
    habit = habits.get(segment.group)
    return habit.call(segment) if habit else None


def _evidence(seen: Seen, segment: Segment, fps: int) -> Evidence:
    things = {f"thing_{k}": name for k, name in enumerate(segment.objects)}
    return Evidence.of(seen, (segment.start, segment.stop), fps, things, segment.hand)


def _unknown(segmentation: Segmentation, segment: Segment) -> Deed:
    """A call that only says which group it is, about what its things are in it."""
    if segment.group == NOTHING:
        return Deed("skill_1", {})
    group = segmentation.groups[segment.group]
    roles: list[str] = []
    for role, _ in zip(group.roles, segment.objects, strict=False):
        roles.append(role if role not in roles else f"{role}_{len(roles) + 1}")
    return Deed(f"skill_{segment.group + 1}", dict(zip(roles, segment.objects, strict=False)))


def _habits(segmentation: Segmentation, calls: Mapping[tuple[int, int], Deed]) -> dict[int, _Habit]:
    """By group what most of its segments with an effect do, if most of its segments do it."""
    counts: dict[int, Counter[_Habit]] = defaultdict(Counter)
    totals: Counter[int] = Counter()
    for episode in segmentation.episodes:
        for place, segment in enumerate(episode.segments):
            totals[segment.group] += 1
            found = calls.get((episode.episode, place))
            if found and set(found.arguments.values()) <= set(segment.objects):
                places = tuple(map(segment.objects.index, found.arguments.values()))
                counts[segment.group][_Habit(found.name, tuple(found.arguments), places)] += 1
    usual = {group: found.most_common(1)[0] for group, found in counts.items() if group != NOTHING}
    return {group: habit for group, (habit, n) in usual.items() if 2 * n > totals[group]}


def evidence_of(cuts: Cuts, views: Views) -> dict[str, list[Evidence]]:
    """What held about every segment, by skill."""
    found: dict[str, list[Evidence]] = {name: [] for name in cuts.skills}
    for episode in cuts.episodes:
        seen = views.get(episode.index)
        for span in episode.spans if seen else ():
            assert seen is not None
            each = Evidence.of(seen, (span.start, span.stop), cuts.fps, span.arguments, span.hand)
            found[span.skill].append(each)
    return found


def drafts(cuts: Cuts, views: Views) -> tuple[dict[str, Contract], dict[str, str]]:
    """A contract for each skill of the cuts, and by name why there is none."""
    contracts: dict[str, Contract] = {}
    reasons: dict[str, str] = {}
    for name, evidence in evidence_of(cuts, views).items():
        if not views:
            reasons[name] = "no poses of things and no facts, so nothing tells what it changes"
            continue
        try:
            contracts[name] = proposed(name, evidence)
        except DatasetError as error:
            reasons[name] = error.what
    return contracts, reasons


def reached(contract: Contract, seen: Seen, span: Span) -> bool:
    """Whether a segment ends as its contract promises; what no fact tells counts as reached.

    Demonstrations say what was true, not by how much, so margins are not asked for.
    """
    table = AtomTable(seen.atoms, seen.types)
    promise: Condition = contract.achieves.plain().bind(
        {f"?{k}": v for k, v in span.arguments.items()}
    )
    promise = promise.bind({"hand": span.hand or table.hands[0]})
    told = {atom.predicate for atom in seen.atoms}
    untold = {a for a in promise.ground(table).atoms() if a.predicate not in told}
    truth = np.concatenate(
        [seen.truth[seen.settled(span.stop)], np.full(len(untold), -1, dtype=np.int8)]
    )
    whole = AtomTable((*seen.atoms, *sorted(untold)), seen.types)
    facts = Facts(whole, truth, np.where(truth == 1, 1.0, -1.0), 0.0)
    return promise.evaluate(facts).value is not False


def renamed(contract: Contract, cuts: Sequence[str]) -> dict[str, str]:
    """By role in the cuts the parameter of a contract that it is: by name, else in their order.

    Raises DatasetError where there are not as many.
    """
    own = [parameter.name for parameter in contract.parameters]
    if set(own) == set(cuts):
        return {name: name for name in cuts}
    if len(own) != len(cuts):
        raise DatasetError(
            f"a contract of '{contract.name}' with other parameters",
            expected=", ".join(cuts) or "none",
            got=", ".join(own) or "none",
            hint="give the segments the arguments that the contract names",
        )
    return dict(zip(cuts, own, strict=True))
