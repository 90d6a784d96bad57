"""What `kata library` changes: packages that come in, and which version is used."""

from __future__ import annotations

from kata.datasets.types import ConfigError

from . import build
from .exporting import package_folder
from .job import Done, Job


def added(job: Job, word: str) -> Done:
    """A package, or what `kata train` left: its verified package becomes a draft."""
    entry = build.library(job.config.library).add(package_folder(word), "draft", "added by hand")
    line = f"{entry} {entry.state}: {entry.summary}"
    result = {"name": entry.name, "version": entry.version, "identity": entry.identity}
    return Done(result, (line,), f"kata library show {entry}")


def rolled_back(job: Job, word: str) -> Done:
    """Back to the version promoted before, with the reason in the record."""
    if not job.config.reason:
        raise ConfigError(
            "why?",
            where=f"kata library rollback {word}",
            expected="what is wrong with the version in use, for its record",
            hint=f'kata library rollback {word} reason="it drops the cube"',
        )
    back, last = build.library(job.config.library).roll_back(word, job.config.reason)
    line = f"{back} is in use again; {last} is retired: {job.config.reason}"
    result = {"name": back.name, "version": back.version, "retired": last.version}
    return Done(result, (line,), f"kata library show {last}")
