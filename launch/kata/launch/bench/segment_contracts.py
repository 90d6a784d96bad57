"""Proposed contracts beside written ones: of single skills, and of two skills in one segment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kata.datasets.types import Atom, Condition, DatasetError

from .measure import Sample
from .table import Bound, Row

if TYPE_CHECKING:
    from kata.skills.contract.contract import Contract
    from kata.skills.handover.segmentation.contract_match import ContractMatch
    from kata.skills.handover.segmentation.cuts_file import Cuts, Span
    from kata.skills.handover.segmentation.naming import Evidence
    from kata.skills.handover.segmentation.seen import Seen

LEAST_CONDITIONS = 90.0
CONTRACT_NOTE = (
    "The rules that propose contracts and the written contracts of the skills have one author, who "
    "wrote the rules with these contracts in sight, quantified lines included: those rows say that "
    "the contracts come back from demonstrations, not that the rules would find another person's. "
    "No rule was written for the row of two skills in one segment: each two that follow each other "
    "in the true cuts, at least five times, are taken as one skill. Its contract is put together "
    "from the written ones: what the first requires, what the second requires beyond what the "
    "first achieves, what the second achieves, and what single facts of the first's it leaves. "
    "Equal conditions are counted of all that either contract has; F1 counts a difference half."
)

Matches = Mapping[str, "ContractMatch"]


@dataclass(frozen=True, slots=True)
class Matched:
    """How far proposals say what is written, by skill.

    Attributes:
        poses: of proposals from poses and gripper; `facts`: from recorded facts.
        pairs: of two skills in one segment, from poses and the true cuts.
    """

    poses: Matches
    facts: Matches
    pairs: Matches

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            source: {
                name: {
                    "equal": each.share,
                    "f1": each.f1,
                    "missing": list(each.missing),
                    "surplus": list(each.surplus),
                }
                for name, each in getattr(self, source).items()
            }
            for source in ("poses", "facts", "pairs")
        }


def contract_rows(matched: Matched) -> list[Row]:
    """Conditions counted over all contracts; of a skill that was not found all are missing."""
    must = Bound(LEAST_CONDITIONS, "ours")
    rows = []
    for source, matches in (("poses", matched.poses), ("recorded facts", matched.facts)):
        name = f"contract conditions equal to written ones, from {source}"
        rows.append(_row(name, _pooled(matches).share, must))
        rows.append(_row(f"contract conditions, F1, from {source}", _pooled(matches).f1))
    if matched.pairs:
        what = "of two skills in one segment, no rule meant for them"
        whole = _pooled(matched.pairs)
        rows.append(_row(f"contract conditions equal, {what}", whole.share))
        rows.append(_row(f"contract conditions, F1, {what}", whole.f1))
    return rows


def _row(name: str, share: float, must: Bound | None = None) -> Row:
    return Row(name, "%", Sample.of([100.0 * share]), must=must, better="higher")


def _pooled(matches: Matches) -> ContractMatch:
    from kata.skills.handover.segmentation.contract_match import ContractMatch

    return sum(matches.values(), start=ContractMatch())


def matched_with(
    proposals: Mapping[str, Contract], written: Mapping[str, Contract], names: Sequence[str]
) -> Matches:
    """Each of these written contracts beside its proposal, if there is one."""
    from kata.skills.handover.segmentation.contract_match import contract_match, nothing_proposed

    return {
        name: contract_match(proposals[name], written[name])
        if name in proposals
        else nothing_proposed(written[name])
        for name in names
    }


def pairs_matched(
    cuts: Cuts, views: Mapping[int, Seen], written: Mapping[str, Contract], least: int
) -> Matches:
    """Proposals for two successive skills as one, where they follow each other so often."""
    from kata.skills.handover.segmentation.proposal import proposed

    found: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[Evidence]] = defaultdict(list)
    for episode in cuts.episodes:
        for first, second in pairwise(episode.spans):
            names, evidence = _joined(first, second, views[episode.index], cuts.fps)
            found[first.skill, second.skill, tuple(names.items())].append(evidence)
    proposals: dict[str, Contract] = {}
    wanted: dict[str, Contract] = {}
    for (first_name, second_name, roles), evidence_of in sorted(found.items()):
        if len(evidence_of) < least:
            continue
        both = together(written[first_name], written[second_name], dict(roles))
        both = replace(both, name=f"{both.name}_{len(wanted)}")
        wanted[both.name] = both
        try:
            proposals[both.name] = proposed(both.name, evidence_of)
        except DatasetError:
            continue
    return matched_with(proposals, wanted, tuple(wanted))


def _joined(first: Span, second: Span, seen: Seen, fps: int) -> tuple[dict[str, str], Evidence]:
    """What the second's roles are in both together, and what held about both."""
    from kata.skills.handover.segmentation.naming import Evidence

    arguments, names = dict(first.arguments), {}
    for role, value in second.arguments.items():
        same = next((name for name, given in first.arguments.items() if given == value), "")
        names[role] = same or (f"{role}_2" if role in first.arguments else role)
        arguments[names[role]] = value
    return names, Evidence.of(seen, (first.start, second.stop), fps, arguments, first.hand)


def together(first: Contract, second: Contract, names: Mapping[str, str]) -> Contract:
    """The contract of two skills, one after the other, as one; `names` are the second's roles."""
    own = {f"?{role}": f"?{name}" for role, name in names.items()}
    made, lasting = _parts(first.achieves), _parts(second.achieves.bind(own))
    needed = _parts(first.requires)
    needed += [p for p in _parts(second.requires.bind(own)) if p not in (*made, *needed)]
    undone = {literal for part in lasting if (literal := _literal(part)) is not None}
    left = [
        part
        for part in made
        if (literal := _literal(part)) is not None
        and literal not in undone
        and (literal[0], not literal[1]) not in undone
    ]
    roles = {parameter.name for parameter in first.parameters}
    more = [replace(p, name=names[p.name]) for p in second.parameters]
    return replace(
        first,
        name=f"{first.name}_{second.name}",
        parameters=(*first.parameters, *(p for p in more if p.name not in roles)),
        requires=Condition.every(needed),
        achieves=Condition.every([*lasting, *left]),
    )


def _parts(condition: Condition) -> list[Condition]:
    if condition.kind == "and":
        return [each for part in condition.parts for each in _parts(part)]
    return [] if condition.kind == "true" else [condition]


def _literal(part: Condition) -> tuple[Atom, bool] | None:
    """The fact that a condition is about, and whether it holds; None for more than one fact."""
    if part.kind == "not" and part.parts[0].atom is not None:
        return part.parts[0].atom, False
    return (part.atom, True) if part.atom is not None else None
