"""What `kata library` tells: the list, one skill with its records, what is sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import build
from .actions import shown
from .job import Done, Job

if TYPE_CHECKING:
    from kata.skills.library.library import Finding, Library
    from kata.skills.library.records import Record
    from kata.skills.library.trust import Verdict

_LONG = 80


def listed(job: Job, _word: str) -> Done:
    """Every version in a line."""
    library = build.library(job.config.library)
    entries, unreadable = library.survey()
    pins = {pin.identity for pin in library.pins().values()}
    lines = [
        f"{e.name:<12}{e.version:<9}{e.state + '*' * (e.identity in pins):<11}{e.summary}"
        for e in entries
    ]
    lines += ["* pinned: used whatever is promoted"] if pins else []
    lines += [f"{folder.name:<21}broken: see kata library verify" for folder in unreadable]
    skills = [
        {
            "name": e.name,
            "version": e.version,
            "state": e.state,
            "identity": e.identity,
            "pinned": e.identity in pins,
        }
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
    pin = library.pins().get(entry.name)
    lines += ["", f"state:       {entry.state}"]
    lines += [f"pinned:      {pin}{': ' * bool(pin.reason)}{pin.reason}"] if pin else []
    lines += _record_lines(records)
    result = {
        "skill": told,
        "state": entry.state,
        "pinned": pin.version if pin else None,
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
    if record.kind == "source":
        return f"from {data.get('source')} {str(data.get('revision', ''))[:12]}".rstrip()
    if record.kind == "training":
        dataset = str(data.get("dataset"))[:12]
        return f"trained by {data.get('code')} on dataset {dataset}, {data.get('steps')} steps"
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
    library = build.library_of(job.config)
    findings = library.verify(name)
    standing = {f.folder: _standing(library, f) for f in findings}
    broken = any(f.problem or _is_forged(standing[f.folder]) for f in findings)
    checked = [
        {
            "package": f.folder.name,
            "problem": f.problem,
            "unsigned": f.unsigned,
            **_signature(standing[f.folder]),
        }
        for f in findings
    ]
    result = {"library": str(library.root), "sound": not broken, "packages": checked}
    then = "get or make the broken packages again; what a broken record says does not count"
    lines = tuple(_finding_line(each, standing[each.folder]) for each in findings)
    return Done(result, lines, then if broken else "kata library list", code=1 if broken else 0)


def _standing(library: Library, finding: Finding) -> Verdict | None:
    """What the signature of a sound package is worth; None for one that is not, or records."""
    from kata.skills.contract.package import verify

    if finding.problem or finding.folder.parent == library.record_root:
        return None
    return library.trust.judge(verify(finding.folder))


def _is_forged(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.standing == "forged"


def _signature(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {"signature": None, "signer": "", "loads": False}
    return {"signature": verdict.standing, "signer": verdict.signer, "loads": verdict.admitted}


def _finding_line(finding: Finding, verdict: Verdict | None) -> str:
    name = finding.folder.name
    if finding.problem:
        return f"broken  {name} {finding.problem}"
    if verdict and verdict.standing == "forged":
        return f"broken  {name} {verdict}"
    told = [str(verdict)] if verdict else []
    if verdict and not verdict.admitted:
        told.append(f"so it does not load (kata library sign {name.replace('-', '@', 1)})")
    if finding.unsigned:
        told.append(f"{finding.unsigned} unsigned records, which are no proof")
    return f"sound   {name} {'; '.join(told)}".rstrip()
