"""Sentences to goals: by grammar, and a second time by likeness where the grammar has no answer."""

from .answers import Ambiguous, Answer, Grounded, NotUnderstood, Unable
from .binding import UnboundError, bound, offered
from .grounder import Grounder
from .measures import Measure, Wish

__all__ = [
    "Ambiguous",
    "Answer",
    "Grounded",
    "Grounder",
    "Measure",
    "NotUnderstood",
    "Unable",
    "UnboundError",
    "Wish",
    "bound",
    "offered",
]
