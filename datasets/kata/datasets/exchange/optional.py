"""The packages of the extra `bags`: loaded where they are used, with the way to get them."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..types import MissingDependencyError


def need(module: str, purpose: str) -> ModuleType:
    """A module of an optional package. Raises MissingDependencyError with the install command."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            module.split(".", maxsplit=1)[0], "bags", purpose=purpose
        ) from error
