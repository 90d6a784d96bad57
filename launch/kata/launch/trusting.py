"""Whom a robot trusts: what `kata library keygen`, `sign`, `trust` and `untrust` do.

`trust` and `allow_unsigned` of a configuration become a `Trust` here, once, for every verb.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kata.skills.library.trust import Trust

    from .configuration import Config

_log = logging.getLogger(__name__)


def trust_of(config: Config) -> Trust:
    """The trust policy that a configuration asks for; one that lets anything in is logged.

    Raises UnknownNameError for another policy, SignatureError for keys that cannot be used.
    """
    from kata.skills.library.signing import Keyring
    from kata.skills.library.trust import Trust

    keyring, allowed = Keyring(), bool(config.get("allow_unsigned", False))
    if config.get("library") is None:
        # The own library is seeded with skills that the own key signs: without it none would load.
        keyring.public()
    if allowed:
        _log.warning("allow_unsigned=true: packages that nobody vouches for may be loaded")
    return Trust.of(keyring, str(config.get("trust", "own")), allow_unsigned=allowed)


@contextlib.contextmanager
def warnings_shown() -> Iterator[None]:
    """What the library warns of is seen on stderr meanwhile, beside the log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("kata.skills.library", __name__)]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
