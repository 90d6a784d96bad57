"""What comes over the wire: one answer, streamed or whole, read with bounds.

Legend of the protocol: server-sent events, each a line `data: {chunk}`, the last `data: [DONE]`; a
chunk has `choices[0].delta` with pieces of `content`, `refusal` or of a tool call's arguments, and
at the end a `finish_reason`. A stream that ends without one was cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .strict_json import MOST_CHARACTERS

MOST_BYTES = 8 * 2**20
"""Bytes of one answer on the wire; each token comes in a chunk of some hundreds."""

_MOST_LINE = 2**20
_DONE = "[DONE]"


class WireError(Exception):
    """What arrived is no answer.

    Attributes:
        again: whether asking once more may help.
    """

    def __init__(self, what: str, *, again: bool) -> None:
        super().__init__(what)
        self.again = again


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes:
        text: its words; if it said nothing but called a tool, the arguments of that call.
        refusal: why it would not answer, in its words.
        finish: how it ended: `stop`, `length`, `content_filter`, `tool_calls` or another word.
    """

    text: str
    refusal: str = ""
    finish: str = "stop"


def read_reply(parts: Iterable[bytes], content_type: str) -> Reply:
    """The reply in a response's body. Raises WireError."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return _streamed(_events(_lines(_bounded(parts))))
    if kind == "application/json":
        # Some servers answer whole although a stream was asked for.
        return _whole(b"".join(_bounded(parts)))
    raise WireError(f"answers as {kind[:60] or 'nothing that is named'}, not as JSON", again=False)


def _bounded(parts: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > MOST_BYTES:
            raise WireError(f"an answer of more than {MOST_BYTES} bytes", again=False)
        yield part


def _lines(parts: Iterable[bytes]) -> Iterator[str]:
    """Lines without their ends; the last one only if it was ended."""
    held = b""
    for part in parts:
        *whole, held = (held + part).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").decode("utf-8", "replace")
        if len(held) > _MOST_LINE:
            raise WireError("a line without end", again=False)
    if held.strip() == f"data: {_DONE}".encode():
        yield held.decode("ascii")


def _events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        name, _, value = line.partition(":")
        if name != "data":
            continue
        value = value.removeprefix(" ")
        if value.startswith(_DONE):
            return
        yield _object(value)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("an answer that is not JSON", again=True) from None
    if not isinstance(data, dict):
        raise WireError("an answer that is no JSON object", again=True)
    error = data.get("error")
    if error:
        raise WireError(f"the server says: {_said(error)}", again=True)
    return data


def _said(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return str(message)[:200]


class _Pieces:
    """What has come so far."""

    def __init__(self) -> None:
        self.text, self.refusal, self.finish = "", "", ""
        self.arguments: dict[int, str] = {}

    def add(self, message: Any, finish: Any) -> None:
        """Take one piece, or a whole message. Raises WireError beyond what an answer may hold."""
        if isinstance(message, dict):
            self.text += _words(message.get("content"))
            self.refusal += _words(message.get("refusal"))
            calls = message.get("tool_calls")
            for place, call in enumerate(calls if isinstance(calls, list) else ()):
                self._add_call(call, place)
        if isinstance(finish, str) and finish:
            self.finish = finish
        size = len(self.text) + len(self.refusal) + sum(map(len, self.arguments.values()))
        if size > 2 * MOST_CHARACTERS:
            raise WireError(f"an answer of more than {MOST_CHARACTERS} characters", again=False)

    def _add_call(self, call: Any, place: int) -> None:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or place > 8:
            return
        index = call.get("index")
        at = index if isinstance(index, int) and 0 <= index <= 8 else place
        self.arguments[at] = self.arguments.get(at, "") + _words(function.get("arguments"))

    def reply(self) -> Reply:
        """The whole. Raises WireError for a stream that was cut."""
        if not self.finish:
            raise WireError("an answer that was cut off on its way", again=True)
        text = self.text
        if not text.strip() and not self.refusal and len(self.arguments) == 1:
            # Some models wrap any JSON in a call of a tool that nobody offered.
            text = next(iter(self.arguments.values()))
        return Reply(text, self.refusal, self.finish)


def _words(content: Any) -> str:
    """Text as such or in parts; anything else is none."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _streamed(events: Iterable[dict[str, Any]]) -> Reply:
    pieces = _Pieces()
    for event in events:
        choice = _first_choice(event)
        pieces.add(choice.get("delta"), choice.get("finish_reason"))
    return pieces.reply()


def _whole(body: bytes) -> Reply:
    pieces = _Pieces()
    choice = _first_choice(_object(body))
    pieces.add(choice.get("message"), choice.get("finish_reason"))
    return pieces.reply()


def _first_choice(data: dict[str, Any]) -> dict[str, Any]:
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, dict) else {}
