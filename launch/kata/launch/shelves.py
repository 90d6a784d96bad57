"""What `kata library` tells: the list, one skill with its records, what is sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import build
from .actions import shown
from .job import Done, Job

if TYPE_CHECKING:
    from kata.skills.library.library import Finding
    from kata.skills.library.records import Record

_LONG = 80


def listed(job: Job, _word: str) -> Done:
    """Every version in a line."""
    library = build.library(job.config.library)
    entries, unreadable = library.survey()
    lines = [f"{e.name:<12}{e.version:<9}{e.state:<11}{e.summary}" for e in entries]
    lines += [f"{folder.name:<21}broken: see kata library verify" for folder in unreadable]
    skills = [
        {"name": e.name, "version": e.version, "state": e.state, "identity": e.identity}
        for e in entries
    ]
    result = {
        "library": str(library.root),
        "skills": skills,
        "unreadable": [folder.name for folder in unreadable],
    }
    return Done(result, (f"library: {library.root}", *lines), "kata library show NAME")


def shown_skill(job: Job, name: str) -> Done:
    """The contract of a version and every record about it, oldest first."""
    from kata.skills.contract.skill import read_settings

    library = build.library_of(job.config)
    entry = library.show(name)
    report = library.look(str(entry))
    settings = read_settings(entry.folder, report.files)
    expert = settings.get("name") if settings.get("kind") == "scripted" else None
    records = library.records(entry)
    told: dict[str, Any] = {
        **report.contract.to_data(),
        "policy": f"scripted expert {expert}" if expert else "learned",
        "signature": str(library.trust.judge(report)),
        "identity": entry.identity,
        "folder": str(entry.folder),
    }
    lines = [f"{key + ':':<13}{shown(value)}" for key, value in told.items() if key != "format"]
    lines += ["", f"state:       {entry.state}", *_record_lines(records)]
    result = {
        "skill": told,
        "state": entry.state,
        "records": [
            {"kind": r.kind, "by": r.by, "when": r.when, "data": dict(r.data)} for r in records
        ],
    }
    return Done(result, tuple(lines), f"kata library verify {name}")


def _record_lines(records: Sequence[Record]) -> Iterator[str]:
    """Each record in one line: when, what, and who said so."""
    scenes = {r.digest: dict(r.data.get("scene", {})) for r in records if r.kind == "attempt"}
    for record in records:
        when = record.when[:16].replace("T", " ") or "some time ago"
        by = f"key {record.by}" if record.by else "unsigned"
        yield f"  {when:<17} {_told(record, scenes)} ({by})"


def _where(scene: Mapping[str, Any]) -> str:
    """On which robot, and from which starts, as far as it is recorded."""
    told = [str(scene["robot"])] if "robot" in scene else []
    told += [f"start {scene['start']}"] if "start" in scene else []
    return "".join(f", {each}" for each in told)


def _told(record: Record, scenes: Mapping[str, Mapping[str, Any]]) -> str:
    data = record.data
    if record.kind == "state":
        promotion = dict(data.get("promotion", {}))
        by = ", by override" if promotion.get("ground") == "override" else ""
        where = _where(scenes.get(promotion.get("attempt", ""), {}))
        return f"{data.get('state')}{by}{where}: {data.get('reason')}"
    if record.kind == "attempt":
        trials = f"{data.get('seeds', [0, 0])[1]} trials{_where(scenes[record.digest])}"
        return f"attempt {data.get('attempt')} to be promoted: {trials}"
    if record.kind == "refusal":
        return f"not promoted: {data.get('text')}"
    if record.kind == "evidence" and "interval" in data:
        low, high = data["interval"]
        rate = f"{100 * data['rate']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        return f"measured: {rate} of {data.get('trials')} trials{_where(data)}"
    if record.kind == "descriptor":
        matters = ", ".join(dict(data.get("matters", {})).get("success", ())) or "nothing seen yet"
        return f"descriptor of {data.get('trials')} trials: success depends on {matters}"
    told = shown(dict(data))
    return f"{record.kind}: {told if len(told) <= _LONG else told[:_LONG] + ' ...'}"


def verified(job: Job, name: str) -> Done:
    """What is sound, what is not and why; exit code 1 where something is not."""
    library = build.library(job.config.library)
    findings = library.verify(name)
    broken = any(finding.problem for finding in findings)
    checked = [
        {"package": f.folder.name, "problem": f.problem, "unsigned": f.unsigned} for f in findings
    ]
    result = {"library": str(library.root), "sound": not broken, "packages": checked}
    then = "get or make the broken packages again; what a broken record says does not count"
    lines = tuple(map(_finding_line, findings))
    return Done(result, lines, then if broken else "kata library list", code=1 if broken else 0)


def _finding_line(finding: Finding) -> str:
    name = finding.folder.name
    if finding.problem:
        return f"broken  {name} {finding.problem}"
    if finding.unsigned:
        return f"sound   {name} {finding.unsigned} unsigned records, which are no proof"
    return f"sound   {name}"
