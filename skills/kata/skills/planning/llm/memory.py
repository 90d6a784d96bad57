"""A chat that is not asked the same twice: equal messages have the answer that they had."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .chat import Chat, Message
from .schema import Schema
from .stream import Reply

_MOST = 256


class RememberedChat:
    """Keeps the last replies of a chat, so that what was shown as a plan is what is run."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._known: dict[str, Reply] = {}

    def complete(self, messages: Sequence[Message], schema: Schema) -> Reply:
        """The reply to these messages, asked for at most once. Raises NoAnswerError."""
        key = json.dumps([list(messages), schema], sort_keys=True)
        if key not in self._known:
            reply = self._chat.complete(messages, schema)
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = reply
        return self._known[key]
