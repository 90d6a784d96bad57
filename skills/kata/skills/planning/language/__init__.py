"""Sentences to goals by grammar: words, clauses, references, meaning."""

from .answers import Ambiguous, Answer, Grounded, NotUnderstood, Unable
from .grounder import Grounder

__all__ = ["Ambiguous", "Answer", "Grounded", "Grounder", "NotUnderstood", "Unable"]
