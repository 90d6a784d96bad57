"""Verbs whose first word says what to do, as in `kata library show pick`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kata.datasets.types import ConfigError, UnknownNameError

from .job import Done, Job
from .keys import verb_keys

Action = Callable[[Job, str], Done]
"""Gets the job and its one further word, empty if there is none."""


def shown(value: object) -> str:
    """A value of a result in one line, for a person."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items()) or "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def dispatch(job: Job, actions: Mapping[str, Action]) -> Done:
    """Run the action that the first word names; the verb's file says what further word it takes.

    Raises UnknownNameError for another action, ConfigError for missing or surplus words.
    """
    words, verb = list(job.config.words), job.config.verb
    if not words:
        raise ConfigError(
            "what to do?",
            where=f"kata {verb}",
            expected=" | ".join(actions),
            hint=f"kata {verb} -h",
        )
    name, *rest = words
    if name not in actions:
        raise UnknownNameError("action", name, actions, where=f"kata {verb}")
    return actions[name](job, _word(verb, name, rest))


def act(job: Job, actions: Mapping[str, Action], otherwise: Callable[[Job], Done]) -> Done:
    """The action that a text begins with, as in `kata plan export TEXT`; without one, `otherwise`.

    Raises ConfigError for missing or surplus words.
    """
    name = str(job.config.get("action", ""))
    if not name:
        return otherwise(job)
    rest = [job.config.text] if job.config.text else []
    return actions[name](job, _word(job.config.verb, name, rest))


def _word(verb: str, name: str, rest: Sequence[str]) -> str:
    """What follows an action, checked."""
    taken = next(action.word for action in verb_keys(verb).actions if action.name == name)
    where = f"kata {verb} {name}"
    if taken and not taken.startswith("[") and not rest:
        raise ConfigError(
            f"{taken.removesuffix('...')} is missing", where=where, expected=f"{where} {taken}"
        )
    if len(rest) > bool(taken) and "..." not in taken:
        raise ConfigError(
            "too many words",
            where=where,
            expected="one at most" if taken else "none",
            got=" ".join(rest),
        )
    return " ".join(rest)
