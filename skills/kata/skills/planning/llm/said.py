"""Text that others wrote, made fit to be shown, logged and sent: it is data, no instruction."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST = 200


def is_sayable(name: str) -> bool:
    """Whether a name of the scene may be put before a model: plain ASCII, 64 characters at most."""
    return _NAME.fullmatch(name) is not None


def tame(text: str, most: int = _MOST) -> str:
    """The text in one line of printable characters, cut to `most`."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def without(text: str, secret: str) -> str:
    """The text with a secret blotted out; a secret too short to be one is left."""
    return text.replace(secret, "***") if len(secret) >= 4 else text
