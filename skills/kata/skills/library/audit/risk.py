"""How risky a call of a skill is: what it may touch, and what this request asks of it here.

    logit(risk) = BIAS + sum of WEIGHTS[term] * value(term),    values in [0, 1], weights >= 0

so that no term can lower the risk, and each part of the sum says why. The static part is a prior of
what the skill may do and of who vouches for it; the other part is about one call in one scene.
Source: the calibrated fusion of a static capability prior with a request-conditioned model of
STARS (abstract). It orders calls for a person to look at; it never replaces the audit, and nothing
is let through because its risk is low. How its weights were found, and which are no more than
chosen, stands in docs/trust.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kata.datasets.types import Facts, Place
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER

from .caps import Caps

BIAS = -7.2
WEIGHTS: Mapping[str, float] = {
    "speed": 0.8,
    "force": 0.8,
    "workspace": 0.6,
    "resources": 0.8,
    "learned": 0.6,
    "signature": 1.5,
    "evidence": 1.5,
    "things": 3.0,
    "unknown": 1.5,
    "arguments": 0.5,
    "failure": 6.9,
}
"""By term; the first seven are the static prior. BIAS and `failure` were fitted to trials, the
others are chosen: they order skills, and what they add is no chance of anything."""

UNTRIED = 0.5
"""What `failure` is where nothing like it was tried: as likely as not."""

DELICATE: Mapping[str, float] = {
    **dict.fromkeys(("human", "person", "hand_of_person", "child", "animal"), 1.0),
    **dict.fromkeys(("fragile", "glass", "hot", "sharp", "liquid", "knife", "electric"), 0.7),
}
"""How delicate a thing is, by its tags."""

_BESIDE = 0.6
"""What a delicate thing of the scene counts for that the call does not name."""

_SIGNATURES: Mapping[str, float] = {"own": 0.0, "trusted": 0.3}
_LOW, _HIGH = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a risk: its value in [0, 1], what it adds, and why."""

    name: str
    value: float
    why: str

    @property
    def adds(self) -> float:
        """What it adds to the logit."""
        return WEIGHTS[self.name] * self.value


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk in (0, 1) and its terms, the heaviest first."""

    terms: tuple[Term, ...]

    @property
    def score(self) -> float:
        """The risk."""
        return 1.0 / (1.0 + math.exp(-(BIAS + sum(term.adds for term in self.terms))))

    @property
    def level(self) -> str:
        """`low`, `middle` or `high`."""
        return "low" if self.score < _LOW else "middle" if self.score < _HIGH else "high"

    def __str__(self) -> str:
        told = [f"{t.why} +{t.adds:.1f}" for t in self.terms if t.adds >= 0.05]
        return f"risk {self.score:.2f}, {self.level}: {'; '.join(told) or 'nothing adds to it'}"

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        terms = {t.name: {"value": round(t.value, 4), "adds": round(t.adds, 4)} for t in self.terms}
        return {
            "risk": round(self.score, 4),
            "level": self.level,
            "terms": terms,
            "text": str(self),
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a skill beside its contract.

    Attributes:
        learned: whether its policy was learned.
        signature: `own`, `trusted`, or another word of `trust.Standing`.
        least_success: the lower bound of its measured rate; None if it was never measured.
    """

    learned: bool = False
    signature: str = "unsigned"
    least_success: float | None = None


def prior(contract: Contract, standing: Standing, caps: Caps | None = None) -> Risk:
    """The static part: the risk of a skill before anything is asked of it."""
    asked = Term("failure", UNTRIED, "whatever it is asked")
    return _risk((*_prior_terms(contract, standing, caps or Caps()), asked))


def invocation_risk(
    call: Call,
    facts: Facts,
    standing: Standing,
    *,
    least_success: float | None = None,
    caps: Caps | None = None,
) -> Risk:
    """The risk of one call in one scene.

    `least_success` is the lower bound of the success that is predicted from this start; None where
    nothing is, which counts as `UNTRIED`.
    """
    terms = _prior_terms(call.contract, standing, caps or Caps())
    return _risk((*terms, *_call_terms(call, facts, least_success)))


