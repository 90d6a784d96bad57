"""The index on disk: one safetensors file, which can always be made again from the contracts.

It is never the truth: a file of another format, model or list of verbs, or one that does not fit
together, counts as none.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.files import write_file
from kata.datasets.types import StorageError
from kata.skills.contract.contract import Contract

from ..choosing import sound_of
from .document import EFFECTS, TextEncoder, documents
from .index import SearchIndex
from .lexical import Postings
from .sentence_model import MODEL, WIDTH
from .verbs import verbs

FILE = "search.safetensors"
"""What the index of a library is called in its folder."""

FORMAT = "2"

_log = logging.getLogger(__name__)


def refreshed(
    path: Path, keys: Iterable[str], read: Callable[[str], Contract], encoder: TextEncoder
) -> SearchIndex | None:
    """The index of exactly these skills, from the file as far as it goes.

    Skills that the file has are neither read nor embedded again; where it had others, it is written
    anew. What `read` refuses is left out, which is logged, and so is a disk that refuses.

    Args:
        path: the file.
        keys: hashes of what the skills are, so that a changed skill has another key.
        read: the contract of a key.
        encoder: as for every text of this file.

    Returns:
        None without any skill.

    Raises PackageError or ContractError where `read` refuses every skill.
    """
    wanted = list(dict.fromkeys(keys))
    before = load(path)
    if before is not None and before.keys == tuple(wanted):
        return before
    if not wanted:
        return None
    rows = {} if before is None else {key: row for row, key in enumerate(before.keys)}
    known = {} if before is None else {k: before.document(rows[k]) for k in wanted if k in rows}
    missing = [key for key in wanted if key not in known]
    found = sound_of(missing, missing, lambda key: (key, read(key)), needed=not known)
    known |= {document.key: document for document in documents(dict(found), encoder)}
    sound = [key for key in wanted if key in known]
    if before is not None and before.keys == tuple(sound):
        return before
    index = SearchIndex.of([known[key] for key in sound])
    try:
        save(path, index)
    except StorageError as error:
        _log.warning("the index for search is not kept: %s", error)
    return index


def save(path: Path, index: SearchIndex) -> None:
    """Write the index, whole or not at all. Raises StorageError."""
    from safetensors.numpy import save as to_bytes

    words = index.postings
    texts = {"keys": index.keys, "data": index.data, "texts": index.texts}
    arrays = {
        "texts": np.frombuffer(json.dumps(texts | {"words": words.vocabulary}).encode(), np.uint8),
        "ends": index.ends,
        "vectors": index.vectors,
        "centres": index.centres,
        "doings": index.doings,
        "effects": index.effects,
        "term_ends": words.ends,
        "documents": words.documents,
        "counts": words.counts,
    }
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_file(path, to_bytes(whole, metadata=_stamp()))


def load(path: Path) -> SearchIndex | None:
    """The index of a file; None if there is none, or none that can be used."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            if file.metadata() != _stamp():
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _index(arrays)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        _log.info("the index for search is made anew: %s: %s", path, error)
        return None


def _index(arrays: Mapping[str, NDArray[Any]]) -> SearchIndex:
    """The index of a file's arrays. Raises ValueError, KeyError or TypeError if they do not fit."""
    texts = json.loads(arrays["texts"].tobytes())
    keys, words = tuple(texts["keys"]), tuple(texts["words"])
    ends, term_ends = arrays["ends"], arrays["term_ends"]
    documents_, counts = arrays["documents"], arrays["counts"]
    size, passages, postings = len(keys), len(arrays["vectors"]), len(documents_)
    shapes = {
        "ends": (size + 1,),
        "vectors": (passages, WIDTH),
        "centres": (size, WIDTH),
        "doings": (size, len(verbs().frames)),
        "effects": (size, len(EFFECTS)),
        "term_ends": (len(words) + 1,),
        "counts": (postings,),
    }
    wrong = [name for name, shape in shapes.items() if arrays[name].shape != shape]
    lists = (texts["data"], texts["texts"])
    sound = all(len(each) == size for each in lists) and postings and size
    if wrong or not sound or not _rising(ends, passages) or not _rising(term_ends, postings):
        raise ValueError(f"arrays do not fit: {', '.join(wrong) or 'ends'}")
    if documents_.min() < 0 or documents_.max() >= size:
        raise ValueError("postings of documents that are not there")
    return SearchIndex(
        keys,
        tuple(texts["data"]),
        tuple(map(tuple, texts["texts"])),
        ends,
        arrays["vectors"],
        arrays["centres"],
        arrays["doings"],
        arrays["effects"],
        Postings(words, term_ends, documents_, counts, size),
    )


def _rising(ends: NDArray[Any], last: int) -> bool:
    return bool(ends[0] == 0 and ends[-1] == last and (np.diff(ends) > 0).all())


def _stamp() -> dict[str, str]:
    """What must be the same for a file to be of use."""
    lexicon = files(__package__).joinpath("verbs.yaml").read_bytes()
    # What a text is cut into is code: this changes with the format.
    return {"format": FORMAT, "model": MODEL, "verbs": hashlib.sha256(lexicon).hexdigest()[:16]}
