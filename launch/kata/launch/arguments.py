"""What was typed: the verb, its raw words, then overrides for Hydra.

Nothing here imports Hydra, so that `kata --help` answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .keys import VerbKeys

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_][\w./@-]*=.*", re.DOTALL)
_FLAGS = {"-h": "help", "--help": "help", "-m": "multirun", "--multirun": "multirun"}


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command line, split.

    Attributes:
        words: what came before the first override, untouched.
        overrides: `key=value` in Hydra's grammar.
    """

    words: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    help: bool = False
    multirun: bool = False


def override_key(argument: str) -> str:
    """The key of `key=value`, without Hydra's `+` and `~`; empty for anything else."""
    if not _OVERRIDE.fullmatch(argument):
        return ""
    return argument.split("=", 1)[0].lstrip("+~")


def split(arguments: Sequence[str], keys: VerbKeys) -> Arguments:
    """Split what follows the verb.

    The first argument is words unless it is a flag or sets a key that the verb has, so that a
    sentence may hold anything; later ones are words until the first `key=value`. After `--` the
    next argument is words whatever it looks like. Raises ConfigError for words that come late.
    """
    words: list[str] = []
    overrides: list[str] = []
    flags: set[str] = set()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            _check_place(rest[:1], overrides, keys)
            words += rest[:1]
            del rest[:1]
        elif argument in _FLAGS:
            flags.add(_FLAGS[argument])
        elif argument.startswith("-") and not _is_first_sentence(argument, words, keys):
            raise _unknown_flag(argument, keys)
        elif _is_word(argument, first=not words and not overrides, keys=keys):
            _check_place([argument], overrides, keys)
            words.append(argument)
        else:
            overrides.append(argument)
    return Arguments(tuple(words), tuple(overrides), "help" in flags, "multirun" in flags)


def _is_word(argument: str, *, first: bool, keys: VerbKeys) -> bool:
    key = override_key(argument)
    if not key:
        return True
    # A sentence may hold an equals sign; a verb without a sentence takes it as a key, and says
    # which keys there are.
    return first and keys.words == "text" and not keys.knows(key)


def _is_first_sentence(argument: str, words: list[str], keys: VerbKeys) -> bool:
    return not words and keys.words == "text" and " " in argument.strip()


def _check_place(words: Sequence[str], overrides: list[str], keys: VerbKeys) -> None:
    from kata.datasets.types.errors import ConfigError

    if not words:
        return
    if not keys.words:
        raise ConfigError(
            f"'kata {keys.verb}' takes no words",
            expected="key=value",
            got=repr(words[0]),
            hint=f"kata {keys.verb} --help lists the keys",
        )
    if overrides:
        raise ConfigError(
            "words after a key=value",
            where=f"kata {keys.verb}",
            expected=f"kata {keys.verb} {keys.usage} key=value ...",
            got=repr(words[0]),
            hint="put the words first, in quotes",
        )


def _unknown_flag(flag: str, keys: VerbKeys) -> Exception:
    from kata.datasets.types.errors import ConfigError

    name = flag.lstrip("-").split("=")[0].replace("-", "_")
    hint = f"kata {keys.verb} --help lists the keys"
    if keys.knows(name):
        hint = f"write {name}=VALUE, without dashes"
    return ConfigError(
        f"unknown flag '{flag}'",
        where=f"kata {keys.verb}",
        expected="--help, --multirun or key=value",
        hint=hint,
    )