def _risk(terms: Sequence[Term]) -> Risk:
    return Risk(tuple(sorted(terms, key=lambda term: -term.adds)))


def _prior_terms(contract: Contract, standing: Standing, caps: Caps) -> tuple[Term, ...]:
    limits, box = contract.limits, contract.limits.workspace
    speed = _share(limits.speed_m_s, caps.speed_m_s)
    force = 0.7 if limits.force_n is None else _share(limits.force_n, caps.force_n)
    force_told = "no limit of force" if limits.force_n is None else f"{limits.force_n:g} N"
    reach = 0.7 if box is None else _share(max(map(abs, (*box.low, *box.high))), caps.reach_m)
    more = [resource for resource in contract.resources if resource != "arm"]
    claims = 0.5 * bool(more) + 0.5 * (len(contract.resources) > 1 or "base" in more)
    least = standing.least_success
    success = "never measured" if least is None else f"succeeds in {100 * least:.0f} % at least"
    return (
        Term("speed", speed, f"up to {limits.speed_m_s:g} m/s"),
        Term("force", force, force_told),
        Term("workspace", reach, "no workspace" if box is None else "its workspace"),
        Term("resources", claims, f"claims {', '.join(contract.resources)}"),
        Term("learned", float(standing.learned), "learned" if standing.learned else "scripted"),
        Term(
            "signature", _SIGNATURES.get(standing.signature, 1.0), f"signature {standing.signature}"
        ),
        Term("evidence", 1.0 if least is None else 1.0 - least, success),
    )


def _call_terms(call: Call, facts: Facts, least_success: float | None) -> tuple[Term, ...]:
    delicate, what = _delicate(call, facts)
    unknown, texts = _unknown(call, facts)
    edge = _edge(call)
    failure = UNTRIED if least_success is None else 1.0 - least_success
    told = "nothing like it was tried" if least_success is None else "predicted from this start"
    return (
        Term("things", delicate, what),
        Term("unknown", unknown, f"not known: {', '.join(texts[:2])}" if texts else "all is known"),
        Term("arguments", edge, "numbers at the end of their range"),
        Term("failure", failure, told),
    )


def _delicate(call: Call, facts: Facts) -> tuple[float, str]:
    """How delicate what the call names is, or else what stands around."""
    named = {*call.objects, *(place.frame for place in _places(call))}
    worst, why = 0.0, "nothing delicate"
    for name, tags in facts.table.types.items():
        value = max((DELICATE.get(tag, 0.0) for tag in tags), default=0.0)
        value *= 1.0 if name in named else _BESIDE
        if value > worst:
            worst, why = value, f"{name} is {'touched' if name in named else 'near'}"
    return worst, why


def _places(call: Call) -> Sequence[Place]:
    return list(call.places.values())


def _unknown(call: Call, facts: Facts) -> tuple[float, list[str]]:
    """The share of what the call relies on that is not known now."""
    atoms = {
        atom
        for condition in (call.requires, call.holds)
        for atom in condition.ground(facts.table).atoms()
        if atom in facts
    }
    missing = sorted(str(atom) for atom in atoms if facts.value(atom) is None)
    return (len(missing) / len(atoms) if atoms else 0.0), missing


def _edge(call: Call) -> float:
    """How near the numbers of a call are to the ends of their ranges, the nearest one."""
    worst = 0.0
    for parameter in call.contract.parameters:
        if parameter.type == NUMBER and parameter.high > parameter.low:
            half = (parameter.high - parameter.low) / 2.0
            middle = parameter.low + half
            worst = max(worst, abs(call.numbers[parameter.name] - middle) / half)
    return min(max(2.0 * worst - 1.0, 0.0), 1.0)


def _share(value: float, most: float) -> float:
    return min(max(value / most, 0.0), 1.0)
