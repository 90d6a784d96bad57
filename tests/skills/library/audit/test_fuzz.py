"""Spoilt manifests, contracts, policies and signatures: each ends in a KataError or in a package
that the audit passed, and what was not signed anew is never opened."""

import copy
import json
import random

import pytest
import yaml

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import KataError
from kata.skills.contract.package import verify, write_package
from kata.skills.contract.seal import SIGNATURE
from kata.skills.library.audit import audit_package
from kata.skills.library.library import Library
from kata.skills.library.trust import Trust

NONE = (None, True, 0, -1, 2**63, 2**200, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"))
TEXTS = (
    "",
    " ",
    "x" * 70,
    "\ud800",
    "\u202e",
    "\x00",
    "../..",
    "?object",
    "open(?object)",
    "1.0.0",
)
TEXTS += ("not a condition (", "\u0661.\u0660.\u0660", "!!binary x", "*a", "&a x", b"bytes")
TEXTS += ("forall ?a: x. " * 50 + "true", "not " * 60 + "true", "1e999", "=", "2026-01-01", "0o7")
NESTS = ([], {}, [[]], [None], {"": None}, {"type": "number"}, {"low": [0], "high": [1]})
ODD = (*NONE, *TEXTS, *NESTS)
BITS = (b"\x00", b"\xff", b"{", b"}", b"[", b"]", b":", b"- ", b"\n", b"'", b'"', b"\t", b"? ")
BITS += (b"!!", b"!!bool x", b"&a ", b"*a", b"\xe2\x80\xae", b"\xed\xa0\x80", b"e999", b"NaN")
BITS += (b"---\n", b"<<: ", b"%YAML 9.9\n", b"!!timestamp ", b"!!float ", b"!!set ", b"!!int ")
FILES = ("manifest.json", "skill.yaml", "policy.json", SIGNATURE)


def paths_of(data, at=()):
    """Every place in plain data."""
    yield at
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from paths_of(value, (*at, key))


def changed_data(data, rng):
    """The data with one to three places replaced, removed, doubled, renamed or wrapped."""
    data = copy.deepcopy(data)
    for _ in range(rng.randint(1, 3)):
        paths = [path for path in paths_of(data) if path]
        if not paths:
            return rng.choice(ODD)
        *way, last = rng.choice(paths)
        inner = data
        for key in way:
            inner = inner[key]
        act = rng.choice(("replace", "replace", "remove", "add", "wrap", "rename"))
        if act == "remove":
            del inner[last]
        elif act == "wrap":
            inner[last] = rng.choice(([inner[last]], {"a": inner[last]}))
        elif act == "rename" and isinstance(inner, dict):
            inner[rng.choice(("x", "", "type", "name", "\u202e", 7))] = inner.pop(last)
        elif act == "add" and isinstance(inner, dict):
            inner[rng.choice(("x", "_target_", "format", 3, "class"))] = copy.deepcopy(
                rng.choice(ODD)
            )
        else:
            inner[last] = copy.deepcopy(rng.choice(ODD))
    return data


def changed_bytes(content, rng):
    """The bytes with a few flipped, put in, taken out, doubled or cut off."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        act = rng.choice(("flip", "insert", "remove", "double", "cut"))
        if act == "flip" and at < len(content):
            content[at] = rng.randrange(256)
        elif act == "insert":
            content[at:at] = rng.choice(BITS)
        elif act == "remove":
            del content[at : at + rng.randint(1, 20)]
        elif act == "double":
            content[at:at] = content[at : at + rng.randint(1, 200)]
        elif rng.random() < 0.2:
            del content[at:]
    return bytes(content)


def written(name, data):
    """The data in the language of its file, as far as that can say it."""
    try:
        if name == "skill.yaml":
            return yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass")
        return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, yaml.YAMLError):
        return repr(data).encode("utf-8", "surrogatepass")


def spoilt(name, content, rng):
    if rng.random() < 0.5:
        data = yaml.safe_load(content) if name == "skill.yaml" else json.loads(content)
        return written(name, changed_data(data, rng))
    return changed_bytes(content, rng)


@pytest.fixture
def sound(tmp_path, contracts, own, sign):
    """A library with one sound package, whose files are spoilt in turn."""

    def policy(folder):
        write_file(
            folder / "policy.json", json_bytes({"format": 1, "kind": "scripted", "name": "x"})
        )

    library = Library(tmp_path / "library", own)
    entry = library.add(write_package(tmp_path / "made", contracts["push"], policy))
    sign(entry.folder, own)
    return library, entry.folder


def fuzz(sound, own, rehash, sign, count, seed):
    """Outcomes of so many spoilt files: how many were opened, refused, and not changed."""
    library, folder = sound
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    rng, told = random.Random(seed), {"opened": 0, "refused": 0, "same": 0}
    own_trust = Trust.of(own)
    loose = Trust.of(own, "trusted", allow_unsigned=True)
    for _ in range(count):
        name = rng.choice(FILES)
        content = spoilt(name, kept[name], rng)
        write(folder / name, content)
        anew = rng.random() < 0.5 and name not in ("manifest.json", SIGNATURE)
        if anew:
            rehash(folder)
            sign(folder, own)
        report = audit_package(folder)
        library.survey()
        for trust in (own_trust, loose):
            try:
                skill = trust.open(folder)
                assert skill.load_policy(lambda text: text) == skill.scripted
            except KataError:
                told["refused"] += 1
            else:
                assert anew or content == kept[name] or (name == SIGNATURE and same(content, kept))
                assert report.contract == skill.contract or not report.ok
                told["opened"] += 1
        for known, before in kept.items():
            write(folder / known, before)
    return told


def write(path, content):
    # Not durable: ten thousand cases would only wait for the disk.
    path.write_bytes(content)


def same(content, kept):
    """Whether a signature means the same: white space and letters of its digits are free."""
    return json.loads(content.lower()) == json.loads(kept[SIGNATURE])


def test_spoilt_files_end_in_our_errors(sound, own, rehash, sign):
    told = fuzz(sound, own, rehash, sign, 300, 1)
    assert told["refused"] > 300


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_ten_thousand_spoilt_files_end_in_our_errors(sound, own, rehash, sign):
    told = fuzz(sound, own, rehash, sign, 10_000, 0)
    assert told["refused"] > 10_000
    assert told["opened"] > 100
    verify(sound[1])
