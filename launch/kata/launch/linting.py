"""`kata library lint`: whether contracts say what happens, by the executions that were recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError

from . import build
from .agents import Agent
from .job import Done, Job
from .trials import Block
from .workspace import RESULT, RunFolder

if TYPE_CHECKING:
    from kata.skills.evidence.fidelity import Fidelity
    from kata.skills.evidence.fidelity_findings import Finding
    from kata.skills.library.library import Entry, Library

_SHOWN = 12


def linted(job: Job, word: str) -> Done:
    """The findings about every version, one skill, or one version; exit code 1 where one lies.

    No package is loaded, so whose it is does not matter; one that is unsound is left out and told.
    Raises UnknownNameError, PackageError or ContractError where no other is left, ConfigError for a
    folder that is no run's.
    """
    from kata.skills.evidence.fidelity_findings import findings, lies
    from kata.skills.library.choosing import sound_of

    library = build.library_of(job.config)
    entries = _asked(library, word)
    count = _counter(library, job.config.runs)
    counted = sound_of(
        entries, entries, lambda entry: (entry, count(entry), library.look(str(entry)).contract)
    )
    told: list[dict[str, Any]] = []
    lines: list[str] = []
    for entry, counts, contract in counted:
        found = findings(contract, counts) if counts.executions else ()
        verdict = "unknown" if not counts.executions else "lies" if lies(found) else "true"
        told.append(
            {
                "name": entry.name,
                "version": entry.version,
                "identity": entry.identity,
                "verdict": verdict,
                "executions": counts.executions,
                "failures": counts.failures.to_data(),
                "findings": [each.to_data() for each in found],
            }
        )
        lines += _lines(entry, verdict, counts, found)
    liars = [each["name"] for each in told if each["verdict"] == "lies"]
    result = {"library": str(library.root), "true": not liars, "skills": told}
    unknown = next((each["name"] for each in told if each["verdict"] == "unknown"), "")
    then = f"kata evaluate policy=library skill={unknown}" if unknown else "kata library list"
    if liars:
        then = "mend the contract as proposed, raise its version, and evaluate it again"
    return Done(result, tuple(lines), then, code=1 if liars else 0)


def _asked(library: Library, word: str) -> list[Entry]:
    if not word:
        return list(library.list())
    if "@" in word:
        return [library.show(word)]
    found = [entry for entry in library.list() if entry.name == word]
    return found or [library.show(word)]


def _counter(library: Library, runs: Any) -> Callable[[Entry], Fidelity]:
    """What counts a version: in the library's evidence, or in these runs alone."""
    from kata.skills.evidence.fidelity import Fidelity
    from kata.skills.evidence.fidelity_records import recorded_fidelity

    if not runs:
        return lambda entry: recorded_fidelity(library, entry)
    folders = [runs] if isinstance(runs, str) else list(runs)
    by_identity: dict[str, Fidelity] = {}
    for folder in folders:
        for identity, data in _of_run(Path(str(folder)).expanduser()).items():
            known = by_identity.get(identity, Fidelity())
            by_identity[identity] = known + Fidelity.from_data(data)
    return lambda entry: by_identity.get(entry.identity, Fidelity())


def _of_run(folder: Path) -> Mapping[str, Any]:
    from kata.skills.evidence.fidelity_records import FIELD

    result = RunFolder(folder).read_json(RESULT) if folder.is_dir() else None
    if not result or FIELD not in result:
        raise ConfigError(
            "nothing there tells of executions",
            where=f"runs={folder}",
            expected="the folder of a kata evaluate, compare, publish or run",
        )
    found: Mapping[str, Any] = result[FIELD]
    return found


def fidelity_of_runs(agents: Sequence[Agent], episodes: Iterable[Block]) -> dict[str, Any]:
    """What the runs of sentences say about each package that they used, by identity.

    A log names calls without their version, so it says nothing about skills that came in two.
    """
    from kata.skills.evidence.fidelity import Fidelity
    from kata.skills.evidence.fidelity_records import FIELD
    from kata.skills.evidence.witness import Witness

    versions = Counter(agent.contract.name for agent in agents)
    single = [agent for agent in agents if versions[agent.contract.name] == 1]
    found: dict[str, list[Witness]] = {name: [] for name in versions}
    for data in (witness for run in episodes for witness in run.get("witnesses", ())):
        witness = Witness.from_data(data)
        found[witness.call.partition("(")[0]].append(witness)
    by_identity = {agent.identity: found[agent.contract.name] for agent in single}
    counted = {key: Fidelity.of(told).to_data() for key, told in by_identity.items() if told}
    return {FIELD: counted}


def _lines(entry: Entry, verdict: str, counts: Fidelity, found: Sequence[Finding]) -> list[str]:
    if verdict == "unknown":
        return [f"{entry!s:<18} not known: no execution of it was recorded"]
    head = f"{entry!s:<18} {verdict}: {counts.executions} executions, "
    head += f"{counts.failed} of {counts.required} failed although requires held"
    return [head, *(line for each in found[:_SHOWN] for line in _finding(each))]


def _finding(found: Finding) -> list[str]:
    low, high = 100 * found.rate.low, 100 * found.rate.high
    rate = f"{100 * found.rate.rate:.1f} % ({low:.1f} to {high:.1f}) of {found.rate.trials}"
    lines = [f"  {found.level}  {found.kind:<9}{found.subject}: {found.text}; {rate}"]
    return lines + ([f"        proposal: {found.proposal}"] if found.proposal else [])
