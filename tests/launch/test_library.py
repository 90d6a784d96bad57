"""`kata library` as a user calls it: in and out, pins, states, the index, where a skill is from."""

import json
from dataclasses import replace

import pytest
import yaml

from kata.launch.cli import main
from kata.launch.origins import told_of_training
from kata.skills.contract.files import read_contract
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.trust import make_package
from kata.skills.testing import CONTRACTS


@pytest.fixture
def call(tmp_path, capsys):
    """Runs `kata library` in a new folder: exit code, result, what was said."""
    runs = iter(range(100))

    def run(*line):
        folder = tmp_path / f"run{next(runs)}"
        code = main(["library", *map(str, line), f"out={folder}"])
        path = folder / "result.json"
        said = capsys.readouterr()
        return code, json.loads(path.read_text()) if path.exists() else {}, said.out + said.err

    return run


@pytest.fixture
def package(tmp_path):
    contract = replace(CONTRACTS["pick"], version="2.0.0")
    return make_package(tmp_path / "made", contract, scripted("pick"))


def test_a_version_goes_out_and_comes_in_again(call, package, tmp_path, kata_home, monkeypatch):
    assert call("add", package)[0] == 0
    code, packed, said = call("pack", "pick@2.0.0", f"to={tmp_path / 'pick 2.zip'}")
    assert (code, packed["file"]) == (0, str(tmp_path / "pick 2.zip"))
    assert f"kata library install '{tmp_path}/pick 2.zip'" in said
    monkeypatch.setenv("KATA_HOME", str(tmp_path / "another"))
    code, done, said = call("install", tmp_path / "pick 2.zip")
    assert (code, done["version"], done["new"]) == (0, "2.0.0", True)
    assert done["revision"] == packed["sha256"]
    assert "next: kata library audit pick@2.0.0" in said
    assert not call("install", package)[1]["new"]
    told = call("show", "pick@2.0.0")[2]
    assert f"from {tmp_path}/pick 2.zip {packed['sha256'][:12]}" in told
    assert f"from {package}" in told


def test_a_pin_is_told_and_used(call, package):
    call("add", package)
    assert call("pin", "pick@2.0.0", "reason=trying it")[0] == 0
    result, said = call("list")[1:]
    assert [(e["name"], e["version"]) for e in result["skills"] if e["pinned"]] == [
        ("pick", "2.0.0")
    ]
    assert "draft*" in said
    result, said = call("show", "pick")[1:]
    assert (result["skill"]["version"], result["pinned"]) == ("2.0.0", "2.0.0")
    assert "pinned:      pick@2.0.0: trying it" in said
    code, _, said = call("retire", "pick@2.0.0", "reason=test")
    assert code == 2
    assert "kata library unpin pick" in said
    code, result, said = call("unpin", "pick")
    assert (code, result["unpinned"], result["version"]) == (0, "2.0.0", "0.1.0")
    assert "no version of 'pick' is pinned" in call("unpin", "pick")[2]


def test_a_version_is_retired_and_comes_back(call):
    code, result, said = call("retire", "pick", "reason=it drops the cube")
    assert (code, result["state"], result["used"]) == (0, "retired", None)
    assert "pick@0.1.0 is retired: it drops the cube" in said
    assert "every version of 'pick' is retired" in call("show", "pick")[2]
    code, result, said = call("restore", "pick@0.1.0", "reason=it did not")
    assert (code, result["state"], result["used"]) == (0, "candidate", "0.1.0")
    code, _, said = call("restore", "pick", "reason=again")
    assert code == 2
    assert "cannot become candidate" in said


def test_the_index_is_made_anew(call, kata_home):
    call("list")
    library = Library()
    (library.root / "skills" / ".pick-9.0.0.ab.tmp").mkdir()
    library.index.path.write_text("garbage")
    code, result, said = call("reindex")
    assert (code, result["versions"], result["swept"]) == (0, len(library.list()), 1)
    assert "1 half-made folders" in said
    assert library.index.path.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.slow
def test_a_trained_skill_says_where_it_is_from(call, tmp_path):
    data, run = tmp_path / "data", tmp_path / "trained"
    assert main(["record", "skill=press", "episodes=2", f"out={data}"]) == 0
    line = ["train", "skill=press", f"data={data}", "least_score=0", "train.steps=2"]
    assert main([*line, f"out={run}"]) == 0
    result = json.loads((run / "result.json").read_text())
    provenance = result["provenance"]
    assert set(provenance) == {"code", "configuration", "dataset"}
    contract = read_contract(run / result["package"] / "skill.yaml")
    assert dict(contract.provenance) == provenance
    assert call("add", run)[0] == 0
    library = Library()
    (record,) = library.records(library.show("press@1.0.0"), "training")
    assert {key: record.data[key] for key in provenance} == provenance
    assert record.data["steps"] == 2
    assert record.data["settings"] == yaml.safe_load((run / "config.yaml").read_text())
    assert f"on dataset {provenance['dataset'][:12]}, 2 steps" in call("show", "press@1.0.0")[2]
    assert library.faults(library.show("press@1.0.0").identity) == ()


def test_what_a_training_left_is_told_and_of_any_other_folder_nothing(tmp_path):
    package = tmp_path / "pick-1.0.0"
    result = {"verb": "train", "package": package.name, "provenance": {"dataset": "ab"}}
    result |= {"steps": 2, "demonstrations": 1, "loss": 0.5, "held_out": None}
    (tmp_path / "config.yaml").write_text("data: here\n")
    (tmp_path / "result.json").write_text(json.dumps(result))
    told = {key: result[key] for key in ("steps", "demonstrations", "loss", "held_out")}
    assert told_of_training(tmp_path, package) == {
        "training": {"dataset": "ab", "settings": {"data": "here"}, **told}
    }
    assert told_of_training(tmp_path, tmp_path / "pick-2.0.0") == {}
    for other in ("", "[]", '{"verb": "evaluate"}', '{"verb": "train"}', "{"):
        (tmp_path / "result.json").write_text(other)
        assert told_of_training(tmp_path, package) == {}
