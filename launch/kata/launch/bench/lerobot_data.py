"""LeRobot's datasets as the baseline of a bench: quiet, offline, with its caches in a folder."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kata.datasets.types import MissingDependencyError


@contextmanager
def lerobot_datasets(folder: Path) -> Iterator[Any]:
    """LeRobot's class `LeRobotDataset`, of which nothing is written outside of a folder.

    Raises MissingDependencyError without LeRobot.
    """
    if importlib.util.find_spec("lerobot") is None:
        raise MissingDependencyError("lerobot", "lerobot", purpose="the baseline of this bench")
    import av
    import torch
    from huggingface_hub import constants

    handlers, disabled = logging.root.handlers[:], logging.root.manager.disable
    logging.disable(logging.WARNING)
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    # What it imports sets up a log on the terminal, where the user would see everything twice.
    logging.root.handlers[:] = handlers
    # Hugging Face's package; a type checker takes it for the area of the same name.
    hugging: Any = importlib.import_module("datasets")
    before = hugging.config.HF_DATASETS_CACHE, constants.HF_HUB_OFFLINE, torch.get_num_threads()
    hugging.config.HF_DATASETS_CACHE = folder / "cache"
    constants.HF_HUB_OFFLINE = True
    hugging.disable_progress_bars()
    # More threads than one cost it CPU time on small tensors and give it nothing.
    torch.set_num_threads(1)
    av.logging.set_libav_level(av.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield LeRobotDataset
    finally:
        logging.disable(disabled)
        hugging.enable_progress_bars()
        hugging.config.HF_DATASETS_CACHE, constants.HF_HUB_OFFLINE = before[:2]
        torch.set_num_threads(before[2])
