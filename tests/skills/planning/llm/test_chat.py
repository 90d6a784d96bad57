"""What an endpoint does wrong is tried again with patience, within bounds, and then told."""

import json
import logging
import time as wall

import pytest

from kata.datasets.types import ConfigError
from kata.skills.planning.llm import Endpoint, OpenAIChat
from kata.skills.planning.llm.chat import NoAnswerError
from kata.skills.planning.llm.stream import MOST_BYTES, WireError, read_reply

from .openai_server import HUGE, scripted

SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
ASKED = [{"role": "user", "content": "hello"}]
KEY = "sk-kata-4c1d-not-a-real-key"


def test_a_streamed_answer_arrives_whole(serve, chat_with):
    said = json.dumps({"text": "ü☃ " * 200})
    server = serve(scripted(said))
    assert chat_with(server).complete(ASKED, SCHEMA).text == said
    ((body, _),) = server.requests
    assert body["stream"] is True
    assert (body["temperature"], body["seed"], body["model"]) == (0.0, 0, "fake")
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_an_endpoint_that_does_not_stream_is_understood(serve, chat_with):
    assert chat_with(serve(scripted("{}"), "whole")).complete(ASKED, SCHEMA).text == "{}"


@pytest.mark.parametrize(
    "fault", ["429", "500", "503", "drop", "cut", "unfinished", "error event", "broken json"]
)
def test_passing_trouble_is_tried_again(serve, chat_with, time, fault):
    server = serve(scripted("{}"), fault, fault)
    assert chat_with(server).complete(ASKED, SCHEMA).text == "{}"
    assert len(server.requests) == 3
    # What the server asks for counts if it is more.
    assert time.slept == ([3.0, 3.0] if fault == "429" else [0.5, 1.0])


def test_patience_ends_after_four_tries(serve, chat_with, time):
    server = serve(None, *["500"] * 9)
    with pytest.raises(NoAnswerError, match=r"^4 tries, at last: HTTP 500$"):
        chat_with(server).complete(ASKED, SCHEMA)
    assert time.slept == [0.5, 1.0, 2.0]
    assert len(server.requests) == 4


def test_a_wait_that_is_longer_than_the_time_left_is_not_begun(serve, chat_with, time):
    with pytest.raises(NoAnswerError, match="HTTP 429; no time is left to wait 3 s"):
        chat_with(serve(None, "429"), timeout_s=2.0).complete(ASKED, SCHEMA)
    assert time.slept == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("401", "HTTP 401: the key in KATA_LLM_KEY is not taken"),
        ("404", "HTTP 404: no model fake, or no endpoint, there"),
        ("html", "answers as text/html, not as JSON"),
        ("huge", f"an answer of more than {MOST_BYTES} bytes"),
        ("endless line", "a line without end"),
        ("redirect", "redirects to http://elsewhere.example/v1/chat/completions, which is not"),
    ],
)
def test_lasting_trouble_is_told_at_once(serve, chat_with, time, fault, message):
    server = serve(None, fault)
    with pytest.raises(NoAnswerError, match=message):
        chat_with(server).complete(ASKED, SCHEMA)
    assert (time.slept, len(server.requests)) == ([], 1)
    assert HUGE > MOST_BYTES


@pytest.mark.parametrize("fault", ["hang", "slow"])
def test_no_server_holds_the_robot_longer_than_the_timeout(serve, fault):
    server = serve(scripted("x" * 4000), *[fault] * 9)
    chat = OpenAIChat(Endpoint(server.url, "fake", timeout_s=1.0))
    began = wall.monotonic()
    with pytest.raises(NoAnswerError, match=r"no word in time|still answering after 1 s"):
        chat.complete(ASKED, SCHEMA)
    assert wall.monotonic() - began < 3.0


def test_nobody_there(time):
    chat = OpenAIChat(Endpoint("http://127.0.0.1:9/v1", "m"), sleep=time.sleep, clock=time.clock)
    with pytest.raises(NoAnswerError, match=r"4 tries, at last: cannot be reached at 127\.0\.0\.1"):
        chat.complete(ASKED, SCHEMA)


def test_what_an_endpoint_does_not_understand_is_left_out_from_then_on(serve, chat_with, time):
    server = serve(scripted("{}"), "strict", "stricter", "", "")
    chat = chat_with(server)
    for _ in range(2):
        assert chat.complete(ASKED, SCHEMA).text == "{}"
    forms = [body.get("response_format", {}).get("type") for body, _ in server.requests]
    assert forms == ["json_schema", "json_object", None, None]
    # It is told in words instead.
    assert (
        json.dumps(SCHEMA, separators=(",", ":"))
        in server.requests[-1][0]["messages"][0]["content"]
    )
    assert time.slept == []


