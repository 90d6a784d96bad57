"""What the pages show: their links, their commands and their blocks of code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)

_BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`(kata [^`]+)`")
_LINE = re.compile(r"^(?: {4})?(?:\$ )?(kata .+)$", re.MULTILINE)


def name_of(page: Path) -> str:
    """The page's path from the root."""
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block. Its info is `LANGUAGE [FILE] [run | slow]`: `run` is run by the tests."""

    language: str
    file: str
    how: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The shell commands in it, as words."""
        lines = [shlex.split(line, comments=True) for line in self.text.splitlines()]
        return [words for words in lines if words]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for language, info, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        words = info.split()
        how = words.pop() if words and words[-1] in ("run", "slow") else ""
        found.append(Block(language, words[0] if words else "", how, text))
    return found


def links(page: Path) -> Iterator[str]:
    """The targets of a page's links inside the repository."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            yield target.partition("#")[0]


def commands(page: Path) -> list[str]:
    """Every `kata VERB ...` that a page shows, as it stands there."""
    text = page.read_text(encoding="utf-8")
    found = [*_INLINE.findall(text), *_LINE.findall(text)]
    return [command for command in found if not re.match(r"kata (VERB|-)", command)]
