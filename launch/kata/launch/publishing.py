"""What `kata publish` is made of: the attempt, its trials, the ruling, and what is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, PackageError

from . import build
from .agents import Agent
from .configuration import Config
from .contests import Candidate, Contest, differing_terms
from .job import Done, Job
from .progress import percent
from .seeds import episode_seed
from .trials import Block

if TYPE_CHECKING:
    from kata.skills.contract.contract import Contract
    from kata.skills.evidence.attempts import Attempt, Conclusion
    from kata.skills.evidence.promotion import Ruling
    from kata.skills.library.library import Entry, Library

ATTEMPT = "attempt.json"
"""Which attempt a run's folder belongs to, so that it can be gone on with."""


def check_settings(config: Config) -> None:
    """Raise ConfigError or UnknownNameError for what can be refused before anything is read."""
    from kata.skills.evidence.promotion import Claim

    if config.override and not config.reason:
        raise ConfigError(
            "why?",
            where="kata publish override=true",
            expected="the reason, for its record",
            hint='kata publish skill=... override=true reason="the scene has changed"',
        )
    if config.reason and not config.override:
        Claim(config.reason)


def asked_entry(job: Job, library: Library) -> Entry:
    """The version that is to be promoted: of the folder's attempt, as asked, or the newest."""
    name, version = job.config.skill, job.config.version
    known = job.folder.read_json(ATTEMPT)
    version = known["version"] if known else version
    if version:
        return library.show(f"{name}@{version}")
    versions = [entry for entry in library.list() if entry.name == name]
    return versions[-1] if versions else library.show(name)


def begin(job: Job, library: Library, entry: Entry) -> Attempt:
    """The attempt of this folder, else a new one, recorded before its first trial.

    Whatever would keep the trials from being run is found before that. Raises PackageError for a
    package that cannot be used, SignatureError for records that are not sound, and more.
    """
    from kata.skills.evidence.attempts import find_attempt, open_attempt
    from kata.skills.evidence.software import software

    config, folder = job.config, job.folder
    known = folder.read_json(ATTEMPT)
    if known:
        return find_attempt(library, entry, known["record"])
    make_world = build.make_trial(config, entry.name, config.start)
    best = _best_of(library, entry)
    tried = [_candidate(library, each) for each in (entry, best) if each]
    Contest.of(make_world, tried, config.seed, 0).load_all()
    scene = build.scene(config, config.start)
    more = {"scene": scene, "reason": config.reason or "", "software": software()}

    def first_seed(serial: int) -> int:
        return episode_seed(config.seed, f"publish {entry.name} {serial}", 0)

    attempt = open_attempt(library, entry, config.trials, first_seed, more)
    folder.write_json(ATTEMPT, {"version": entry.version, "record": attempt.record.digest})
    return attempt


def _best_of(library: Library, entry: Entry) -> Entry | None:
    """The best version ever promoted beside this one, from the library.

    Raises SignatureError for records that are not sound, PackageError if it is not there.
    """
    from kata.skills.library.history import history

    past = history(library, entry.name)
    past.require_sound()
    best = past.best(but=entry.identity)
    return None if best is None else _there(library, entry.name, best.version, best.identity)


def _there(library: Library, name: str, version: str, identity: str) -> Entry:
    for entry in library.list():
        if entry.identity == identity:
            return entry
    raise PackageError(
        "the best version ever promoted is not in the library",
        where=str(library.root),
        expected=f"{name}@{version}, identity {identity[:12]}",
        hint="add its package again, or promote without a test: override=true reason=...",
    )


def candidates_of(library: Library, attempt: Attempt) -> tuple[Candidate, ...]:
    """The version, and the best one if there is one. Raises PackageError."""
    entries = [attempt.entry]
    if attempt.best:
        best = attempt.best
        entries.append(_there(library, attempt.entry.name, best.version, best.identity))
    return tuple(_candidate(library, entry) for entry in entries)


def _candidate(library: Library, entry: Entry) -> Candidate:
    """A version, its files verified. Raises PackageError."""
    agent = Agent(library.get(str(entry)).contract, entry.folder, trust=library.trust)
    return Candidate(str(entry), agent, entry.identity)


def contest_of(config: Config, candidates: Sequence[Candidate], attempt: Attempt) -> Contest:
    """The blind trials of an attempt."""
    make_world = build.make_trial(config, attempt.entry.name, config.start)
    return Contest.of(make_world, candidates, config.seed, attempt.first_seed)


