"""Scenes: configuration, fixtures, the compiled scene and the view that predicates get."""

from .build import Scene, build_scene
from .config import TableWorldConfig
from .view import SceneView

__all__ = ["Scene", "SceneView", "TableWorldConfig", "build_scene"]
