"""Files appear in order and whole, or not at all."""

import errno
import os
from pathlib import Path

import pytest

from kata.datasets import files, storage
from kata.datasets.storage import acquire_lock, commit, writer_lock
from kata.datasets.types import DatasetError, StorageError


def test_files_appear_in_the_order_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    replace = Path.replace

    def note(path: Path, target: Path) -> Path:
        moved.append(str(target.relative_to(tmp_path)))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", note)
    commit(tmp_path, [("b/one", b"1"), ("a/two", b"22"), ("b/three", b"")], "all")
    assert moved == ["b/one", "a/two", "b/three"]
    assert [(tmp_path / name).read_bytes() for name in moved] == [b"1", b"22", b""]


def test_what_the_decisive_file_needs_is_durable_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    replace, sync = Path.replace, storage.sync

    def move(path: Path, target: Path) -> Path:
        done.append(f"move {target.name}")
        return replace(path, target)

    def wait(path: Path) -> None:
        sync(path)
        done.append(f"sync {path.name}")

    parts = [("a/one", b"1"), ("b/two", b"2"), ("c/episode", b"3"), ("total", b"4")]
    commit(tmp_path, parts, "all")  # folders are made, which are synced too
    monkeypatch.setattr(Path, "replace", move)
    monkeypatch.setattr(storage, "sync", wait)
    commit(tmp_path, parts, "all", decisive=2)
    assert done[:2] == ["move one", "move two"]
    assert sorted(done[2:4]) == ["sync a", "sync b"]
    assert done[4:] == ["move episode", "sync c", "move total"]


def test_a_new_folder_is_durable_in_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(storage, "sync", synced.append)
    commit(tmp_path, [("a/b/one", b"1")], "all")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a/b"]


@pytest.mark.parametrize("refused_at", range(3))
def test_a_refused_move_takes_the_new_files_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused_at: int
) -> None:
    commit(tmp_path, [("info", b"old")], "all")
    replace, moves = Path.replace, 0

    def refuse(path: Path, target: Path) -> Path:
        nonlocal moves
        moves += 1
        if moves > refused_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match="everything is kept") as caught:
        commit(tmp_path, [("a/one", b"1"), ("a/two", b"2"), ("info", b"new")], "everything is kept")
    assert caught.value.where.endswith(("one", "two", "info"))
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["info"]
    assert (tmp_path / "info").read_bytes() == b"old"


def test_bytes_that_the_system_takes_in_parts_are_all_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(files.os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    commit(tmp_path, [("file", b"0123456789")], "all")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_the_lock_is_for_one_and_is_given_back(tmp_path: Path) -> None:
    with writer_lock(tmp_path), pytest.raises(DatasetError, match="one writer at a time"):
        acquire_lock(tmp_path)
    with writer_lock(tmp_path):
        pass
    with pytest.raises(StorageError):
        acquire_lock(tmp_path / "nowhere")
