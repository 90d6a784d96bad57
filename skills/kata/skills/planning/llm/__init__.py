"""A language model proposes calls; nothing of it counts until it has been checked."""

from .chat import OpenAIChat
from .endpoint import Endpoint
from .planner import LanguageModelPlanner

__all__ = ["Endpoint", "LanguageModelPlanner", "OpenAIChat"]
