"""Where a trained skill comes from: hashes in its contract, and what a library records of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .help import version
from .workspace import CONFIG, FREE, RESULT

if TYPE_CHECKING:
    from .learning import Lesson

TRAINING = "training"
"""The kind of the record."""

_FIGURES = ("steps", "demonstrations", "loss", "held_out")


def provenance_of(lesson: Lesson) -> dict[str, str]:
    """For the contract: hashes of dataset and configuration, and the version of the code.

    What changes only the time of a training is no part of the configuration.
    """
    from kata.datasets.files import json_bytes

    settings = {key: value for key, value in asdict(lesson.settings).items() if key not in FREE}
    return {
        "code": f"kata-robotics {version()}",
        "configuration": hashlib.sha256(json_bytes(settings)).hexdigest(),
        "dataset": lesson.dataset.content_hash,
    }


def told_of_training(run: Path, package: Path) -> dict[str, dict[str, Any]]:
    """What a library records of a package that `kata train` left in a run's folder, by kind.

    Its provenance, the whole configuration, and how it went; nothing for any other folder.
    """
    import yaml

    try:
        result = json.loads((run / RESULT).read_bytes())
        if result["verb"] != "train" or run / result["package"] != package:
            return {}
        settings = yaml.safe_load((run / CONFIG).read_bytes())
        figures = {key: result[key] for key in _FIGURES}
        return {TRAINING: {**result["provenance"], "settings": settings, **figures}}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return {}