def rule(
    config: Config,
    candidates: Sequence[Candidate],
    trials: Mapping[str, list[Block]],
    attempt: Attempt,
) -> tuple[Ruling, dict[str, Any]]:
    """What the rule says, and what was measured of the version."""
    from kata.skills.evidence.compare import rate_of
    from kata.skills.evidence.fidelity import fidelity_of
    from kata.skills.evidence.fidelity_records import FIELD
    from kata.skills.evidence.promotion import Claim, rule_on_first, rule_on_next

    new = trials[candidates[0].name]
    measured = {**build.provenance(config, config.start), **rate_of(new).to_data()}
    measured[FIELD] = fidelity_of(new).to_data()
    if len(candidates) == 1:
        return rule_on_first(rate_of(new), attempt.number), measured
    sizes = [_policy_bytes(each.agent.folder) for each in candidates]
    claim = Claim(config.reason, *sizes) if config.reason else None
    ruling = rule_on_next(new, trials[candidates[1].name], attempt.number, claim)
    differ = differing_terms(candidates)
    return ruling, {**measured, "contracts_differ": differ} if differ else measured


def rule_on_words(
    library: Library, attempt: Attempt, contract: Contract, ruling: Ruling, measured: Block
) -> Ruling:
    """The ruling, unless the contract lies by these trials and the version's evidence together."""
    from kata.skills.evidence.fidelity import Fidelity
    from kata.skills.evidence.fidelity_findings import findings
    from kata.skills.evidence.fidelity_records import FIELD, recorded_fidelity
    from kata.skills.evidence.promotion import rule_on_contract

    robot, own = str(measured["robot"]), attempt.record.digest
    counts = recorded_fidelity(library, attempt.entry, robot, but=own)
    counts += Fidelity.from_data(measured[FIELD])
    return rule_on_contract(ruling, findings(contract, counts))


def _policy_bytes(folder: Path | None) -> int:
    assert folder is not None
    return sum(path.stat().st_size for path in folder.glob("policy.*"))


def concluded(
    library: Library,
    attempt: Attempt,
    told: Conclusion,
    ruling: Ruling,
    trials: Mapping[str, list[Block]],
) -> Done:
    """How the attempt ended; exit code 1 if the version is not promoted."""
    from kata.skills.evidence.compare import rate_of

    entry = library.show(str(attempt.entry))
    rates = {name: rate_of(each).to_data() for name, each in trials.items()}
    best = f"{entry.name}@{attempt.best.version}" if attempt.best else None
    result = {
        **_of(entry, told.promoted, told.ground, told.text),
        "attempt": attempt.number,
        "alpha": attempt.record.data["alpha"],
        "seeds": list(attempt.record.data["seeds"]),
        **rates[str(entry)],
        "best": {"name": best, **rates[best]} if best else None,
        "tests": dict(ruling.tests),
    }
    lines = [
        f"{name:<14}{percent(rate)} of {rate['trials']} trials" for name, rate in rates.items()
    ]
    verdict = "is promoted" if told.promoted else "is not promoted"
    lines.append(f"{entry} {verdict}: {told.text}")
    against = f"against {best}" if best else "to be the first"
    lines.append(f"attempt {attempt.number} {against}, and so with {result['alpha']:.2g} of error")
    if not told.promoted:
        lines += _advice(attempt, list(trials.values()))
    return Done(result, tuple(lines), f"kata library show {entry}", code=0 if told.promoted else 1)


def _advice(attempt: Attempt, trials: Sequence[list[Block]]) -> list[str]:
    """What another attempt would need, as far as these trials tell."""
    from kata.skills.evidence.budget import attempt_alpha
    from kata.skills.evidence.compare import needed, pairs_of
    from kata.skills.evidence.promotion import trials_for_margin

    if len(trials) == 1:
        return []
    outcomes, coming = pairs_of(*trials), attempt.number + 1
    better = None
    if outcomes.difference > 0:
        better = needed(outcomes, 0.0, 0.8, attempt_alpha(coming))
    equal = trials_for_margin(outcomes, coming)
    told = {"to show that it is better": better, "to show that it is not worse": equal}
    return [f"about trials={n} would be needed {what}" for what, n in told.items() if n]


def overridden(library: Library, entry: Entry, reason: str) -> Done:
    """Promote without a test. Raises PackageError for a version below the one in use."""
    from kata.skills.evidence.attempts import override

    library.get(str(entry))
    entry = override(library, entry, reason)
    line = f"{entry} is promoted by override, without a test: {reason}"
    result = _of(entry, True, "override", reason)
    return Done(result, (line,), f"kata library show {entry}")


def _of(entry: Entry, promoted: bool, ground: str, text: str) -> dict[str, Any]:
    return {
        "skill": entry.name,
        "published": entry.version,
        "identity": entry.identity,
        "promoted": promoted,
        "ground": ground,
        "text": text,
    }
