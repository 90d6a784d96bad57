"""Robots by name: descriptions, models and kinematics."""

from .adding import add
from .description import Description
from .model import RobotModel
from .registry import describe, load, names, user_folder

__all__ = ["Description", "RobotModel", "add", "describe", "load", "names", "user_folder"]
