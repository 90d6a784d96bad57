"""What the tests of datasets share: LeRobot, imported once, reading with its own code."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def lerobot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Opens a folder as a LeRobotDataset; its caches are in a temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        def open_dataset(root: Path, *, resume: bool = False, **options: Any) -> Any:
            if resume:
                return LeRobotDataset.resume("kata/test", root=root, **options)
            return LeRobotDataset("kata/test", root=root, video_backend="pyav", **options)

        yield open_dataset