def test_a_model_that_wants_its_own_temperature_gets_none(serve, chat_with):
    server = serve(scripted("{}"), "fixed")
    chat_with(server).complete(ASKED, SCHEMA)
    first, second = (body for body, _ in server.requests)
    assert "temperature" in first
    assert "temperature" not in second
    assert second["response_format"]["type"] == "json_schema"


def test_only_the_named_variable_is_sent(serve, chat_with, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-someone-else")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-of-someone-else")
    monkeypatch.delenv("KATA_LLM_KEY", raising=False)
    server = serve(scripted("{}"))
    chat_with(server).complete(ASKED, SCHEMA)
    monkeypatch.setenv("KATA_LLM_KEY", KEY)
    chat_with(server).complete(ASKED, SCHEMA)
    without, with_key = (headers for _, headers in server.requests)
    assert "someone-else" not in str(server.requests)
    assert without["authorization"] == "Bearer none"
    assert with_key["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("fault", ["401", "500", "400", "redirect", "cut"])
def test_a_key_is_in_no_message_and_no_log(serve, chat_with, monkeypatch, caplog, fault):
    monkeypatch.setenv("KATA_LLM_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NoAnswerError) as error:
        chat_with(serve(scripted(f"your key is {KEY}"), *[fault] * 9)).complete(ASKED, SCHEMA)
    assert KEY not in str(error.value) + repr(error.value) + caplog.text
    assert error.value.__cause__ is None


def test_a_model_that_repeats_the_key_is_blotted_out(serve, chat_with, monkeypatch):
    monkeypatch.setenv("KATA_LLM_KEY", KEY)
    assert chat_with(serve(scripted(f"it is {KEY}"))).complete(ASKED, SCHEMA).text == "it is ***"


def test_a_key_that_no_header_can_carry_is_not_repeated(serve, chat_with, monkeypatch):
    monkeypatch.setenv("KATA_LLM_KEY", f"{KEY}…")
    with pytest.raises(ConfigError) as error:
        chat_with(serve()).complete(ASKED, SCHEMA)
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_url": "http://gpu.example:8000/v1"}, "plain http to another machine"),
        ({"base_url": "http://localhost.evil.example/v1"}, "plain http to another machine"),
        ({"base_url": "ftp://127.0.0.1/v1"}, "not the address of an endpoint"),
        ({"base_url": "http://[::1"}, "not the address of an endpoint"),
        ({"base_url": "127.0.0.1:8000"}, "not the address of an endpoint"),
        ({"base_url": f"http://me:{KEY}@127.0.0.1/v1"}, "an address with a secret in it"),
        ({"base_url": f"https://host/v1?key={KEY}"}, "an address with a secret in it"),
        ({"key_env": KEY}, "not the name of an environment variable"),
        ({"model": ""}, "which model"),
        ({"model": "a b\nc"}, "which model"),
        ({"timeout_s": 0.0}, "impossible time-out"),
        ({"timeout_s": float("nan")}, "impossible time-out"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_without_a_secret(settings, message):
    with pytest.raises(ConfigError, match=message) as error:
        Endpoint(**{"base_url": "http://127.0.0.1:8000/v1", "model": "m", **settings})
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "http://[::1]:8000/v1", "http://127.9.9.9/v1"]
)
def test_this_machine_needs_no_encryption(url):
    assert Endpoint(url, "Qwen/Qwen3-8B:q4").loopback
    assert not Endpoint("https://api.example.com/v1", "m").loopback
    assert Endpoint("http://gpu.example/v1", "m", allow_http=True).host == "gpu.example"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]',
            "a",
        ),
        (b'data:{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\r\n\r\n', "a"),
        (
            b'event: x\ndata: {"choices":[]}\ndata: {"choices":[{"finish_reason":"stop"}]}\n',
            "",
        ),
        (
            b'data: {"choices":[{"delta":{"content":[{"text":"a"},7]},"finish_reason":"stop"}]}\n',
            "a",
        ),
        (b'data: {"choices":[{"delta":null,"finish_reason":"stop"}]}\n', ""),
    ],
)
def test_events_in_all_their_shapes(raw, text):
    for size in (1, 7, len(raw)):
        parts = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert read_reply(parts, "text/event-stream").text == text


@pytest.mark.parametrize(
    "raw",
    [b"", b"data: [DONE]\n", b"data: 7\n", b"data: {\n", b'data: {"choices": 3}\n', b"\xff\xfe\n"],
)
def test_what_is_no_answer_is_a_wire_error(raw):
    with pytest.raises(WireError):
        read_reply([raw], "text/event-stream")
    with pytest.raises(WireError):
        read_reply([raw], "application/json")
