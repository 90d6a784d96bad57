"""`kata plan` and `kata run` with a language model behind a real HTTP server."""

import json
import pickle
from pathlib import Path

import pytest

from kata.launch.cli import main
from kata.launch.planners import EMBEDDED, PlannerChoice
from kata.skills.planning.llm import Endpoint, LanguageModelPlanner
from kata.skills.planning.planner import SymbolicPlanner

from ..skills.planning.llm.openai_server import OpenAIServer, nonsense, scripted

SENTENCE = "put the red cube in the drawer, then close it"
CALLS = ["open(drawer)", "pick(red_cube)", "place_in(red_cube, drawer)", "close(drawer)"]
KEY = "sk-kata-91f2-not-a-real-key"
DATA = Path(__file__).resolve().parents[1] / "data" / "llm"


def replies(name):
    return scripted(*json.loads((DATA / f"{name}.json").read_text("utf-8"))["replies"])


def plan(folder, *keys, sentence=SENTENCE, verb="plan"):
    """Exit code and result of a run."""
    code = main([verb, sentence, f"out={folder}", *keys])
    path = folder / "result.json"
    return code, json.loads(path.read_text("utf-8")) if path.exists() else {}


def test_the_address_of_an_endpoint_is_all_it_takes(tmp_path, capsys):
    with OpenAIServer(replies("missing_open_then_mended")) as server:
        keys = [f"llm.base_url={server.url}", "llm.model=Qwen/Qwen3-8B:q4"]
        code, result = plan(tmp_path / "run", *keys)
        assert server.requests[0][0]["model"] == "Qwen/Qwen3-8B:q4"
    assert code == 0
    assert (result["calls"], result["planner"], result["rounds"]) == (CALLS, "llm", 2)
    assert result["violations"][0] == {
        "round": 1,
        "kind": "requires",
        "call": "call 2, place_in(red_cube, drawer)",
        "condition": "open(drawer)",
        "remedy": ["open(drawer)"],
    }
    shown = capsys.readouterr().out
    assert "planner: llm; 2 rounds with the language model" in shown
    assert "objected in round 1: requires: call 2, place_in(red_cube, drawer)" in shown
    # What to run next asks the same model.
    assert f"llm.base_url={server.url} llm.model=Qwen/Qwen3-8B:q4" in shown.splitlines()[-1]


def test_a_run_asks_once_for_what_it_shows_and_does(tmp_path):
    with OpenAIServer(replies("good_structured")) as server:
        keys = [f"llm.base_url={server.url}", "llm.model=m", "video=false"]
        code, result = plan(tmp_path / "run", *keys, verb="run")
        assert len(server.requests) == 1
    assert (code, result["calls"], result["planner"]) == (0, CALLS, "llm")
    assert result["full"]["successes"] == 1


def test_nonsense_is_replaced_and_said_aloud(tmp_path, capsys):
    with OpenAIServer(nonsense(5)) as server:
        code, result = plan(tmp_path / "run", f"llm.base_url={server.url}", "llm.model=m")
    assert (code, result["calls"], result["planner"]) == (0, CALLS, "symbolic")
    assert result["rounds"] == 3
    assert "the language model's plan was not sound and is replaced" in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["hang"])
def test_the_embedded_planner_takes_over_and_it_is_said(tmp_path, capsys, fault):
    with OpenAIServer(None, (fault,) * 9) as server:
        keys = [f"llm.base_url={server.url}", "llm.model=m", "llm.timeout_s=0.5"]
        code, result = plan(tmp_path / "run", *keys)
    assert (code, result["calls"], result["planner"]) == (0, CALLS, "embedded")
    assert "planned without the language model: " in result["message"]
    assert result["message"] in capsys.readouterr().out


