"""The keys of every verb, read from the comments of `configs/`: one source for help and checks.

A verb's file begins with `# @package _global_`, one line that says what the verb does, and, if it
takes words, a line `# words: text | names, shown as USAGE`; a verb of several actions says each in
a line `#   ACTION WORD  what it does`. Each key stands on a line of its own with its default and,
after `#`, its meaning. Plain text is read instead of YAML, because the help must answer at once;
the errors, which bring numpy, are imported where one is raised.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REQUIRED = "???"
"""The default of a key that must be given."""

_KEY = re.compile(r"^(?P<name>[a-z_]\w*):\s*(?P<value>.*?)\s*(?:#\s*(?P<help>.*))?$")
_DEFAULT = re.compile(r"^  - /?(?P<group>[a-z_/]+):\s*(?P<option>\S+)\s*(?:#\s*(?P<help>.*))?$")
_ACTION = re.compile(r"^#   (?P<name>[a-z]+)(?: (?P<word>[^ a-z]+))?  +(?P<help>.+)$")
_WORDS = re.compile(r"^# words: (?P<kind>text|names), shown as (?P<usage>.+)$")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: default as written, meaning, and for a group its options and the keys in it."""

    name: str
    default: str
    help: str
    options: tuple[str, ...] = ()
    inner: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionKey:
    """What the first word of a verb may be, as in `kata library show NAME`.

    Attributes:
        word: what the second word is, such as `NAME`; `[NAME]` may be left out, `TEXT...` is all
            further words, and without any there is none.
    """

    name: str
    word: str
    help: str

    def __str__(self) -> str:
        return f"{self.name} {self.word}".strip()


@dataclass(frozen=True, slots=True)
class VerbKeys:
    """A verb: what it does, the words it takes (`text`, `names` or none), its actions and keys."""

    verb: str
    summary: str
    words: str
    usage: str
    keys: tuple[Key, ...]
    actions: tuple[ActionKey, ...] = ()

    def knows(self, name: str) -> bool:
        """Whether `name`, or the key it is inside of, is a key of this verb."""
        top = name.split(".", maxsplit=1)[0]
        return any(key.name == top for key in self.keys)

    def key(self, name: str) -> Key:
        """The key of that name. Raises UnknownNameError."""
        for key in self.keys:
            if key.name == name:
                return key
        where = f"kata {self.verb}"
        from kata.datasets.types.errors import UnknownNameError

        raise UnknownNameError("key", name, [key.name for key in self.keys], where=where)


def kata_home() -> Path:
    """Folder of the user's library, robots and configuration: `KATA_HOME` or the data folder."""
    if home := os.environ.get("KATA_HOME"):
        return Path(home).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("kata", appauthor=False))


@functools.cache
def config_root() -> Path:
    """Folder of the YAML: inside the wheel beside the areas, in a checkout at the top."""
    inside = Path(__file__).parents[1] / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "configs"


def options(group: str) -> tuple[str, ...]:
    """Names of the files of a group, such as `diffusion` and `lerobot/act`."""
    folder = config_root() / group
    files = (path.relative_to(folder) for path in folder.rglob("*.yaml"))
    return tuple(sorted(path.with_suffix("").as_posix() for path in files))


def verbs() -> tuple[str, ...]:
    """All verbs there are."""
    return tuple(sorted(path.stem for path in (config_root() / "verb").glob("*.yaml")))


@functools.cache
def verb_keys(verb: str) -> VerbKeys:
    """Keys of a verb. Raises UnknownNameError that offers the nearest verbs."""
    if verb not in verbs():
        from kata.datasets.types.errors import UnknownNameError

        raise UnknownNameError("verb", verb, verbs(), where="kata VERB")
    lines = (config_root() / "verb" / f"{verb}.yaml").read_text(encoding="utf-8").splitlines()
    common = (config_root() / "config.yaml").read_text(encoding="utf-8").splitlines()
    own = list(_read(lines))
    match = next((m for line in lines if (m := _WORDS.match(line))), None)
    return VerbKeys(
        verb=verb,
        summary=lines[1].removeprefix("# "),
        words=match["kind"] if match else "",
        usage=match["usage"] if match else "",
        keys=(*sorted(own, key=lambda key: bool(key.options)), *_read(common)),
        actions=tuple(
            ActionKey(m["name"], m["word"] or "", m["help"])
            for line in lines
            if (m := _ACTION.match(line))
        ),
    )


def _read(lines: list[str]) -> Iterator[Key]:
    groups = set()
    for line in lines:
        if (default := _DEFAULT.match(line)) and default["group"] != "verb":
            group, option = default["group"], default["option"]
            groups.add(group)
            yield Key(group, option, default["help"] or "", options(group), _inner(group, option))
        elif (key := _KEY.match(line)) and key["name"] not in {"defaults", *groups}:
            yield Key(key["name"], key["value"], key["help"] or "")


def _inner(group: str, option: str) -> tuple[Key, ...]:
    """The plain keys of a group's default file."""
    text = (config_root() / group / f"{option}.yaml").read_text(encoding="utf-8")
    found = (_KEY.match(line) for line in text.splitlines())
    return tuple(
        Key(f"{group}.{key['name']}", key["value"], key["help"] or "")
        for key in found
        if key and key["value"] and key["name"] != "name"
    )
