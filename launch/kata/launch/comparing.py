"""What `kata compare` takes and tells: two candidates, or several."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError

from .configuration import Config
from .contests import EXPERT, Candidate, differing_terms
from .job import Done
from .progress import percent
from .trials import Block

if TYPE_CHECKING:
    from kata.skills.evidence.compare import PairComparison
    from kata.skills.evidence.paired_measure import PairedMeasure

Trials = Mapping[str, list[Block]]
"""Of each candidate, by name."""

_SHOWN = {
    "duration_s": ("time", "s"),
    "path_m": ("path", "m"),
    "peak_jerk": ("peak jerk", "rad/s3"),
    "limits_hit": ("at limits", "periods"),
}


def asked_candidates(config: Config) -> tuple[str, ...]:
    """The names that were given. Raises ConfigError for less than two, or both ways at once."""
    pair = [config.a, config.b]
    if config.candidates and any(pair):
        raise ConfigError(
            "a and b, and candidates too",
            where="kata compare",
            expected="a=... b=..., or candidates=[...]",
        )
    names = [str(name) for name in (config.candidates or pair) if name is not None]
    if len(names) < 2:
        raise ConfigError(
            "two candidates are needed",
            where="kata compare",
            expected="a=... b=..., or candidates=[...]",
            got=", ".join(names) or "none",
            hint="kata compare a=pick@0.1.0 b=learned",
        )
    return tuple(names)


def check_settings(config: Config, names: Sequence[str]) -> None:
    """Raise ConfigError for numbers that mean nothing, before any trial is run."""
    if config.trials < 1:
        raise ConfigError("no trials", where="trials", expected="1 or more", got=str(config.trials))
    for key in ("alpha", "power"):
        if not 0 < config[key] < 1:
            expected, got = "between 0 and 1", str(config[key])
            raise ConfigError(f"not a {key}", where=key, expected=expected, got=got)
    if not 0 <= config.gap < 1:
        raise ConfigError(
            "an impossible gap", where="gap", expected="0 to 1, as in 0.05", got=str(config.gap)
        )
    if config.sequential and len(names) != 2:
        raise ConfigError(
            "stopping early works for two candidates",
            where="sequential",
            expected="a=... b=...",
            got=f"{len(names)} candidates",
        )


def paired_result(config: Config, candidates: Sequence[Candidate], trials: Trials) -> Done:
    """Two candidates: the difference, how sure it is, and what it costs."""
    from kata.skills.evidence.compare import compare_pair, compare_sequentially, needed

    a, b = trials.values()
    found = (
        compare_sequentially(a, b, config.alpha, config.trials) if config.sequential else None
    ) or compare_pair(a, b, config.alpha)
    used = found.outcomes.trials
    told = [_told(each, trials[each.name][:used]) for each in candidates]
    more = needed(found.outcomes, config.gap, config.power, config.alpha)
    differ = differing_terms(candidates)
    result = {
        "skill": candidates[0].agent.contract.name,
        "a": told[0],
        "b": told[1],
        **found.to_data(),
        "test": "sequential" if config.sequential else "mcnemar",
        "needed": {"gap": config.gap, "power": config.power, "trials": more},
        "contracts_differ": differ,
    }
    lines = [_rate_line(code, each) for code, each in zip("ab", told, strict=True)]
    lines += [_difference_line(found), *map(_measure_line, found.measures)]
    lines += _needed_lines(config, found, more) + _differ_lines(differ)
    if config.sequential:
        stopped = f"stopped after {used} of {config.trials} trials"
        decided = found.decision != "undecided"
        lines.append(stopped if decided else f"no decision after all {used} trials")
    return Done(result, tuple(lines), _then(candidates, found.decision))


def ranked_result(config: Config, candidates: Sequence[Candidate], trials: Trials) -> Done:
    """Several candidates: each against each, and letters for those that were not told apart."""
    from kata.skills.evidence.compare import rank

    ranking = rank(trials, config.alpha)
    by_name = {each.name: each for each in candidates}
    differ = differing_terms(candidates)
    told = {
        name: {**_told(by_name[name], trials[name]), "letters": ranking.letters[name]}
        for name in ranking.order
    }
    result = {
        "skill": candidates[0].agent.contract.name,
        "candidates": list(told.values()),
        "pairs": [{"a": a, "b": b, **pair.to_data()} for (a, b), pair in ranking.pairs.items()],
        "letters": dict(ranking.letters),
        "decision": ranking.decision,
        "trials": config.trials,
        "alpha": config.alpha,
        "contracts_differ": differ,
    }
    lines = [f"{block['letters']:<4}{_rate_line(name, block)}" for name, block in told.items()]
    lines.append("who shares a letter was not told apart")
    lines += _differ_lines(differ)
    return Done(result, tuple(lines), "kata library list")


def with_fidelity(done: Done, candidates: Sequence[Candidate], trials: Trials) -> Done:
    """The same, with what the trials say about the contract of each package, by identity."""
    from kata.skills.evidence.fidelity import fidelity_of
    from kata.skills.evidence.fidelity_records import FIELD

    found = {
        each.identity: fidelity_of(trials[each.name]).to_data()
        for each in candidates
        if each.identity
    }
    return replace(done, result={**done.result, FIELD: found})


def _told(candidate: Candidate, trials: Sequence[Block]) -> Block:
    """A candidate and its rate."""
    from kata.skills.evidence.compare import rate_of

    rate = rate_of(trials).to_data()
    return {"name": candidate.name, "identity": candidate.identity, **rate}


def _rate_line(label: str, block: Mapping[str, Any]) -> str:
    name = "" if label == block["name"] else f"  {block['name']}"
    return f"{label:<10} {percent(block)} of {block['trials']} trials{name}"


def _difference_line(found: PairComparison) -> str:
    data = found.to_data()
    low, high = data["interval"]
    points = f"{100 * data['difference']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    verdict = "not told apart" if found.decision == "undecided" else f"{found.decision} is better"
    return f"difference {points}, p = {found.p_value:.2g}: {verdict}"


def _measure_line(found: PairedMeasure) -> str:
    name, unit = _SHOWN[found.name]
    who = found.lower(0.05)
    verdict = f"less with {who}" if who else "no difference seen"
    seen = f"{found.median_a:.4g} against {found.median_b:.4g} {unit}"
    reach = f"{found.difference:+.3g} ({found.low:+.3g} to {found.high:+.3g})"
    return f"{name:<10} {seen}, {reach}: {verdict}"


def _needed_lines(config: Config, found: PairComparison, more: int | None) -> list[str]:
    if more is None:
        return []
    gap = config.gap or abs(found.outcomes.difference)
    chance = f"{100 * config.power:.0f} %"
    return [f"needed     {more} trials to find {100 * gap:.1f} points with a chance of {chance}"]


def _differ_lines(differ: Sequence[str]) -> list[str]:
    return [f"mind that their contracts differ: {', '.join(differ)}"] if differ else []


def _then(candidates: Sequence[Candidate], decision: str) -> str:
    """To publish who won, or to bring it into the library first."""
    skill = candidates[0].agent.contract.name
    if decision not in ("a", "b") or candidates["ab".index(decision)].name == EXPERT:
        return f"kata evaluate skill={skill}"
    best = candidates["ab".index(decision)]
    if best.name == f"{skill}@{best.agent.contract.version}":
        return f"kata publish skill={skill} version={best.agent.contract.version}"
    return shlex.join(["kata", "library", "add", best.name])
