"""A language model proposes calls; nothing of it counts until it has been checked."""

from .chat import OpenAIChat
from .endpoint import Endpoint
from .memory import RememberedChat
from .planner import LanguageModelPlanner

__all__ = ["Endpoint", "LanguageModelPlanner", "OpenAIChat", "RememberedChat"]
