"""JSON of a stranger: exactly one object, bounded, every key once, every number finite."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

MOST_CHARACTERS = 65_536
MOST_DEPTH = 16
_THOUGHT = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MARK = re.compile(r'["{}\[\]]')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class MalformedError(Exception):
    """Why a text is not one sound JSON object; never leaves this folder."""


def one_object(text: str) -> dict[str, Any]:
    """The one JSON object in a text; prose and fences around it count as nothing.

    Raises MalformedError for none, for several, and for one that is not sound.
    """
    if len(text) > MOST_CHARACTERS:
        raise MalformedError(f"longer than {MOST_CHARACTERS} characters")
    thought = _THOUGHT.match(text)
    if thought is not None:
        text = text[thought.end() :]
    found: list[dict[str, Any]] = []
    first: MalformedError | None = None
    for span in _spans(text):
        try:
            found.append(_parse(span))
        except MalformedError as error:
            first = first or error
    if len(found) == 1 and first is None:
        return found[0]
    if first is not None:
        raise first
    raise MalformedError("several JSON objects" if found else "no JSON object")


def _spans(text: str) -> Iterator[str]:
    """Each outermost `{...}`, quoted text skipped; raises MalformedError for one cut off."""
    start = -1
    depth = at = 0
    while (mark := _MARK.search(text, at)) is not None:
        at = mark.end()
        if mark[0] == '"':
            # Outside of an object quotation marks are prose and need not come in pairs.
            if depth:
                string = _STRING.match(text, mark.start())
                if string is None:
                    raise MalformedError("cut off inside a text")
                at = string.end()
        elif mark[0] in "{[":
            if depth == 0 and mark[0] == "[":
                continue
            start = mark.start() if depth == 0 else start
            depth += 1
            if depth > MOST_DEPTH:
                raise MalformedError(f"deeper than {MOST_DEPTH} levels")
        elif depth:
            depth -= 1
            if depth == 0:
                yield text[start:at]
    if depth:
        raise MalformedError("cut off before its end")


def _parse(text: str) -> dict[str, Any]:
    try:
        data = json.loads(
            text,
            object_pairs_hook=_no_key_twice,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
        )
        text.encode()
        _plain(data)
    except MalformedError:
        raise
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not JSON"
        raise MalformedError(f"not JSON: {reason}") from None
    if not isinstance(data, dict):
        raise MalformedError("not a JSON object")
    return data


def _plain(data: Any) -> None:
    """Raises ValueError for half a surrogate pair, which nothing could write down again."""
    if isinstance(data, str):
        data.encode()
    elif isinstance(data, dict):
        for key, value in data.items():
            _plain(key)
            _plain(value)
    elif isinstance(data, list):
        for value in data:
            _plain(value)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedError("a key occurs twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise MalformedError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedError("a number without end")
    return value


def _whole(text: str) -> int:
    if len(text) > 18:
        raise MalformedError("a number without end")
    return int(text)
