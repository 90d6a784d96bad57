"""Plans for people and other programs: trees, pictures, JSON, and behaviour trees in and out."""

from .formats import FORMATS, read_plan, write_plan

__all__ = ["FORMATS", "read_plan", "write_plan"]
