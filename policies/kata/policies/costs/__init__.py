"""Differentiable costs on chunks: what a skill was not taught, told at the moment it runs."""

from .cost import BoundCost, Total, bind
from .motion import Forward, Motion, ToolForward
from .shapes import HAND, POINT, Body, Box, Shape, Sphere
from .terms import KeepApart, KeepAway, KeepHeight, KeepUpright, Reach, Term

__all__ = [
    "HAND",
    "POINT",
    "Body",
    "BoundCost",
    "Box",
    "Forward",
    "KeepApart",
    "KeepAway",
    "KeepHeight",
    "KeepUpright",
    "Motion",
    "Reach",
    "Shape",
    "Sphere",
    "Term",
    "ToolForward",
    "Total",
    "bind",
]
