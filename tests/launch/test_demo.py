"""The whole loop, small: every stage leaves its files, goes on after a stop, and repeats itself."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kata.datasets.types import PackageError
from kata.launch import build
from kata.launch.arguments import split
from kata.launch.cli import main
from kata.launch.configuration import compose
from kata.launch.demo import stages
from kata.launch.demo.shelf import judge
from kata.launch.keys import verb_keys
from kata.launch.knowledge import known_of
from kata.launch.seeds import episode_seed
from kata.launch.stepping import GRAPH
from kata.skills.contract.package import scripted
from kata.skills.handover.graph import load_graph
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.trust import make_package

LINE = [
    "demo",
    "size=small",
    "size.skills=[open, close]",
    "sentence=open the drawer, then close it",
    "workers=1",
]
BLOCK = {"trials", "successes", "rate", "interval"}


def demo(folder: Path, *more: str) -> dict[str, Any]:
    assert main([*LINE, *more, f"out={folder}"]) == 0
    return dict(json.loads((folder / "result.json").read_text()))


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    """The result without what a clock measured."""
    kept = {key: value for key, value in result.items() if key != "seconds"}
    kept["skills"] = {
        name: {key: value for key, value in block.items() if key != "train_seconds"}
        for name, block in result["skills"].items()
    }
    return kept


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "run"
    demo(folder)
    shutil.copytree(Path(os.environ["KATA_HOME"]) / "keys", folder.parent / "keys")
    return folder


def test_result_says_how_skills_and_handovers_went(done: Path) -> None:
    result = json.loads((done / "result.json").read_text())
    assert {"verb", "version", "seed", "seconds", "skills", "chain", "report", "video"} <= set(
        result
    )
    assert set(result["skills"]) == {"open", "close"}
    for block in result["skills"].values():
        assert set(block) == BLOCK | {
            "demonstrations",
            "train_seconds",
            "rate_perturbed",
            "rate_after",
        }
    assert set(result["chain"]) == {"naive", "blended", "full"}
    for block in result["chain"].values():
        extra = {"rate_without_replan", "interval_without_replan", "predicted", "peak_jerk"}
        assert set(block) == BLOCK | extra
        assert set(block["predicted"]) == {"rate", "interval"}


def test_everything_that_it_names_is_there(done: Path) -> None:
    page = (done / "report.html").read_text()
    assert "<video" in page
    assert page.count("predicted ") >= 3
    assert "http://" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert (done / "demo.mp4").stat().st_size > 1000
    assert {path.name for path in (done / "library/skills").iterdir()} == {
        "open-1.0.0",
        "close-1.0.0",
    }


def test_its_demonstrations_are_stepping_stones(done: Path) -> None:
    graph = load_graph(done / GRAPH)
    assert set(graph.skills) == {"open", "close"}
    assert sum(path.stat().st_size for path in (done / GRAPH).iterdir()) < 1 << 20


def test_its_library_can_be_used(done: Path, tmp_path: Path, kata_home: Path) -> None:
    library = f"library={done / 'library'}"
    assert main(["library", "verify", library, f"out={tmp_path / 'foreign'}"]) == 1
    shutil.copytree(done.parent / "keys", kata_home / "keys")
    assert main(["library", "verify", library, f"out={tmp_path / 'verify'}"]) == 0
    assert main(["plan", "open the drawer", library, f"out={tmp_path / 'plan'}"]) == 0
    result = json.loads((tmp_path / "plan/result.json").read_text())
    assert result["calls"] == ["open(drawer)"]


def test_a_demo_that_another_key_signed_is_not_gone_on_with(
    done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*LINE, f"out={done}"]) == 2
    assert "a package that this robot does not trust" in capsys.readouterr().err


def test_what_is_there_is_not_done_again(
    done: Path, monkeypatch: pytest.MonkeyPatch, kata_home: Path
) -> None:
    shutil.copytree(done.parent / "keys", kata_home / "keys")

    def refuse(*_: object) -> None:
        raise AssertionError("done again")

    for name in ("record_skill", "train_skill", "skill_block", "sentence_block", "film_episode"):
        monkeypatch.setattr(stages, name, refuse)
    before = json.loads((done / "result.json").read_text())
    assert without_times(demo(done)) == without_times(before)


def test_it_goes_on_to_the_same_result(done: Path, tmp_path: Path) -> None:
    # As a kill would leave it: no trained policy of one skill, half of the rollouts, no report.
    folder = tmp_path / "run"
    shutil.copytree(done, folder)
    for pattern in ("parts/train-open.json", "parts/rollouts-open*", "parts/chain*", "parts/film*"):
        for path in folder.glob(pattern):
            path.unlink()
    for name in ("drafts/open", "library", "packages"):
        shutil.rmtree(folder / name)
    (folder / "result.json").unlink()
    before = json.loads((done / "result.json").read_text())
    assert without_times(demo(folder)) == without_times(before)


def test_two_workers_give_the_same_result(done: Path, tmp_path: Path) -> None:
    before = json.loads((done / "result.json").read_text())
    assert without_times(demo(tmp_path / "run", "workers=2")) == without_times(before)


def test_another_seed_needs_another_folder(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINE, "seed=1", f"out={done}"]) == 2
    assert "begun with another configuration" in capsys.readouterr().err


def test_its_skills_are_judged_by_the_rule_of_publishing(done: Path) -> None:
    library = Library(done / "library", Keyring(done.parent / "keys"))
    result = json.loads((done / "result.json").read_text())
    for entry in library.list():
        low, _ = result["skills"][entry.name]["interval"]
        assert entry.state == "candidate" if low < 0.8 else "promoted"
        kinds = [record.kind for record in library.sound_records(entry.identity)]
        assert kinds[:3] == ["state", "attempt", "evidence"]
        assert kinds[3] == ("refusal" if entry.state == "candidate" else "state")
        attempt = library.records(entry, "attempt")[0].data
        assert attempt["seeds"] == [episode_seed(0, f"demo {entry.name} nominal", 0), 2]


def test_one_set_of_rollouts_judges_one_version_of_a_skill(tmp_path: Path) -> None:
    keys = verb_keys("demo")
    config, library = compose(split(LINE[1:], keys), keys), Library(tmp_path / "library")
    measured = {"trials": 20, "successes": 20, "rate": 1.0, "interval": [0.83, 1.0]}
    for summary in ("learned", "learned again"):
        contract = replace(build.contract("open"), version="1.0.0", summary=summary)
        entry = library.add(make_package(tmp_path / summary, contract, scripted("open")))
        if summary == "learned":
            judge(config, library, entry, measured)
            (evidence,) = library.records(entry, "evidence")
            assert {"robot", "start", "world", "software", "seed"} <= set(evidence.data)
            assert known_of(library, "panda").success["open"] == 1.0
            judge(config, library, entry, measured)
            assert len(library.records(entry, "attempt")) == 1
            shutil.rmtree(entry.folder)
    with pytest.raises(PackageError, match="an attempt before has used these trials"):
        judge(config, library, entry, measured)
