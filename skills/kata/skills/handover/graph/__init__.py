"""The transition graph: demonstrated states as stepping stones from one skill to the next.

Frames of all demonstrations are its nodes; it goes along demonstrations, and over bridges between
frames of different ones that are alike. Source: SkillMimic-V2's stitched trajectory graph (Yu et
al., SIGGRAPH 2025), here without reinforcement learning: what follows a path is a motion, not a
policy.
"""

from .graph import TransitionGraph
from .shaken import Shaken, shaken
from .states import States, buffer_steps, similarity
from .stitch import StitchOptions, stitch
from .stones import StonePath, Stones
from .storage import load_graph, save_graph

__all__ = [
    "Shaken",
    "States",
    "StitchOptions",
    "StonePath",
    "Stones",
    "TransitionGraph",
    "buffer_steps",
    "load_graph",
    "save_graph",
    "shaken",
    "similarity",
    "stitch",
]
