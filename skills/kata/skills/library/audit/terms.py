"""Whether a contract makes sense: limits within the caps, conditions that can be, words that fit.

The last is a heuristic: verbs of name, summary and examples suggest which facts a skill changes.
It cannot tell a lie from clumsy words, so most of what it finds are warnings; whether a skill does
what its contract says is measured by rollouts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from kata.datasets.types import Condition, RobotSpec
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER

from .caps import Caps
from .report import AuditFinding, Severity
from .satisfiable import TooHardError, can_be_true

_FILE = "skill.yaml"
_VERBS: Mapping[str, frozenset[str]] = {
    word: frozenset(predicates.split())
    for words, predicates in (
        ("pick grasp grab take lift fetch catch get", "+holding"),
        ("place put set drop release lay insert", "-holding +on +in"),
        ("stack", "+on"),
        ("open", "+open -closed"),
        ("close shut", "+closed -open"),
        ("press", "+pressed"),
        ("push slide nudge pull", "+near +on -near -on +in +open +closed +pressed"),
        ("hand give pass", "+holding"),
        ("turn flip right", "+upright -upright"),
        ("clear empty remove", "-on -in +clear +holding"),
    )
    for word in words.split()
}
"""Which facts a verb suggests: `+` becomes true, `-` becomes false."""

_IDLE = re.compile(
    r"\b(look|looks|inspect|inspects|observe|observes|wave|waves|greet|greets|wait|waits|rest|idle"
    r"|nothing is moved|without moving|moves nothing|does nothing)\b"
)
_OPPOSITE = {"open": "closed", "closed": "open"}


def judge_terms(
    contract: Contract, caps: Caps, robot: RobotSpec | None = None
) -> Iterator[AuditFinding]:
    """What speaks against a contract; with a robot, also what that lacks for it."""
    yield from _limits(contract, caps)
    yield from _parameters(contract)
    yield from _conditions(contract)
    yield from _words(contract)
    if robot is not None:
        for lack in contract.embodiment.lacks(robot):
            yield _finding("warning", "embodiment", f"{robot.name} does not fit it", lack)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){2}", contract.version):
        yield _finding("error", "names", "a version of other digits", "0 to 9", contract.version)


def _limits(contract: Contract, caps: Caps) -> Iterator[AuditFinding]:
    limits, needs = contract.limits, contract.embodiment
    pairs = (
        ("limits.speed_m_s", limits.speed_m_s, caps.speed_m_s),
        ("limits.force_n", limits.force_n or 0.0, caps.force_n),
        ("duration_s", contract.duration_s, caps.duration_s),
        ("settle_s", contract.settle_s, contract.duration_s),
        ("embodiment.rate_hz", needs.rate_hz, caps.rate_hz),
        ("embodiment.arms", float(needs.arms), float(caps.arms)),
    )
    for name, value, most in pairs:
        if value > most:
            yield _finding(
                "error", "limits", f"{name} beyond the cap", f"at most {most:g}", f"{value:g}"
            )
    if limits.workspace is not None and not caps.reaches(limits.workspace):
        expected = f"within {caps.reach_m:g} m along each axis"
        yield _finding(
            "error", "limits", "a workspace beyond reach", expected, str(limits.workspace)
        )
    if limits.force_n is None or limits.workspace is None:
        missing = [n for n in ("force_n", "workspace") if getattr(limits, n) is None]
        yield _finding("note", "limits", "limits that are not said", " and ".join(missing))


def _parameters(contract: Contract) -> Iterator[AuditFinding]:
    if len(contract.parameters) > 8:
        got = str(len(contract.parameters))
        yield _finding("error", "parameters", "too many parameters", "at most 8", got)
    for parameter in contract.parameters:
        if parameter.type == NUMBER and max(abs(parameter.low), abs(parameter.high)) > 1e4:
            got = f"{parameter.low:g} to {parameter.high:g}"
            what = f"a range of {parameter.name} without bounds"
            yield _finding("error", "parameters", what, "-10000 to 10000", got)


def _conditions(contract: Contract) -> Iterator[AuditFinding]:
    types = {p.name: p.type for p in contract.parameters if not p.optional}
    trials: Sequence[tuple[str, str, tuple[Condition, ...]]] = (
        ("achieves", "contradicts itself: it can never be achieved", (contract.achieves,)),
        ("requires", "contradicts itself: the skill can never start", (contract.requires,)),
        ("holds", "contradicts itself: the skill can never run", (contract.holds,)),
        ("holds", "contradicts requires: the skill can never start",
         (contract.requires, contract.holds)),
    )  # fmt: skip
    seen = set()
    for name, what, conditions in trials:
        if name not in seen and _possible(conditions, types) is False:
            seen.add(name)
            got = " and ".join(str(condition) for condition in conditions)
            yield _finding("error", "contradiction", f"{name} {what}", got=got[:200])
    if any(_has(contract.achieves, kind) for kind in ("or", "exists")):
        what = "achieves names no single outcome"
        yield _finding(
            "error", "contradiction", what, "a conjunction", str(contract.achieves)[:200]
        )
    nothing_new = (contract.requires, Condition("not", (contract.achieves,)))
    if contract.achieves.kind == "true" or _possible(nothing_new, types) is False:
        yield _finding("warning", "effects", "it achieves nothing that requires does not say")


def _possible(conditions: Sequence[Condition], types: Mapping[str, str]) -> bool | None:
    """None where it cannot be found out."""
    try:
        return can_be_true(conditions, types)
    except TooHardError:
        return None


def _has(condition: Condition, kind: str) -> bool:
    return condition.kind == kind or any(_has(part, kind) for part in condition.parts)


def _words(contract: Contract) -> Iterator[AuditFinding]:
    effects = frozenset(_effects(contract.achieves, True))
    text = " ".join((contract.name.replace("_", " "), contract.summary)).lower()
    everything = " ".join((text, contract.description, *contract.examples)).lower()
    if effects and (found := _IDLE.search(text)) and not _verbs(text):
        what = "words of a skill that moves nothing, for one that does"
        yield _finding(
            "error", "words", what, f"no effects, or other words than {found[0]!r}", _told(effects)
        )
        return
    said = _verbs(text)
    suggested = frozenset().union(*(_VERBS[verb] for verb in said)) if said else frozenset()
    against = sorted(p for p in _OPPOSITE if f"+{p}" in effects and f"+{_OPPOSITE[p]}" in suggested)
    if against and not any(f"+{p}" in suggested for p in against):
        what = f"it says {', '.join(sorted(said))} and achieves the opposite"
        yield _finding("error", "words", what, "words that fit the effects", _told(effects))
    elif said and effects and not effects & suggested:
        what = f"it says {', '.join(sorted(said))}, which suggests other effects"
        yield _finding("warning", "words", what, _told(suggested), _told(effects))
    elif effects and not said and not _verbs(everything):
        yield _finding(
            "note", "words", "no verb that is known says what it does", got=_told(effects)
        )


def _verbs(text: str) -> frozenset[str]:
    """The known verbs of a text, in their plain form."""
    words = re.findall(r"[a-z]+", text)
    plain = [w for word in words for w in (word, word.removesuffix("s"), word.removesuffix("es"))]
    return frozenset(word for word in plain if word in _VERBS)


def _effects(condition: Condition, value: bool) -> Iterator[str]:
    """The predicates that are made true (`+`) or false (`-`)."""
    if condition.atom is not None:
        yield ("+" if value else "-") + condition.atom.predicate
    for part in condition.parts:
        yield from _effects(part, value != (condition.kind == "not"))


def _told(effects: frozenset[str]) -> str:
    return ", ".join(sorted(f"{'not ' if e[0] == '-' else ''}{e[1:]}" for e in effects)) or "none"


def _finding(
    severity: Severity, kind: str, what: str, expected: str = "", got: str = ""
) -> AuditFinding:
    return AuditFinding(severity, kind, _FILE, what, expected, got)
