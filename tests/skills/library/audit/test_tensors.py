"""Headers of safetensors: what the loader would take is passed, everything else is named."""

import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load, save

from kata.skills.library.audit.tensors import judge_tensors

SHAPES = st.dictionaries(
    st.text("abc.", min_size=1, max_size=6),
    st.lists(st.integers(0, 4), max_size=3),
    min_size=1,
    max_size=5,
)
MOST = 1 << 21


def judged(tmp_path, content, name="policy.safetensors"):
    path = tmp_path / name
    path.write_bytes(content)
    return judge_tensors(path, MOST)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=SHAPES, kind=st.sampled_from([np.float32, np.float16, np.int64, np.uint8, np.bool_]))
def test_what_the_library_writes_passes(tmp_path, shapes, kind):
    content = save({name: np.ones(shape, kind) for name, shape in shapes.items()})
    findings, digest = judged(tmp_path, content)
    assert findings == ()
    assert digest == (len(content), hashlib.sha256(content).hexdigest())


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_passed_can_be_loaded(tmp_path, data):
    content = bytearray(save({"a": np.ones((2, 3), np.float32), "b": np.ones(4, np.int8)}))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    findings, _ = judged(tmp_path, bytes(content))
    if not findings:
        assert set(load(bytes(content)))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_judged(tmp_path, content):
    findings, digest = judged(tmp_path, content)
    assert bool(findings) == (digest is None)
    if not findings:
        load(content)


def header(told, data=b""):
    text = json.dumps(told).encode()
    return struct.pack("<Q", len(text)) + text + data


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no safetensors"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00[]", "no safetensors"),
        (header([]), "no safetensors"),
        (header({"__metadata__": {"a": 1}}), "metadata that is no text"),
        (header({"a": [1]}), "not described"),
        (header({"a": {**ENTRY, "more": 1}}, b"1234"), "not described"),
        (header({"a\u202e": ENTRY}, b"1234"), "hidden or long name"),
        (header({"a" * 300: ENTRY}, b"1234"), "hidden or long name"),
        (header({"a": {**ENTRY, "shape": [1] * 9}}, b"1234"), "impossible shape"),
        (header({"a": {**ENTRY, "shape": [1 << 50]}}, b"1234"), "impossible shape"),
        (header({"a": {**ENTRY, "data_offsets": [4, 0]}}, b"1234"), "impossible place"),
        (header({"a": {**ENTRY, "data_offsets": [0.0, 4.0]}}, b"1234"), "impossible place"),
        (header({"a": {**ENTRY, "dtype": ["F32"]}}, b"1234"), "unknown type"),
        (header({f"t{n}": ENTRY for n in range(17000)}, b"1234"), "too many tensors"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, what):
    (finding,), digest = judged(tmp_path, content)
    assert what in finding.what
    assert digest is None


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_counted_by_tensor(tmp_path, kind, bad):
    # Larger than a piece of the reader, so that elements are split between two.
    many = np.zeros(300_001, kind)
    many[[0, 131_071, 131_072, -1]] = bad
    content = save({"head": np.zeros(3, np.uint8), "many": many, "ok": np.ones(2, kind)})
    path = tmp_path / "policy.safetensors"
    path.write_bytes(content)
    (finding,), digest = judge_tensors(path, 1 << 26)
    assert finding.what == "tensor many holds numbers that are not finite"
    assert finding.got == "4 that are not"
    assert digest == (len(content), hashlib.sha256(content).hexdigest())


def test_a_boundary_may_hold_numbers_that_are_none(tmp_path):
    content = save({"starts": np.full(3, np.nan, np.float32)})
    assert judged(tmp_path, content, "boundary.safetensors")[0] == ()


def test_a_file_over_the_limit_is_not_read(tmp_path):
    (finding,), digest = judged(tmp_path, b"x" * (MOST + 1))
    assert (finding.what, digest) == ("file is too large", None)


def test_a_loader_takes_what_we_refuse_at_its_own_risk(tmp_path):
    # The reason for a parser of our own: what this one says is independent of a loader's bugs.
    content = header({"a": ENTRY, "b": {**ENTRY, "data_offsets": [2, 6]}}, b"123456")
    with pytest.raises(SafetensorError):
        load(content)
    assert "overlaps" in judged(tmp_path, content)[0][0].what
