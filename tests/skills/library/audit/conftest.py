"""Packages to be spoilt: sound ones, and what makes a spoilt one consistent again."""

import json
import struct
from pathlib import Path

import pytest

from kata.datasets.files import json_bytes, write_file
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import CORE, identity_of, scripted, write_package
from kata.skills.contract.reading import digest_plain
from kata.skills.contract.seal import SIGNATURE, Seal
from kata.skills.library.signing import Keyring

CONTRACTS = {
    contract.name: contract
    for contract in read_contracts(Path(__file__).resolve().parents[4] / "configs" / "skill")
}


@pytest.fixture
def contracts():
    return CONTRACTS


@pytest.fixture
def package(tmp_path):
    """A sound package of `pick`, with weights of two small tensors, as if it were learned."""

    def policy(folder):
        write_file(folder / "policy.json", json_bytes({"format": 1, "policy": "regression"}))
        write_file(folder / "policy.safetensors", tensors({"a": [2], "b": [3]}))

    return write_package(tmp_path / "made", CONTRACTS["pick"], policy)


@pytest.fixture
def plain(tmp_path):
    """A sound package of `pick` that is scripted."""
    return write_package(tmp_path / "made", CONTRACTS["pick"], scripted("pick"))


@pytest.fixture
def own(tmp_path):
    ring = Keyring(tmp_path / "own")
    ring.public()
    return ring


@pytest.fixture
def mallory(tmp_path):
    return Keyring(tmp_path / "mallory")


def tensors(shapes, header=None, data=None):
    """Bytes of safetensors: tensors of F32 ones by shape, or what is given instead."""
    at, told = 0, {}
    for name, shape in shapes.items():
        size = 4
        for dim in shape:
            size *= dim
        told[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(told).encode() if header is None else header
    body = struct.pack(f"<{at // 4}f", *[1.0] * (at // 4)) if data is None else data
    return struct.pack("<Q", len(head)) + head + body


@pytest.fixture(name="tensors")
def tensors_fixture():
    return tensors


def rehash(folder, **changes):
    """Write a manifest that fits the files, as whoever spoilt them would."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    files = {
        path.name: digest_plain(path, 1 << 30)
        for path in sorted(folder.iterdir())
        if path.is_file()
        and not path.is_symlink()
        and path.name not in ("manifest.json", SIGNATURE)
    }
    manifest["files"] = {n: {"bytes": size, "sha256": d} for n, (size, d) in files.items()}
    manifest["identity"] = identity_of({n: d for n, (_, d) in files.items() if n in CORE})
    (folder / "manifest.json").write_bytes(json_bytes({**manifest, **changes}))


def sign(folder, ring):
    """Sign whatever the manifest says, sound or not."""
    content = (folder / "manifest.json").read_bytes()
    (folder / SIGNATURE).write_bytes(Seal(ring.public(), ring.sign(content)).to_bytes())


@pytest.fixture(name="rehash")
def rehash_fixture():
    return rehash


@pytest.fixture(name="sign")
def sign_fixture():
    return sign
