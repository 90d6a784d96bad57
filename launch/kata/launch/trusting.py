"""Whom a robot trusts: what `kata library keygen`, `sign`, `trust` and `untrust` do.

`trust` and `allow_unsigned` of a configuration become a `Trust` here, once, for every verb.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, KataError

from .job import Done, Job

if TYPE_CHECKING:
    from kata.skills.library.library import Library
    from kata.skills.library.signing import Keyring
    from kata.skills.library.trust import Trust
    from kata.skills.library.trusted import TrustedKey

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


def keygen(_job: Job, _word: str) -> Done:
    """Make the own key, once. Raises SignatureError where there is one."""
    from kata.skills.library.keys import fingerprint
    from kata.skills.library.signing import Keyring

    keyring = Keyring()
    public = keyring.make()
    lines = (
        f"key {fingerprint(public)}, kept in {keyring.path}",
        f"public key, to give to others: {public.hex()}",
        "keep a copy of the file where nobody else can read it: without it nothing more is signed",
    )
    result = {"fingerprint": fingerprint(public), "public": public.hex(), "file": str(keyring.path)}
    return Done(result, lines, "kata library sign")


def signed(job: Job, word: str) -> Done:
    """Sign one package, or every one of the library that has no signature.

    Exit code 1 where one of several is not sound. Raises what keeps the one that was named from
    being signed: PackageError, ContractError, SignatureError.
    """
    from . import build

    library = build.library(job.config.library)
    named = [_folder_of(library, word)] if word else _unsigned(library)
    told, failed = [], 0
    for folder in named:
        try:
            told.append({"package": folder.name, **_sign(folder, library.keyring)})
        except KataError as error:
            if word:
                raise
            failed += 1
            told.append({"package": folder.name, "problem": str(error)})
    lines = [_signed_line(each) for each in told] or ["every package is signed"]
    return Done({"packages": told}, tuple(lines), "kata library verify", code=1 if failed else 0)


def trusted(job: Job, word: str) -> Done:
    """Trust a key, or without one list the keys that are trusted."""
    from kata.skills.library.keys import fingerprint
    from kata.skills.library.signing import Keyring
    from kata.skills.library.trusted import parse_public

    keyring = Keyring()
    if not word:
        return _known_keys(keyring)
    public = parse_public(_key_text(word), where=word)
    if not job.config.name:
        raise ConfigError(
            "whose key is it?",
            where=f"kata library trust {word}",
            got=f"key {fingerprint(public)}",
            hint="compare these 16 digits with its owner, then add name=alice",
        )
    key = keyring.trust(public, str(job.config.name), records=job.config.records)
    lines = (
        _key_line(key),
        "its packages load with trust=trusted; what it recorded of trials and promotions "
        + ("counts as proof" if key.records else "does not count (records=true)"),
    )
    return Done({"key": _told(key)}, lines, "kata library trust")


def untrusted(_job: Job, word: str) -> Done:
    """Trust a key no longer: its packages do not load, and its records do not count."""
    from kata.skills.library.signing import Keyring

    key = Keyring().untrust(word)
    line = f"{key.name} (key {key.fingerprint}) is not trusted any more"
    return Done({"key": _told(key)}, (line,), "kata library verify")


def _known_keys(keyring: Keyring) -> Done:
    from kata.skills.library.keys import fingerprint

    own, others = keyring.own(), keyring.trusted()
    lines = [f"{fingerprint(own)}  your own" if own else "no key of your own yet"]
    lines += [_key_line(key) for key in others]
    result = {"own": fingerprint(own) if own else None, "trusted": [_told(key) for key in others]}
    then = "kata library trust KEY name=alice" if own else "kata library keygen"
    return Done(result, tuple(lines), then)


def _key_line(key: TrustedKey) -> str:
    what = "packages and records" if key.records else "packages"
    return f"{key.fingerprint}  {key.name}, trusted for {what} since {key.since[:10]}"


def _told(key: TrustedKey) -> dict[str, Any]:
    told = {"fingerprint": key.fingerprint, "public": key.public.hex(), "name": key.name}
    return {**told, "since": key.since, "records": key.records}


def _key_text(word: str) -> str:
    """The content of the file that is named, else the word itself."""
    from kata.skills.contract.reading import read_plain

    path = Path(word).expanduser()
    if not path.is_file():
        return word
    return read_plain(path.resolve(), 4096).decode("utf-8", "replace")


def _folder_of(library: Library, word: str) -> Path:
    """The package that is a folder, or a skill of the library."""
    from .exporting import package_folder

    folder = package_folder(word)
    return folder if (folder / "manifest.json").is_file() else library.show(word).folder


def _unsigned(library: Library) -> list[Path]:
    from kata.skills.contract.seal import SIGNATURE

    folders = [entry.folder for entry in library.list()]
    return [folder for folder in folders if not (folder / SIGNATURE).exists()]


def _sign(folder: Path, keyring: Keyring) -> dict[str, Any]:
    """Sign a package that the audit finds nothing against. Raises PackageError, SignatureError."""
    from kata.skills.contract.seal import read_seal
    from kata.skills.library.audit import require_clean
    from kata.skills.library.keys import fingerprint
    from kata.skills.library.trust import sign_package

    audited = require_clean(folder)
    before = read_seal(folder)
    replaced = fingerprint(before.key) if before and before.key != keyring.own() else ""
    return {"signer": sign_package(folder, keyring, audited), "replaced": replaced}


def _signed_line(told: dict[str, Any]) -> str:
    if "problem" in told:
        return f"broken  {told['package']} {told['problem']}"
    instead = f", instead of key {told['replaced']}" if told["replaced"] else ""
    return f"signed  {told['package']} by key {told['signer']}{instead}"
