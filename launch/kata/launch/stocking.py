"""What `kata library` changes: packages that come in and go out, and which version is used."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError

from . import build
from .exporting import package_folder
from .job import Done, Job
from .origins import told_of_training

if TYPE_CHECKING:
    from kata.skills.library.library import Entry, Library


def added(job: Job, word: str) -> Done:
    """A package, or what `kata train` left: its verified package becomes a draft."""
    package = package_folder(word)
    told = told_of_training(Path(word).expanduser(), package)
    library = build.library(job.config.library)
    entry = library.add(package, "draft", "added by hand", told)
    line = f"{entry} {entry.state}: {entry.summary}"
    return Done(_of(entry), (line,), f"kata library show {entry}")


def installed(job: Job, word: str) -> Done:
    """The package of a source, fetched, verified and audited, becomes a draft."""
    from kata.skills.library.sources.install import install

    done = install(build.library(job.config.library), word)
    entry, what = done.entry, "is installed" if done.new else "was there already"
    lines = [f"{entry} {what}: {entry.summary}", f"source:   {done.source}"]
    lines += [f"revision: {done.revision}"] if done.revision else []
    more = {"source": str(done.source), "revision": done.revision, "new": done.new}
    return Done({**_of(entry), **more}, tuple(lines), f"kata library audit {entry}")


def packed(job: Job, word: str) -> Done:
    """A version as an archive, for others."""
    from kata.skills.library.sources.packing import pack

    target = _given(job, "to", f"kata library pack {word}", "FILE.zip or FILE.tar.gz")
    library = build.library(job.config.library)
    entry = library.show(word)
    path = Path(target).expanduser()
    digest = pack(entry.folder, library.look(str(entry)), path)
    result = {**_of(entry), "file": str(path), "sha256": digest}
    then = f"kata library install {shlex.quote(str(path))}"
    return Done(result, (f"{entry}: {path}", f"sha-256: {digest}"), then)


def retired(job: Job, word: str) -> Done:
    """A version is no longer used, with the reason in the record."""
    library = build.library(job.config.library)
    entry = library.show(word)
    reason = _reason(job, f"kata library retire {word}", "it drops the cube")
    entry = library.set_state(entry, "retired", reason)
    return _changed(library, entry, f"{entry} is retired: {reason}")


def restored(job: Job, word: str) -> Done:
    """A retired version is a candidate again, with the reason in the record."""
    library = build.library(job.config.library)
    entry = library.show(word)
    reason = _reason(job, f"kata library restore {word}", "the gripper was at fault")
    entry = library.set_state(entry, "candidate", reason)
    return _changed(library, entry, f"{entry} is a candidate again: {reason}")


def rolled_back(job: Job, word: str) -> Done:
    """Back to the version promoted before, with the reason in the record."""
    reason = _reason(job, f"kata library rollback {word}", "it drops the cube")
    library = build.library(job.config.library)
    back, last = library.roll_back(word, reason)
    line = f"{back} is in use again; {last} is retired: {reason}"
    pin = library.pins().get(word)
    lines = (line, *([f"{pin} stays pinned, and is used"] if pin else []))
    result = {"name": back.name, "version": back.version, "retired": last.version}
    return Done(result, lines, f"kata library show {last}")


def pinned(job: Job, word: str) -> Done:
    """A version is used from now on, whatever is promoted."""
    library = build.library(job.config.library)
    pin = library.pin(word, job.config.reason or "")
    result = {"name": pin.name, "version": pin.version, "identity": pin.identity}
    line = f"{pin} is used from now on, whatever is promoted"
    return Done(result, (line,), f"kata library unpin {pin.name}")


def unpinned(job: Job, word: str) -> Done:
    """The version that is promoted is used again."""
    library = build.library(job.config.library)
    pin = library.unpin(word, job.config.reason or "")
    entry = library.best(word)
    result = {"name": pin.name, "unpinned": pin.version, "version": entry.version}
    line = f"{pin} is no longer pinned; {entry} is used"
    return Done(result, (line,), f"kata library show {entry}")


def reindexed(job: Job, _word: str) -> Done:
    """The index made anew from the files, and what killed processes have left removed."""
    library = build.library(job.config.library)
    swept = library.sweep()
    entries, unreadable = library.index.rebuild()
    result = {"versions": len(entries), "unreadable": len(unreadable), "swept": swept}
    line = f"{len(entries)} versions: {library.index.path}"
    left = (f"{swept} half-made folders of killed processes removed",) if swept else ()
    return Done(result, (line, *left), "kata library list")


def _of(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "version": entry.version, "identity": entry.identity}


def _changed(library: Library, entry: Entry, line: str) -> Done:
    """What became of a version, and which one is used now."""
    from kata.datasets.types import PackageError

    try:
        used = library.best(entry.name)
    except PackageError:
        then = f'kata library restore {entry} reason="..."'
        return Done({**_of(entry), "state": entry.state, "used": None}, (line,), then)
    lines = (line, f"{used} is used")
    result = {**_of(entry), "state": entry.state, "used": used.version}
    return Done(result, lines, f"kata library show {entry}")


def _reason(job: Job, where: str, example: str) -> str:
    """The reason that was given. Raises ConfigError without one."""
    return _given(job, "reason", where, "why, for its record", f'{where} reason="{example}"')


def _given(job: Job, key: str, where: str, expected: str, hint: str = "") -> str:
    config: Mapping[str, Any] = job.config
    if not config[key]:
        what = "why?" if key == "reason" else f"{key} is missing"
        hint = hint or f"{where} {key}={expected.split(maxsplit=1)[0]}"
        raise ConfigError(what, where=where, expected=expected, hint=hint)
    return str(config[key])
