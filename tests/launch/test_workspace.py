"""A run's folder is whole, its own, and may be gone on with."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kata.datasets.types import ConfigError, StorageError
from kata.launch.configuration import Config
from kata.launch.workspace import RunFolder, command_again, default_folder, open_folder

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def config(out: Path, verb: str = "record", **values: object) -> Config:
    return Config({"verb": verb, "seed": 0, "out": str(out), **values})


def test_configuration_is_written_first(tmp_path: Path) -> None:
    folder = open_folder(config(tmp_path / "run", episodes=3))
    stored = yaml.safe_load((folder / "config.yaml").read_text())
    assert stored == {"verb": "record", "seed": 0, "episodes": 3}


def test_same_configuration_goes_on(tmp_path: Path) -> None:
    open_folder(config(tmp_path / "run", workers=1))
    assert open_folder(config(tmp_path / "run", workers=2)).path == tmp_path / "run"


def test_another_configuration_is_refused_and_named(tmp_path: Path) -> None:
    open_folder(config(tmp_path / "run", episodes=3))
    with pytest.raises(ConfigError, match="another configuration") as caught:
        open_folder(config(tmp_path / "run", episodes=4))
    assert (caught.value.expected, caught.value.got) == ("episodes=3", "episodes=4")
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["episodes"] == 3


def test_a_plan_may_be_made_again_in_its_folder(tmp_path: Path) -> None:
    open_folder(config(tmp_path / "run", "plan", text="a"))
    open_folder(config(tmp_path / "run", "plan", text="b"))
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["text"] == "b"


def test_a_folder_of_another_verb_is_refused(tmp_path: Path) -> None:
    open_folder(config(tmp_path / "run", "train"))
    with pytest.raises(ConfigError, match="another configuration") as caught:
        open_folder(config(tmp_path / "run", "plan", text="a"))
    assert caught.value.expected == "verb=train"


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match="holds something else"):
        open_folder(config(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises((ConfigError, StorageError)):
        open_folder(config(tmp_path / "run"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), plain, max_size=4))
def test_result_reads_back_as_written(tmp_path: Path, data: dict[str, object]) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("result.json", data)
    assert folder.read_json("result.json") == json.loads(json.dumps(data))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_result_without_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        RunFolder(tmp_path).write_json("result.json", {"rate": float("nan")})
    assert not list(tmp_path.iterdir())


def test_default_folder_is_new_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = default_folder("plan")
    first.mkdir(parents=True)
    second = default_folder("plan")
    assert first.parent == second.parent == Path("runs/plan")
    assert not second.exists()


def test_the_command_that_goes_on_can_be_pasted() -> None:
    line = command_again("plan", ["don't close it", "seed=1", "out=old"], Path("a b"))
    assert line == """kata plan 'don'"'"'t close it' seed=1 'out=a b'"""
