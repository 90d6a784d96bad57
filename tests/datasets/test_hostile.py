"""Files that a stranger made, or that were cut off, are refused, and nothing is left behind."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kata.datasets.exchange.bag_reader import BagSource
from kata.datasets.exchange.bag_writer import BagSink
from kata.datasets.exchange.convert import convert
from kata.datasets.exchange.lerobot_reader import LeRobotSource
from kata.datasets.exchange.lerobot_writer import LeRobotSink
from kata.datasets.exchange.optional import need
from kata.datasets.exchange.robomimic_reader import RobomimicSource
from kata.datasets.exchange.robomimic_writer import FILE, RobomimicSink
from kata.datasets.exchange.take import Source
from kata.datasets.testing import fake_dataset
from kata.datasets.types import DatasetError, KataError, MissingDependencyError

Spoil = Callable[[h5py.File, Path], None]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded") / "data"
    fake_dataset(root, episodes=2, frames=10)
    return root


@pytest.fixture(scope="module")
def hdf5(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("hdf5")
    convert(LeRobotSource(recorded), RobomimicSink, lambda p: RobomimicSource(p / FILE), folder)
    return (folder / FILE).read_bytes()


@pytest.fixture(scope="module")
def bag(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("bags")
    convert(LeRobotSource(recorded), BagSink, BagSource, folder)
    return (folder / "episode_000000.mcap").read_bytes()


def replaced(name: str, **made: Any) -> Spoil:
    def spoil(file: h5py.File, _: Path) -> None:
        del file[name]
        file.create_dataset(name, **made)

    return spoil


def external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.hdf5", "w") as other:
        other["secret"] = np.zeros((10, 8))
    del file["data/demo_0/actions"]
    file["data/demo_0/actions"] = h5py.ExternalLink(str(folder / "other.hdf5"), "secret")


def soft_link(file: h5py.File, _: Path) -> None:
    del file["data/demo_1"]
    file["data/demo_1"] = h5py.SoftLink("/data/demo_0")


def external_storage(file: h5py.File, folder: Path) -> None:
    (folder / "raw").write_bytes(b"\0" * 640)
    del file["data/demo_0/actions"]
    place = [(str(folder / "raw"), 0, 640)]
    file.create_dataset("data/demo_0/actions", (10, 8), "f8", external=place)


def virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((10, 8), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.hdf5"), "secret", (10, 8))
    del file["data/demo_0/actions"]
    file.create_virtual_dataset("data/demo_0/actions", layout)


def objects(file: h5py.File, _: Path) -> None:
    del file["data/demo_0/obs/state"]
    file.create_dataset("data/demo_0/obs/state", (10,), h5py.ref_dtype)


def texts(file: h5py.File, _: Path) -> None:
    del file["data/demo_0/actions"]
    file.create_dataset("data/demo_0/actions", data=["x"] * 10, dtype=h5py.string_dtype())


def endless(file: h5py.File, _: Path) -> None:
    del file["data/demo_0/obs/state"]
    made = {"shape": (2**40, 8), "dtype": "f8", "chunks": (64, 8), "compression": "gzip"}
    file.create_dataset("data/demo_0/obs/state", **made)


def grouped(file: h5py.File, _: Path) -> None:
    del file["data/demo_0/actions"]
    file.create_group("data/demo_0/actions")


def promised(file: h5py.File, _: Path) -> None:
    file["data/demo_0"].attrs["num_samples"] = 10**12


def undescribed(file: h5py.File, _: Path) -> None:
    del file["kata/layout"]
    file["kata/layout"] = np.frombuffer(b'{"format": 99}', dtype=np.uint8)


def unordered(file: h5py.File, _: Path) -> None:
    codes = file["data/demo_0/kata/skill"]
    codes[:] = 77


def outcomes(file: h5py.File, _: Path) -> None:
    del file["data/demo_0/kata/outcome"]
    file["data/demo_0/kata/outcome"] = np.frombuffer(b'{"success": true}', dtype=np.uint8)


HDF5: dict[str, tuple[Spoil, str]] = {
    "a link to another file": (external_link, "a link"),
    "a link inside": (soft_link, "a link"),
    "data in another file": (external_storage, "data that lie in another file"),
    "data made of another file": (virtual, "data that lie in another file"),
    "references": (objects, "values that are no numbers"),
    "texts for numbers": (texts, "values that are no numbers"),
    "a shape without end": (endless, "an impossible size"),
    "another length": (promised, "a demonstration of another length than it says"),
    "another shape": (
        replaced("data/demo_0/actions", data=np.zeros((10, 3))),
        "values of another shape or type",
    ),
    "a scalar": (replaced("data/demo_0/obs/state", data=1.0), "cannot be read"),
    "a group for numbers": (grouped, "a demonstration of another length than it says"),
    "no demonstrations": (lambda file, _: file.move("data", "other"), "not robomimic's format"),
    "another description": (undescribed, "not Kata's description"),
    "codes without names": (unordered, "values of another shape or type"),
    "half an outcome": (outcomes, "not the outcome of an episode"),
}


def refused(make: Callable[[], Source], folder: Path) -> KataError:
    with pytest.raises(KataError) as caught:
        convert(make(), LeRobotSink, LeRobotSource, folder)
    assert not folder.exists() or not list(folder.iterdir())
    return caught.value


@pytest.mark.parametrize("name", HDF5)
def test_an_unsound_hdf5_file_is_refused(name: str, hdf5: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.hdf5"
    path.write_bytes(hdf5)
    spoil, what = HDF5[name]
    with h5py.File(path, "r+") as file:
        spoil(file, tmp_path)
    assert refused(lambda: RobomimicSource(path), tmp_path / "data").what == what


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(
    share: float, hdf5: bytes, bag: bytes, tmp_path: Path
) -> None:
    for name, whole, make in (
        ("file.hdf5", hdf5, RobomimicSource),
        ("file.mcap", bag, BagSource),
    ):
        path = tmp_path / name
        path.write_bytes(whole[: int(share * len(whole))])
        error = refused(lambda path=path, make=make: make(path), tmp_path / "data")
        assert isinstance(error, DatasetError)
        assert str(path) in error.where


def tried(make: Callable[[], Source], folder: Path) -> str:
    """The content that was brought in; empty where it was refused."""
    try:
        return convert(make(), LeRobotSink, LeRobotSource, folder).sums.content
    except KataError:
        assert not folder.exists() or not list(folder.iterdir())
        return ""


@pytest.mark.parametrize("seed", range(12))
def test_wrong_bytes_neither_crash_nor_pass_for_right_ones(
    seed: int, hdf5: bytes, bag: bytes, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    for name, whole, make in (
        ("file.hdf5", hdf5, RobomimicSource),
        ("file.mcap", bag, BagSource),
    ):
        path = tmp_path / name
        path.write_bytes(whole)
        right = tried(lambda path=path, make=make: make(path), tmp_path / f"right_{name}")
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 20):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        found = tried(lambda path=path, make=make: make(path), tmp_path / f"wrong_{name}")
        assert found in ("", right)


@pytest.mark.parametrize("make", [RobomimicSource, BagSource])
@pytest.mark.parametrize("what", ["nothing", "folder", "text", "pipe"])
def test_what_is_no_such_file_is_refused(make: Any, what: str, tmp_path: Path) -> None:
    path = tmp_path / "file.mcap"
    if what == "folder":
        path.mkdir()
    elif what == "text":
        path.write_text("not what it says")
    elif what == "pipe":
        os.mkfifo(path)
    assert isinstance(refused(lambda: make(path), tmp_path / "data"), DatasetError)


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        need("no_such_package_h5", "robomimic's format")
    assert str(caught.value) == (
        "robomimic's format needs the package 'no_such_package_h5'\n"
        "  do:       pip install 'kata-robotics[bags]'"
    )


def test_nothing_is_left_where_the_writing_ends_in_the_middle(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(LeRobotSource(recorded), LeRobotSink, LeRobotSource, tmp_path / "a", interrupt)
    assert not list((tmp_path / "a").iterdir())
    # What a kill left behind does not stand in the way of the next try.
    (tmp_path / "a/.exchange/data").mkdir(parents=True)
    convert(LeRobotSource(recorded), LeRobotSink, LeRobotSource, tmp_path / "a")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"data", "meta"}
