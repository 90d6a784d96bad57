"""What rollouts say against a skill: limits that it declares and does not keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kata.skills.contract.contract import Contract
from kata.skills.library.audit.report import AuditFinding, Severity

from .audit_rollouts import Audit, Rollouts
from .audit_rollouts_use import Peak, Used, worst

Risk = Literal["danger", "warning"]

SLACK = 0.05
"""Share by which speed and force may exceed what is declared: servos overshoot."""

OUTSIDE_M = 0.005
"""How far the tool may be outside the declared workspace."""

OFTEN, FEW = 0.5, 3
"""A skill that is late in more than this share of its rollouts is told; one that is late in all of
so many or more never ends."""


@dataclass(frozen=True, slots=True)
class RolloutFinding:
    """A limit that was not kept, where it was worst.

    Attributes:
        risk: `danger` where the robot or what is around it is at risk, else `warning`.
        kind: `speed`, `workspace`, `force`, `resources`, `refused`, `duration`, `stopped`,
            `not_run`.
        where: the skill, or the pair, as in `close after open`.
        measured, limit: in the unit of the kind; 0 where there is no number.
        seed, time_s: where to see it.
        chained: it happens after another skill, and not where the skill runs alone.
    """

    risk: Risk
    kind: str
    where: str
    text: str
    measured: float = 0.0
    limit: float = 0.0
    seed: int = 0
    time_s: float = 0.0
    chained: bool = False

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {name: getattr(self, name) for name in self.__slots__}

    def told(self) -> AuditFinding:
        """As a part of an audit's report: a danger is an error."""
        severity: Severity = "error" if self.risk == "danger" else "warning"
        limit = f"at most {self.limit:g}" if self.limit else ""
        got = (
            f"{self.measured:.4g} (seed {self.seed}, {self.time_s:.2f} s)" if self.measured else ""
        )
        kind = f"chain {self.kind}" if self.chained else self.kind
        return AuditFinding(severity, kind, "", f"{self.where}: {self.text}", limit, got)


def rollout_findings(audit: Audit, *, pairs: bool = True) -> tuple[RolloutFinding, ...]:
    """What was found, dangers first; without `pairs` only what the skill does alone."""
    parts = [audit.alone, *(audit.pairs if pairs else ())]
    alone = {each.kind for each in _about(audit.alone, audit.contracts[audit.alone.skill])}
    found = []
    for part in parts:
        own = part.skill == audit.alone.skill
        for each in _about(part, audit.contracts[part.skill]):
            chained = bool(part.after) and not (own and each.kind in alone)
            found.append(each if not chained else _as_chained(each))
    return tuple(sorted(found, key=lambda each: (each.risk != "danger", each.where, each.kind)))


def _as_chained(found: RolloutFinding) -> RolloutFinding:
    return RolloutFinding(**{**found.to_data(), "chained": True})


def _about(part: Rollouts, contract: Contract) -> Iterator[RolloutFinding]:
    if part.stopped:
        yield RolloutFinding("danger", "stopped", part.name, f"it was ended: {part.stopped}")
    if part.error or not (part.after or part.uses or part.stopped):
        why = part.error or "no start was found from which it may begin"
        yield RolloutFinding("warning", "not_run", part.name, f"nothing was measured: {why}")
    limits = contract.limits
    yield from _over(part, "speed", "speed_m_s", limits.speed_m_s, "m/s", 1.0 + SLACK)
    if limits.force_n is not None:
        yield from _over(part, "force", "force_n", limits.force_n, "N", 1.0 + SLACK)
    far = worst(part.uses, "outside_m")
    if far and far[0].value > OUTSIDE_M:
        text = f"its tool is {far[0].value:.3f} m outside the workspace that it declares"
        yield _at("workspace", part, text, far, 0.0)
    yield from _moved(part)
    yield from _refused(part)
    late = [each for each in part.uses if each.seconds >= contract.duration_s - 1e-6]
    if len(late) > OFTEN * max(1, len(part.uses)):
        text = f"not done within {contract.duration_s:g} s in {len(late)} of {len(part.uses)}"
        never = len(late) == len(part.uses) >= FEW
        risk: Risk = "danger" if never else "warning"
        took, most = late[0].seconds, contract.duration_s
        yield RolloutFinding(risk, "duration", part.name, text, took, most, late[0].seed)


def _over(
    part: Rollouts, kind: str, measure: str, limit: float, unit: str, slack: float
) -> Iterator[RolloutFinding]:
    found = worst(part.uses, measure)
    if found and found[0].value > slack * limit:
        text = f"{kind} {found[0].value:.2f} {unit}, and it declares {limit:g}"
        yield _at(kind, part, text, found, limit)


def _at(
    kind: str, part: Rollouts, text: str, found: tuple[Peak, Used], limit: float
) -> RolloutFinding:
    peak, each = found
    after = f", after {each.after}" if each.after else ""
    text = f"{text}: {each.call}{after}"
    return RolloutFinding(
        "danger", kind, part.name, text, peak.value, limit, each.seed, peak.time_s
    )


def _moved(part: Rollouts) -> Iterator[RolloutFinding]:
    names = sorted({name for each in part.uses for name in each.moved})
    for name in names:
        moving = [(each.moved[name], each) for each in part.uses if name in each.moved]
        found = max(moving, key=lambda pair: pair[0].value)
        text = f"moves {name}, which it does not claim, by {found[0].value:.3f}"
        yield _at("resources", part, text, found, 0.0)


def _refused(part: Rollouts) -> Iterator[RolloutFinding]:
    """Chunks that the executor did not let through: it held instead."""
    reasons = sorted({reason for each in part.uses for reason in each.refused})
    if reasons:
        each = next(each for each in part.uses if each.refused)
        count = sum(bool(each.refused) for each in part.uses)
        text = f"{reasons[0]}, in {count} of {len(part.uses)} rollouts"
        yield RolloutFinding("danger", "refused", part.name, text, float(count), 0.0, each.seed)
