"""Verbs whose first word says what to do, as in `kata library show pick`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kata.datasets.types import ConfigError, UnknownNameError

from .job import Done, Job

Action = Callable[[Job, str], Done]
"""Gets the job and its one further word, empty if there is none."""


def no_word(job: Job, word: str) -> None:
    """Raise ConfigError where an action got a second word that it has no use for."""
    if word:
        where = f"kata {job.config.verb} {job.config.words[0]}"
        raise ConfigError("too many words", where=where, got=word)


def shown(value: object) -> str:
    """A value of a result in one line, for a person."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items()) or "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def dispatch(job: Job, actions: Mapping[str, Action], needs: Mapping[str, str]) -> Done:
    """Run the action that the first word names.

    `needs` gives the actions that must have a second word, and what that word is. Raises
    UnknownNameError for another action, ConfigError for missing or surplus words.
    """
    words = list(job.config.words)
    verb = job.config.verb
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
    if name in needs and not rest:
        raise ConfigError(
            f"{needs[name]} is missing",
            where=f"kata {verb} {name}",
            expected=f"kata {verb} {name} {needs[name]}",
        )
    if len(rest) > 1:
        raise ConfigError(
            "too many words",
            where=f"kata {verb} {name}",
            expected="one at most",
            got=" ".join(rest),
        )
    return actions[name](job, rest[0] if rest else "")
