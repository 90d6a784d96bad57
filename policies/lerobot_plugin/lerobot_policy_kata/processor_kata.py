"""LeRobot's pipelines around an exported skill, which normalises by itself."""

from __future__ import annotations

from typing import Any

from lerobot.processor import make_policy_processor_pipelines
from lerobot.processor.batch_processor import AddBatchDimensionProcessorStep
from lerobot.processor.device_processor import DeviceProcessorStep
from lerobot.processor.rename_processor import RenameObservationsProcessorStep

from .configuration_kata import KataConfig


def make_kata_pre_post_processors(
    config: KataConfig,
    dataset_stats: Any | None = None,  # noqa: ARG001  (LeRobot passes it to every policy)
) -> tuple[Any, Any]:
    """Pipelines before and after the policy; statistics of a dataset change nothing."""
    before = [
        RenameObservationsProcessorStep(rename_map={}),
        AddBatchDimensionProcessorStep(),
        DeviceProcessorStep(device=config.device),
    ]
    pair: tuple[Any, Any] = make_policy_processor_pipelines(
        before, [DeviceProcessorStep(device="cpu")]
    )
    return pair
