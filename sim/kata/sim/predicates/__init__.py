"""Facts from geometry and contacts: which atoms a scene has, and how far each is from turning.

To add a predicate: name it in `kata.datasets.types.PREDICATES`, write its rule in `rules.py`, enter
it in `rules.RULES`, and say in `table.py` over which names it is meaningful.
"""

from .evaluate import margins
from .table import atom_table

__all__ = ["atom_table", "margins"]
