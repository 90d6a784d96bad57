"""`kata segment`: from unlabelled demonstrations to skills that can be trained, and corrections."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kata.datasets.dataset import Dataset
from kata.datasets.exchange.lerobot_reader import LeRobotSource
from kata.datasets.exchange.lerobot_writer import LeRobotSink
from kata.datasets.recorder import EpisodeRecorder
from kata.datasets.types import DatasetError, FeatureSpec, TrialWorld, UnknownNameError
from kata.launch import segmenting_page
from kata.launch.cli import main
from kata.launch.segmenting_page import embedded
from kata.sim.collect import demonstrate
from kata.sim.experts import make_expert
from kata.sim.tasks import make_trial
from kata.skills.contract.files import read_contract
from kata.skills.handover.segmentation.cuts_file import check_dataset, parse_cuts

STEPS = "steps=10"


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three demonstrations in which a button is pressed, without a label."""
    root = tmp_path_factory.mktemp("demos")
    world = cast("TrialWorld", make_trial("press", "nominal"))
    expert = make_expert("press", world.robot, world.kinematics)
    entities, table = tuple(world.observe().entities), world.facts().table
    with EpisodeRecorder(root, world.robot, table, entities) as recorder:
        for seed in range(3):
            frames, outcome = demonstrate(world, expert, seed)
            for frame in frames:
                recorder.add(frame)
            recorder.save_episode(outcome)
    return root


