"""Where a user's library and keys lie."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`$KATA_HOME`, else `kata` in the user's data folder."""
    given = os.environ.get("KATA_HOME")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_data_path("kata", appauthor=False)


def default_root() -> Path:
    """The library of this user."""
    return home() / "library"


def default_keys() -> Path:
    """The keys of this user."""
    return home() / "keys"
