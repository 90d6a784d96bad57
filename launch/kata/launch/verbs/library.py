"""`kata library`: the skills that the robot knows."""

from __future__ import annotations

from kata.datasets.types import ConfigError
from kata.launch import build
from kata.launch.actions import dispatch, no_word
from kata.launch.exporting import exported, package_folder
from kata.launch.job import Done, Job
from kata.launch.shelves import listed, shown_skill, verified


def run(job: Job) -> Done:
    """List, show, add, verify, roll back or export skills."""
    actions = {"list": _list, "show": _show, "add": _add, "verify": _verify}
    actions |= {"rollback": _rollback, "export": exported}
    needs = {"show": "NAME", "add": "FOLDER", "rollback": "NAME", "export": "NAME"}
    return dispatch(job, actions, needs=needs)


def _list(job: Job, word: str) -> Done:
    no_word(job, word)
    return listed(build.library(job.config.library))


def _add(job: Job, word: str) -> Done:
    """A package, or what `kata train` left: its verified package becomes a draft."""
    entry = build.library(job.config.library).add(package_folder(word), "draft", "added by hand")
    line = f"{entry} {entry.state}: {entry.summary}"
    result = {"name": entry.name, "version": entry.version, "identity": entry.identity}
    return Done(result, (line,), f"kata library show {entry}")


def _show(job: Job, word: str) -> Done:
    return shown_skill(build.library(job.config.library), word)


def _verify(job: Job, word: str) -> Done:
    return verified(build.library(job.config.library), word)


def _rollback(job: Job, word: str) -> Done:
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
