"""`kata library`: the skills that the robot knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kata.launch import build
from kata.launch.actions import dispatch, no_word, shown
from kata.launch.job import Done, Job


def run(job: Job) -> Done:
    """List, show, add or verify skills."""
    actions = {"list": _list, "show": _show, "add": _add, "verify": _verify}
    return dispatch(job, actions, needs={"show": "NAME", "add": "FOLDER"})


def _list(job: Job, word: str) -> Done:
    no_word(job, word)
    library = build.library(job.config.library)
    entries = library.list()
    lines = [f"{e.name:<12}{e.version:<9}{e.state:<11}{e.summary}" for e in entries]
    skills = [
        {"name": e.name, "version": e.version, "state": e.state, "identity": e.identity}
        for e in entries
    ]
    result = {"library": str(library.root), "skills": skills}
    broken = [folder.name for folder in library.unreadable()]
    lines += [f"{name:<21}broken: see kata library verify" for name in broken]
    result["unreadable"] = broken
    return Done(result, (f"library: {library.root}", *lines), "kata library show NAME")


def _add(job: Job, word: str) -> Done:
    """A package, or what `kata train` left: its verified package becomes a draft."""
    folder = Path(word).expanduser()
    if not (folder / "manifest.json").exists():
        inside = sorted(path.parent for path in folder.glob("*/manifest.json"))
        if len(inside) == 1:
            folder = inside[0]
    entry = build.library(job.config.library).add(folder, "draft", "added by hand")
    line = f"{entry} {entry.state}: {entry.summary}"
    result = {"name": entry.name, "version": entry.version, "identity": entry.identity}
    return Done(result, (line,), f"kata library show {entry}")


def _show(job: Job, word: str) -> Done:
    library = build.library(job.config.library)
    entry = library.show(word)
    skill = library.get(str(entry))
    contract = skill.contract
    records = [(r.kind, dict(r.data)) for r in library.records(entry)]
    told: dict[str, Any] = {
        **contract.to_data(),
        "policy": f"scripted expert {skill.scripted}" if skill.scripted else "learned",
        "identity": entry.identity,
        "folder": str(entry.folder),
    }
    lines = [f"{key + ':':<13}{shown(value)}" for key, value in told.items() if key != "format"]
    lines += [f"{kind + ':':<13}{shown(data)}" for kind, data in records]
    result = {"skill": told, "records": [{"kind": k, "data": d} for k, d in records]}
    return Done(result, tuple(lines), f"kata library verify {word}")


def _verify(job: Job, word: str) -> Done:
    library = build.library(job.config.library)
    findings = library.verify(word)
    broken = [f for f in findings if f.problem]
    lines = [
        f"{'broken' if f.problem else 'sound':<8}{f.folder.name} {f.problem}" for f in findings
    ]
    checked = [{"package": f.folder.name, "problem": f.problem} for f in findings]
    result = {"library": str(library.root), "sound": not broken, "packages": checked}
    then = "get or make the broken packages again" if broken else "kata library list"
    return Done(result, tuple(line.rstrip() for line in lines), then, code=1 if broken else 0)
