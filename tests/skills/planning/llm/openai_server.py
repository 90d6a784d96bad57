"""A server on loopback that speaks the OpenAI chat-completions protocol over real HTTP.

It streams server-sent events in chunks, samples its answers from the schema that it was given
unless it is told what to say, and can fail in every way that servers do.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from .schema_sampler import sample

Message = dict[str, Any]
Speaker = Callable[[dict[str, Any]], Message]
"""Gets the request's body, gives the assistant's message, `finish` optionally among its keys."""

HUGE = 12 * 2**20


def nonsense(seed: int = 0) -> Speaker:
    """A model whose answers fit the schema and mean nothing."""
    rng = random.Random(seed)

    def speak(body: dict[str, Any]) -> Message:
        form = body.get("response_format", {})
        if form.get("type") != "json_schema":
            return {"content": "{}"}
        return {"content": json.dumps(sample(form["json_schema"]["schema"], rng))}

    return speak


def scripted(*messages: Message | str) -> Speaker:
    """A model that says these things in turn, the last one for ever."""
    left = list(messages)

    def speak(_body: dict[str, Any]) -> Message:
        said = left.pop(0) if len(left) > 1 else left[0]
        return {"content": said} if isinstance(said, str) else said

    return speak


class OpenAIServer:
    """Use it as a context manager.

    Attributes:
        faults: one for each request to come, before it answers properly; see `_Handler`.
        requests: body and headers of each request.
    """

    def __init__(self, speak: Speaker | None = None, faults: tuple[str, ...] = ()) -> None:
        self.speak = speak or nonsense()
        self.faults = list(faults)
        self.requests: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self

    @property
    def url(self) -> str:
        """What goes into `llm.base_url`."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> str:
        """Note a request; the fault that it meets, empty for none."""
        with self._lock:
            self.requests.append((body, headers))
            return self.faults.pop(0) if self.faults else ""

    def __enter__(self) -> OpenAIServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: OpenAIServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def owner(self) -> OpenAIServer:
        assert isinstance(self.server, _Server)
        return self.server.owner

    def log_request(self, *_: object) -> None:
        """Nothing; the tests read `requests`."""

    def do_POST(self) -> None:
        """`/v1/chat/completions`."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.owner.take(body, headers)
        form = body.get("response_format", {}).get("type", "")
        if self.path != "/v1/chat/completions":
            self._json(404, {"error": {"message": f"no {self.path}"}})
        elif fault == "strict" and form == "json_schema":
            self._json(400, {"error": {"message": "response_format json_schema is not supported"}})
        elif fault == "stricter" and form:
            self._json(400, {"error": {"message": "unknown field response_format"}})
        elif fault == "fixed" and "temperature" in body:
            self._json(400, {"error": {"message": "temperature: only 1 is supported"}})
        else:
            try:
                self._answer(body, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client went away, as it should

    def _answer(self, body: dict[str, Any], fault: str) -> None:
        if fault.isdigit():
            headers = {"Retry-After": "3"} if fault == "429" else {}
            key = self.headers.get("Authorization", "")
            self._json(int(fault), {"error": {"message": f"no: {key}"}}, headers)
        elif fault == "redirect":
            self._json(307, {}, {"Location": "http://elsewhere.example/v1/chat/completions?to=ken"})
        elif fault == "drop":
            self.close_connection = True
        elif fault == "hang":
            self.owner.released.wait(20)
            self.close_connection = True
        elif fault == "html":
            self._send(200, "text/html", b"<html>Log in to the hotel's network</html>")
        elif fault == "broken json":
            self._send(200, "application/json", b'{"choices": [{"mess')
        else:
            self._speak(body, fault)

    def _speak(self, body: dict[str, Any], fault: str) -> None:
        message = dict(self.owner.speak(body))
        finish = message.pop("finish", "stop")
        if not body.get("stream") or fault == "whole":
            choice = {"index": 0, "message": message, "finish_reason": finish}
            self._json(200, {"object": "chat.completion", "choices": [choice]})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        deltas = list(_deltas(message))
        if fault in ("cut", "unfinished"):
            deltas = deltas[: max(len(deltas) // 2, 1)]
        for delta in deltas:
            self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}, fault)
        if fault == "error event":
            self._event({"error": {"message": "out of memory"}})
        if fault == "huge":
            for _ in range(HUGE // 2**16):
                self._chunk(b": " + b"." * 2**16 + b"\n\n")
        if fault == "endless line":
            self._chunk(b"data: " + b"[" * (2**20 + 2**17))
        if fault == "cut":
            self.close_connection = True
            return
        if fault != "unfinished":
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
            self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, data: dict[str, Any], fault: str = "") -> None:
        event = {"object": "chat.completion.chunk", "model": "fake", **data}
        raw = b": ping\r\ndata: " + json.dumps(event).encode() + b"\r\n\r\n"
        # A slow server lets each byte wait.
        for part in [bytes([byte]) for byte in raw] if fault == "slow" else [raw]:
            self._chunk(part)
            if fault == "slow" and self.owner.released.wait(0.02):
                return

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(data).encode(), headers)

    def _send(
        self, status: int, kind: str, data: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _deltas(message: Message) -> Iterator[Message]:
    """A message in pieces, as models stream it: the role first, then a few letters at a time."""
    yield {"role": "assistant", "content": ""}
    for key in ("reasoning_content", "content", "refusal"):
        text = message.get(key) or ""
        for at in range(0, len(text), 40):
            yield {key: text[at : at + 40]}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        yield {"tool_calls": [{"index": index, "function": {"name": function["name"]}}]}
        text = function["arguments"]
        for at in range(0, len(text), 40):
            piece = {"arguments": text[at : at + 40]}
            yield {"tool_calls": [{"index": index, "function": piece}]}