@pytest.mark.parametrize("fault", ["", "400"])
def test_a_key_is_in_no_file_of_a_run_and_in_no_output(tmp_path, capsys, monkeypatch, fault):
    monkeypatch.setenv("MY_KEY", KEY)
    speak = scripted({"content": f"Your key is {KEY}.", "finish": "stop"})
    with OpenAIServer(speak, (fault,) * 9 if fault else ()) as server:
        keys = ["llm.model=m", "llm.key_env=MY_KEY", f"llm.base_url={server.url}"]
        plan(tmp_path / "run", *keys)
        assert {headers["authorization"] for _, headers in server.requests} == {f"Bearer {KEY}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"config.yaml", "result.json", "log.txt"}
    shown = capsys.readouterr()
    everything = [path.read_bytes().decode("utf-8", "replace") for path in files]
    assert not any(KEY in text for text in [*everything, shown.out, shown.err])


@pytest.mark.parametrize(
    "setting",
    [f"llm.key_env={KEY}", f"llm.base_url=http://me:{KEY}@127.0.0.1/v1", f"llm.api_key={KEY}"],
)
def test_a_key_that_is_typed_is_refused_before_anything_is_written(tmp_path, capsys, setting):
    assert main(["plan", SENTENCE, f"out={tmp_path / 'run'}", setting]) == 2
    assert not (tmp_path / "run").exists()
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["planner=lm"], "unknown planner 'lm'"),
        (["planner=llm"], "where is the language model?"),
        (["llm.model=m"], "where is the language model?"),
        (["llm=ollama"], "which model?"),
        (["llm=olama", "llm.model=m"], "unknown llm 'olama'"),
        (["llm=vllm", "llm.model=m", "llm.rounds=0"], "impossible number of rounds"),
        (["llm.base_url=http://gpu.example/v1", "llm.model=m"], "plain http to another machine"),
        (["llm=vllm", "llm.model=m", "llm.timeout_s=soon"], "a value of another kind"),
        (["llm=vllm", "llm.modle=m"], "unknown key 'modle'"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, capsys, keys, message):
    assert main(["plan", SENTENCE, f"out={tmp_path / 'run'}", *keys]) == 2
    assert message in capsys.readouterr().err


def test_other_planners_ask_no_model(tmp_path):
    with OpenAIServer() as server:
        keys = [f"llm.base_url={server.url}", "llm.model=m"]
        _, embedded = plan(tmp_path / "a", *keys, "planner=embedded")
        said = "in(red_cube, drawer) and closed(drawer)"
        _, symbolic = plan(tmp_path / "b", *keys, "planner=symbolic", sentence=said)
        assert server.requests == []
    assert (embedded["calls"], embedded["planner"], embedded["rounds"]) == (CALLS, "embedded", 0)
    assert (symbolic["calls"], symbolic["planner"], symbolic["rounds"]) == (CALLS, "symbolic", 0)


@pytest.mark.parametrize(
    ("option", "url", "key"),
    [
        ("vllm", "http://127.0.0.1:8000/v1", "KATA_LLM_KEY"),
        ("ollama", "http://127.0.0.1:11434/v1", "KATA_LLM_KEY"),
        ("llamacpp", "http://127.0.0.1:8080/v1", "KATA_LLM_KEY"),
        ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    ],
)
def test_known_endpoints_have_names(option, url, key):
    from kata.launch.arguments import Arguments
    from kata.launch.configuration import compose
    from kata.launch.keys import verb_keys

    line = Arguments((SENTENCE,), (f"llm={option}", "llm.model=m", "seed=7"))
    choice = PlannerChoice.of(compose(line, verb_keys("plan")))
    assert (choice.how, choice.rounds, choice.confirm) == ("llm", 3, True)
    endpoint = choice.endpoint
    assert (endpoint.base_url, endpoint.key_env, endpoint.seed) == (url, key, 7)


def test_a_choice_goes_to_workers_and_plans_anew_there():
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m")
    for choice in (PlannerChoice("llm", endpoint, 2), EMBEDDED):
        there = pickle.loads(pickle.dumps(choice))  # noqa: S301  our own bytes
        assert there == choice
        expected = LanguageModelPlanner if choice.endpoint else SymbolicPlanner
        assert isinstance(there.goals(SymbolicPlanner()), expected)
