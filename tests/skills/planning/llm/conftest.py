from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from kata.skills.planning.llm import Endpoint, OpenAIChat

from .openai_server import OpenAIServer, Speaker


class Time:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def serve() -> Iterator[Callable[..., OpenAIServer]]:
    """Starts servers that end with the test."""
    with ExitStack() as stack:

        def start(speak: Speaker | None = None, *faults: str) -> OpenAIServer:
            return stack.enter_context(OpenAIServer(speak, faults))

        yield start


@pytest.fixture
def chat_with(time: Time) -> Callable[..., OpenAIChat]:
    """A chat with a server whose waits cost no time."""

    def make(server: OpenAIServer, **settings: Any) -> OpenAIChat:
        endpoint = Endpoint(server.url, "fake", **settings)
        return OpenAIChat(endpoint, sleep=time.sleep, clock=time.clock)

    return make
