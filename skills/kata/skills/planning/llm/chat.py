"""Asks an endpoint that speaks the OpenAI protocol: patient, bounded, and silent about its key."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol

from kata.datasets.types import MissingDependencyError

from .endpoint import Endpoint
from .said import tame, without
from .schema import NAME, Schema
from .stream import Reply, WireError, read_reply

Message = dict[str, str]
"""`role` and `content`."""

MOST_TRIES = 4
FIRST_WAIT_S = 0.5
"""Before the second try; it doubles with each further one."""

_BUSY = frozenset({408, 409, 425, 429})
_MISUNDERSTOOD = frozenset({400, 422})
_log = logging.getLogger(__name__)


class NoAnswerError(Exception):
    """Why the endpoint gave no answer, for the user, without a secret; stays in this folder."""


class Chat(Protocol):
    """Whoever answers messages with text in the form of a schema, or in any other form."""

    def complete(self, messages: Sequence[Message], schema: Schema) -> Reply:
        """The reply. Raises NoAnswerError."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How much of the protocol an endpoint understands.

    Attributes:
        form: how it is told the form of the answer: by schema, as any JSON, or in words only.
        fixed: whether temperature and seed may be set.
    """

    form: Literal["json_schema", "json_object", "words"] = "json_schema"
    fixed: bool = True

    def simpler(self, complaint: str) -> Dialect | None:
        """What to try after a request was not understood; None if nothing is left to leave out."""
        if self.fixed and ("temperature" in complaint or "seed" in complaint):
            return replace(self, fixed=False)
        if self.form == "json_schema":
            return replace(self, form="json_object")
        if self.form == "json_object":
            return replace(self, form="words")
        return replace(self, fixed=False) if self.fixed else None


class _TroubleError(Exception):
    """One try that failed.

    Attributes:
        again: whether another one may help.
        wait_s: how long the server wants to be left alone.
        misunderstood: what it says about the request, where that was the trouble.
    """

    def __init__(
        self, what: str, *, again: bool, wait_s: float = 0.0, misunderstood: str = ""
    ) -> None:
        super().__init__(what)
        self.again, self.wait_s, self.misunderstood = again, wait_s, misunderstood


class OpenAIChat:
    """A chat with one endpoint; what it does not understand of a request is left out from then on.

    Time-outs, 408, 409, 425, 429, 5xx, dropped connections and cut streams are tried again after
    0.5, 1 and 2 s, or after what the server asks for, all within the endpoint's `timeout_s`.

    Args:
        sleep, clock: other ones than the machine's, for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint, self.dialect = endpoint, Dialect()
        self._sleep, self._clock = sleep, clock

    def complete(self, messages: Sequence[Message], schema: Schema) -> Reply:
        """The reply to these messages.

        Raises:
            NoAnswerError: none came; the message says how often it was tried, and the last trouble.
            MissingDependencyError: the package `openai` is not installed.
        """
        deadline = self._clock() + self.endpoint.timeout_s
        tries = 0
        while True:
            try:
                reply = self._once(messages, schema, deadline)
            except _TroubleError as trouble:
                if self._adapted(trouble):
                    continue
                tries += 1
                self._wait(trouble, tries, deadline)
                continue
            key = self.endpoint.key()
            return Reply(without(reply.text, key), without(reply.refusal, key), reply.finish)

    def _adapted(self, trouble: _TroubleError) -> bool:
        """Whether something of the request can be left out, and is from now on."""
        simpler = self.dialect.simpler(trouble.misunderstood) if trouble.misunderstood else None
        if simpler is None:
            return False
        _log.info("%s did not understand %s; next: %s", self.endpoint.host, self.dialect, simpler)
        self.dialect = simpler
        return True

    def _wait(self, trouble: _TroubleError, tries: int, deadline: float) -> None:
        """Wait before the next try. Raises NoAnswerError where there should be none."""
        wait = max(FIRST_WAIT_S * 2 ** (tries - 1), trouble.wait_s)
        late = self._clock() + wait >= deadline
        if not trouble.again or tries >= MOST_TRIES or late:
            count = f"{tries} tries, at last: " if tries > 1 else ""
            why = f"; no time is left to wait {wait:g} s" if trouble.again and late else ""
            raise NoAnswerError(f"{count}{trouble}{why}") from None
        _log.warning("%s: %s; again in %g s", self.endpoint.host, trouble, wait)
        self._sleep(wait)

    def _once(self, messages: Sequence[Message], schema: Schema, deadline: float) -> Reply:
        openai = _openai()
        left = deadline - self._clock()
        # Silence for half of the time that is left counts as hung, so that another try fits in.
        with self._client(openai, max(left / 2, 0.01)) as client:
            try:
                with client.chat.completions.with_streaming_response.create(
                    model=self.endpoint.model,
                    messages=[*self._worded(schema), *messages],
                    stream=True,
                    **self._options(schema),
                ) as response:
                    kind = response.headers.get("content-type", "")
                    return read_reply(self._in_time(response.iter_bytes(), deadline), kind)
            except WireError as error:
                raise _TroubleError(self._told(str(error)), again=error.again) from None
            except (openai.OpenAIError, *_transport_errors(openai)) as error:
                raise self._trouble(openai, error) from None

    def _in_time(self, parts: Iterator[bytes], deadline: float) -> Iterator[bytes]:
        for part in parts:
            if self._clock() > deadline:
                seconds = f"{self.endpoint.timeout_s:g} s"
                raise WireError(f"still answering after {seconds}", again=False)
            yield part

    @contextlib.contextmanager
    def _client(self, openai: Any, silence_s: float) -> Iterator[Any]:
        """A client that follows no redirect, tries once, and sends no key but the named one."""
        # A proxy has no business between this machine and itself.
        http = openai.DefaultHttpxClient(
            follow_redirects=False, trust_env=not self.endpoint.loopback, timeout=silence_s
        )
        with http:
            key = self.endpoint.key() or "none"
            client = openai.OpenAI(
                api_key=key,
                base_url=self.endpoint.base_url,
                max_retries=0,
                timeout=silence_s,
                http_client=http,
                default_headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
            )
            client.organization = client.project = None
            yield client

    def _options(self, schema: Schema) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.dialect.fixed:
            options |= {"temperature": 0.0, "seed": self.endpoint.seed}
        if self.dialect.form == "json_schema":
            form = {"name": NAME, "schema": schema, "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": form}
        elif self.dialect.form == "json_object":
            options["response_format"] = {"type": "json_object"}
        return options

    def _worded(self, schema: Schema) -> list[Message]:
        """The schema in words, for an endpoint that does not take it otherwise."""
        if self.dialect.form == "json_schema":
            return []
        text = json.dumps(schema, separators=(",", ":"))
        return [
            {"role": "system", "content": f"Answer with one JSON object of this schema: {text}"}
        ]

    def _trouble(self, openai: Any, error: Exception) -> _TroubleError:
        """What an exception of the client or of its transport means."""
        if isinstance(error, openai.APITimeoutError):
            return _TroubleError("no word in time", again=True)
        if isinstance(error, openai.APIConnectionError):
            return _TroubleError(f"cannot be reached at {self.endpoint.host}", again=True)
        if isinstance(error, openai.APIStatusError):
            return self._refused(error.status_code, error.response.headers, str(error.message))
        if isinstance(error, openai.OpenAIError):
            return _TroubleError(self._told(str(error)), again=False)
        silent = "Timeout" in type(error).__name__
        what = "no word in time" if silent else "the connection was dropped"
        return _TroubleError(what, again=True)

    def _refused(self, status: int, headers: Any, message: str) -> _TroubleError:
        told = self._told(message)
        if 300 <= status < 400:
            to = self._told(str(headers.get("location", "elsewhere")).partition("?")[0])
            what = f"redirects to {to}, which is not followed: give that as llm.base_url"
            return _TroubleError(what, again=False)
        if status in _MISUNDERSTOOD:
            return _TroubleError(
                f"HTTP {status}: {told}", again=False, misunderstood=told or "nothing"
            )
        if status in (401, 403):
            what = f"HTTP {status}: the key in {self.endpoint.key_env} is not taken"
            return _TroubleError(what, again=False)
        if status == 404:
            what = f"HTTP 404: no model {self.endpoint.model}, or no endpoint, there"
            return _TroubleError(what, again=False)
        again = status in _BUSY or status >= 500
        return _TroubleError(f"HTTP {status}", again=again, wait_s=_retry_after_s(headers))

    def _told(self, text: str) -> str:
        """A server's words, fit to be shown and logged."""
        return tame(without(text, self.endpoint.key()), 160)


def _openai() -> Any:
    try:
        import openai
    except ImportError:
        raise MissingDependencyError("openai", "llm", purpose="a language model") from None
    return openai


def _transport_errors(openai: Any) -> tuple[type[Exception], ...]:
    """Errors of the transport below the client: httpx or, from version 3 on, httpx2."""
    for base in openai.DefaultHttpxClient.__mro__:
        root = base.__module__.partition(".")[0]
        if root.startswith("httpx"):
            module = importlib.import_module(root)
            return module.HTTPError, module.StreamError
    return ()


def _retry_after_s(headers: Any) -> float:
    """Seconds that a server asks to wait; 0 where it does not say, or says nothing sensible."""
    text = str(headers.get("retry-after", ""))
    with contextlib.suppress(ValueError):
        seconds = float(text)
        return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
    with contextlib.suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    return 0.0
