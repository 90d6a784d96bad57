"""A graph on disk: read as it was written; whatever is not sound is refused with the reason."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from kata.datasets.types import PackageError, StorageError
from kata.skills.handover.graph import load_graph, save_graph
from kata.skills.handover.graph.storage import CARD_NAME, TENSORS_NAME
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_two_hands import TwoHandWorld


@pytest.fixture
def folder(detour, tmp_path):
    save_graph(detour, tmp_path / "graph")
    return tmp_path / "graph"


def test_it_is_read_as_it_was_written(detour, folder):
    graph = load_graph(folder)
    for name in ("robot", "joints", "arms", "skills"):
        assert getattr(graph, name) == getattr(detour, name)
    for name in ("skill", "episode", "carrying", "edges", "buffer"):
        assert np.array_equal(getattr(graph, name), getattr(detour, name))
    assert np.allclose(graph.states.position, detour.states.position, atol=1e-6)
    again = folder.parent / "again"
    save_graph(graph, again)
    for name in (CARD_NAME, TENSORS_NAME):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_it_is_of_one_robot(folder):
    graph = load_graph(folder)
    graph.check_robot(FakeWorld().robot)
    with pytest.raises(PackageError, match="of another robot"):
        graph.check_robot(TwoHandWorld().robot, "there")


def spoil(folder, **changes):
    path = folder / TENSORS_NAME
    tensors = load(path.read_bytes())
    for name, change in changes.items():
        tensors[name] = np.ascontiguousarray(change(tensors[name]))
    path.write_bytes(save(tensors))


def nan(array):
    return np.where(np.arange(array.size).reshape(array.shape) == 3, np.nan, array).astype("f4")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"position": nan}, "position: (26, 4)"),
        ({"tool": lambda a: a[:, :6]}, "tool: (26, 6)"),
        ({"velocity": lambda a: a[1:]}, "velocity: (25, 4)"),
        ({"edges": lambda a: a + 1}, "edges: 1 to 26, expected 0 to 25"),
        ({"edges": lambda a: a.astype("f4")}, "edges: float32"),
        ({"skill": lambda a: a + 1}, "skill: 1 to 2, expected 0 to 1"),
        ({"buffer": lambda a: a + 20}, "buffer: 20 to"),
        ({"carrying": lambda a: a[:3]}, "carrying: uint8 (3,)"),
        ({"episode": lambda a: a[::-1]}, "not in the order"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(folder, changes, told):
    spoil(folder, **changes)
    with pytest.raises(PackageError) as caught:
        load_graph(folder)
    assert caught.value.what == "a transition graph that is not sound"
    assert told in caught.value.got


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"joints": "x"}, {"skills": []}, {"arms": [9]}, {"arms": [True]}, {"robot": 3}],
)
def test_a_card_that_is_not_sound_is_refused(folder, change):
    path = folder / CARD_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(PackageError):
        load_graph(folder)


@pytest.mark.parametrize("name", [CARD_NAME, TENSORS_NAME])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff" * 64, None])
def test_broken_files_are_refused(folder, name, content):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(PackageError):
        load_graph(folder)


def test_a_card_of_another_kind_is_told(folder):
    (folder / CARD_NAME).write_text('{"format": 9}')
    with pytest.raises(PackageError) as caught:
        load_graph(folder)
    assert str(caught.value) == (
        f"unknown transition graph (in {folder / CARD_NAME})\n"
        "  expected: format: 1\n"
        "  got:      9\n"
        "  do:       make it anew from the demonstrations"
    )


def test_a_file_that_is_too_large_is_not_read(folder, monkeypatch):
    monkeypatch.setattr("kata.skills.handover.graph.storage._MOST_BYTES", 10)
    with pytest.raises(PackageError, match="too large"):
        load_graph(folder)


def test_a_place_that_cannot_be_written_is_told(detour, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="refused to write"):
        save_graph(detour, tmp_path / "file" / "graph")
