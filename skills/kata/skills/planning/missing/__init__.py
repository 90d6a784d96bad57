"""Missing: what no known skill can do, as a proposal that somebody can act on."""

from .answer import MissingSkill, NearDemonstration, NearSkill
from .demonstrations import Demonstration, DemonstrationIndex
from .finding import missing_skill

__all__ = [
    "Demonstration",
    "DemonstrationIndex",
    "MissingSkill",
    "NearDemonstration",
    "NearSkill",
    "missing_skill",
]