@pytest.fixture(scope="module")
def cut(demos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody has touched; copy it to change it."""
    out = tmp_path_factory.mktemp("run") / "cut"
    assert main(["segment", f"data={demos}", f"out={out}", STEPS]) == 0
    return out


@pytest.fixture
def mine(cut: Path, tmp_path: Path) -> Path:
    """A copy of such a folder."""
    return Path(shutil.copytree(cut, tmp_path / "mine"))


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


def page_data(out: Path) -> dict[str, Any]:
    text = (out / "page.html").read_text()
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_unlabelled_demonstrations_become_a_skill_that_can_be_trained(
    cut: Path, demos: Path
) -> None:
    told = result(cut)
    assert told["skills"]["press"]["segments"] == 3
    assert told["skills"]["press"]["reached"] == 3
    assert not told["corrected"]
    contract = read_contract(cut / "contracts" / "press.yaml")
    assert "pressed(?button)" in str(contract.achieves)
    segments, whole = Dataset.open(cut / "dataset"), Dataset.open(demos)
    assert segments.schema == whole.schema
    for info, parent in zip(segments.episodes, whole.episodes, strict=True):
        assert (info.skill, dict(info.arguments)) == ("press", {"button": "button"})
        assert (info.parent_uuid, info.parent_frame) == (parent.uuid, 0)
        assert info.success
        assert info.source == "expert"
        assert set(segments.texts("phase").names) >= {"phase_1"}


def test_the_dataset_of_segments_is_fit_and_trains(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = cut / "dataset"
    assert main(["data", "check", str(data), f"out={tmp_path / 'check'}"]) == 0
    line = [f"skill={cut / 'contracts' / 'press.yaml'}", f"data={data}", "steps=5"]
    assert main(["train", *line, f"out={tmp_path / 'trained'}"]) == 0
    assert (tmp_path / "trained" / "press-0.1.0" / "skill.yaml").is_file()
    capsys.readouterr()


def test_corrections_are_applied_and_never_overwritten(mine: Path, demos: Path) -> None:
    path = mine / "cuts.yaml"
    text = path.read_text()
    text = text.replace("skill: press", "skill: poke").replace("  press: [", "  poke: [")
    text = re.sub(r"from: 0, to: \d+", "from: 5, to: 30", text, count=1)
    path.write_text(text)
    assert main(["segment", "apply", f"out={mine}"]) == 0
    assert result(mine)["corrected"]
    assert read_contract(mine / "contracts" / "poke.yaml").name == "poke"
    assert not (mine / "contracts" / "press.yaml").exists(), "no segment bears the name any more"
    segments = Dataset.open(mine / "dataset")
    assert {info.skill for info in segments.episodes} == {"poke"}
    first = segments.episodes[0]
    assert (first.stop - first.start, first.parent_frame) == (25, 5)
    assert main(["segment", f"data={demos}", f"out={mine}", STEPS]) == 0
    assert path.read_text() == text
    assert result(mine)["corrected"]


def test_a_file_of_the_page_takes_the_place_of_the_cuts(mine: Path, tmp_path: Path) -> None:
    before = (mine / "cuts.yaml").read_text()
    saved = tmp_path / "cuts.yaml"
    saved.write_text(before.replace("skill: press", "skill: poke").replace("press: [", "poke: ["))
    assert main(["segment", "apply", str(saved), f"out={mine}"]) == 0
    assert parse_cuts((mine / "cuts.yaml").read_bytes()) == parse_cuts(saved.read_bytes())
    kept = mine / "before"
    assert (kept / "cuts.1.yaml").read_text() == before
    once = (mine / "cuts.yaml").read_text()
    assert main(["segment", "apply", str(saved), f"out={mine}"]) == 0
    assert [path.name for path in kept.iterdir()] == ["cuts.1.yaml"], "nothing changed"
    saved.write_text(before)
    assert main(["segment", "apply", str(saved), f"out={mine}"]) == 0
    assert (kept / "cuts.1.yaml").read_text() == before
    assert (kept / "cuts.2.yaml").read_text() == once


def test_cuts_that_nobody_touched_are_found_anew(mine: Path, demos: Path) -> None:
    before = (mine / "cuts.yaml").read_text()
    assert main(["segment", f"data={demos}", f"out={mine}", STEPS]) == 0
    assert (mine / "cuts.yaml").read_text() == before, "equal seeds give equal cuts"
    assert not result(mine)["corrected"]


def test_a_contract_that_was_edited_stays(mine: Path) -> None:
    path = mine / "contracts" / "press.yaml"
    text = path.read_text().replace("settle_s: 0.3", "settle_s: 0.7")
    path.write_text(text)
    assert main(["segment", "apply", f"out={mine}"]) == 0
    assert path.read_text() == text
    assert result(mine)["skills"]["press"]["whose"] == "edited"
    assert main(["segment", "apply", f"out={mine}"]) == 0
    assert path.read_text() == text, "and also the next time"


def test_own_contracts_come_first(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "apply", f"out={mine}", "contracts=default"]) == 0
    assert result(mine)["skills"]["press"]["whose"] == "own"
    assert read_contract(mine / "contracts" / "press.yaml").summary.startswith("Press a button")
    assert not (mine / "before").exists(), "nobody had edited the proposal"
    assert main(["segment", "apply", f"out={mine}", f"contracts={mine / 'dataset'}"]) == 2
    assert "none of the skills has a contract there" in capsys.readouterr().err


def test_own_contracts_leave_a_copy_of_one_that_was_edited(mine: Path) -> None:
    path = mine / "contracts" / "press.yaml"
    edited = path.read_text().replace("settle_s: 0.3", "settle_s: 0.7")
    path.write_text(edited)
    for _ in range(2):
        assert main(["segment", "apply", f"out={mine}", "contracts=default"]) == 0
    assert path.read_text() != edited
    copies = list((mine / "before" / "contracts").iterdir())
    assert [copy.name for copy in copies] == ["press.1.yaml"]
    assert copies[0].read_text() == edited
    path.write_text(edited)
    assert main(["segment", "apply", f"out={mine}", "contracts=default"]) == 0
    assert list((mine / "before" / "contracts").iterdir()) == copies, "it is there already"


def test_demonstrations_inside_out_are_refused_and_stay(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mine / "cuts.yaml").unlink()
    before = sorted(path for path in (mine / "dataset").rglob("*"))
    assert main(["segment", f"data={mine / 'dataset'}", f"out={mine}", STEPS]) == 2
    assert "demonstrations inside the folder" in capsys.readouterr().err
    assert sorted(path for path in (mine / "dataset").rglob("*")) == before


RULES = Path(segmenting_page.__file__).with_name("segmenting_rules.js")
CASES: list[tuple[str, str]] = [
    ("press", "press"),
    ("press", "Press"),
    ("press", "constructor"),
    ("[button]", "[button, button]"),
    ("[button]", "[Button]"),
    ("[button]", "[knob]"),
    ("button: button", "button: bttn"),
    ("button: button", "knob: button"),
    ("button: button", "button: hand"),
    ("button: button", 'button: "0.25"'),
    ("button: button", 'button: "1e999"'),
    ("button: button", 'button: "-"'),
    ("button: button", 'button: "1.2.3"'),
    ("button: button", 'button: "table@0.4,0.1,0.02"'),
    ("button: button", 'button: "table@0.4,0.1"'),
    ("button: button", 'button: "a b"'),
    ("from: 0", "from: 9000"),
    ("sure: 0.5", "sure: 1.5"),
    ("sure: 0.5", "sure: 1.0"),
]


@pytest.mark.skipif(not shutil.which("node"), reason="needs node to run the page's rules")
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize(("old", "new"), CASES)
def test_the_page_lets_through_what_apply_takes_and_nothing_else(
    cut: Path, demos: Path, old: str, new: str, place: str
) -> None:
    text = (cut / "cuts.yaml").read_text()
    text = re.sub(r"(skill: press[^}]*\}[^}]*)\}", r"\1, sure: 0.5}", text)
    head, sign, rest = text.partition("- episode: 2")
    if place == "first" or old in ("press", "[button]"):
        head, rest = head.replace(old, new), rest.replace(old, new, 99 * (old == "press"))
    else:
        rest = rest.replace(old, new)
    changed = head + sign + rest
    assert (changed == text) is (old == new)
    try:
        check_dataset(parse_cuts(changed), Dataset.open(demos))
        problem = ""
    except (DatasetError, UnknownNameError) as error:
        problem = str(error)
    plain = yaml.safe_load(changed)
    cuts = {
        "skills": plain["skills"],
        "episodes": [
            [{"hand": "", "sure": 1.0, "arguments": {}} | s for s in e["segments"]]
            for e in plain["episodes"]
        ],
    }
    given = f"{json.dumps(cuts)}, {json.dumps(page_data(cut))}"
    program = f"{RULES.read_text()}\nconsole.log(problemOf({given}))"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    assert bool(done.stdout.strip()) is bool(problem), (done.stdout, problem)


def test_the_page_needs_nothing_and_holds_all(cut: Path) -> None:
    text, data = (cut / "page.html").read_text(), page_data(cut)
    assert not re.search(r'(src|href)="', text)
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in text
    cuts = parse_cuts((cut / "cuts.yaml").read_bytes())
    assert data["head"]["found"] == cuts.found
    for shown, episode in zip(data["episodes"], cuts.episodes, strict=True):
        assert len(shown["surprise"]) == episode.frames
        assert len(shown["gripper"][0]) == episode.frames
        assert shown["phases"] == list(episode.phases)
        spans = [(s["from"], s["to"], s["skill"]) for s in shown["segments"]]
        assert spans == [(s.start, s.stop, s.skill) for s in episode.spans]
        assert any(lane["name"] == "pressed(button)" for lane in shown["lanes"])


def test_texts_of_a_dataset_are_no_markup() -> None:
    data = {"name": "</script><script>alert(1)</script>&amp;"}
    text = embedded(data)
    assert not set("<>&") & set(text)
    assert json.loads(text) == data


def test_the_page_is_written_anew(mine: Path) -> None:
    (mine / "page.html").unlink()
    assert main(["segment", "page", f"out={mine}"]) == 0
    assert page_data(mine)["skills"] == {"press": ["button"]}


def test_another_dataset_and_a_broken_file_are_refused(
    mine: Path, demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    assert main(["record", "skill=press", "episodes=1", "seed=9", f"out={other}"]) == 0
    before = {p: p.read_bytes() for p in mine.rglob("*") if p.is_file() and p.name != "log.txt"}
    capsys.readouterr()
    assert main(["segment", "apply", f"out={mine}", f"data={other}"]) == 2
    assert "cuts of another dataset" in capsys.readouterr().err
    (mine / "cuts.yaml").write_text("episodes: [")
    assert main(["segment", f"data={demos}", f"out={mine}"]) == 2
    assert "not YAML" in capsys.readouterr().err
    changed = {"cuts.yaml", "config.yaml"}
    kept = {path: data for path, data in before.items() if path.name not in changed}
    assert all(path.read_bytes() == data for path, data in kept.items())


def test_another_robot_is_refused(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["segment", f"data={demos}", "robot=two_pandas", f"out={out}"]) == 2
    assert "dataset of another robot" in capsys.readouterr().err
    assert not out.exists()


def test_without_poses_there_are_phases_and_it_is_said(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ("observation.state", "action")
    source = LeRobotSource(demos)
    spec = FeatureSpec.of({key: source.layout.spec[key] for key in keys})
    layout = replace(source.layout, spec=spec, schema=None, knows_success=False)
    sink = LeRobotSink(tmp_path / "plain", layout)
    for take in source.takes():
        sink.add(replace(take, columns={key: take.columns[key] for key in keys}))
    sink.close()
    out = tmp_path / "out"
    assert main(["segment", f"data={tmp_path / 'plain'}", f"out={out}", STEPS]) == 0
    shown = capsys.readouterr().out
    assert "missing: observation.tool_pose" in shown
    assert "observation.environment_state" in shown
    assert shown.splitlines()[-1] == f"next: kata segment apply out={out}"
    assert list(result(out)["skills"]) == ["skill_1"]
    assert "no poses" in result(out)["skills"]["skill_1"]["why_none"]
    segments = Dataset.open(out / "dataset")
    assert [(info.skill, info.success) for info in segments.episodes] == [("skill_1", True)] * 3
    assert page_data(out)["missing"]


def test_an_empty_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = make_trial("press", "nominal")
    root = tmp_path / "empty"
    table = world.facts().table
    EpisodeRecorder(root, world.robot, table, tuple(world.observe().entities)).close()
    assert main(["segment", f"data={root}", f"out={tmp_path / 'out'}"]) == 2
    assert "a dataset without episodes" in capsys.readouterr().err
