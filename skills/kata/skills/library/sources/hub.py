"""A package from a model repository of the Hugging Face Hub, through its own client.

The client's settings count: `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, proxies. Names and sizes
are checked before anything is fetched, and only the files that the manifest names are.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kata.datasets.files import told
from kata.datasets.types import PackageError
from kata.skills.contract.package import LIMITS, MANIFEST
from kata.skills.contract.reading import shown

from .parts import Parts, claimed, only_folder, wanted
from .source import Source

PATIENCE_S = 30.0
"""How long the Hub may take to say what a repository holds."""


def fetch_hub(source: Source, into: Path, room: Path) -> str:
    """Write a package's files into the folder `into`; the commit that they are from.

    Args:
        source: what to fetch.
        into: an empty folder.
        room: another one, for what is fetched.

    Raises PackageError for what cannot be fetched or is no package, StorageError where the disk
    refuses.
    """
    from huggingface_hub import HfApi

    with _answered(source):
        info = HfApi().model_info(
            source.place, revision=source.revision or None, files_metadata=True, timeout=PATIENCE_S
        )
    commit = str(info.sha)
    sizes = {file.rfilename: _size(file) for file in info.siblings or ()}
    folder = only_folder(sizes, source.subfolder, str(source))
    here = {
        path.removeprefix(folder): size
        for path, size in sizes.items()
        if path.startswith(folder) and Path(path).suffix in LIMITS
    }
    parts = Parts(str(source), into)
    take = _Taking(source, commit, folder, here, room, into)
    take.files(wanted([MANIFEST], here, parts))
    take.files(wanted(claimed(into)[1:], here, parts))
    return commit


class _Taking:
    """Fetches files of one commit and puts them into a folder."""

    def __init__(
        self,
        source: Source,
        commit: str,
        folder: str,
        sizes: Mapping[str, int],
        room: Path,
        into: Path,
    ) -> None:
        self._source, self._commit, self._folder = source, commit, folder
        self._sizes, self._room, self._into = sizes, room, into

    def files(self, names: list[str]) -> None:
        """Fetch these; each must have the bytes that were announced. Raises PackageError."""
        from huggingface_hub import snapshot_download

        if not names:
            return
        with _answered(self._source):
            snapshot_download(
                self._source.place,
                revision=self._commit,
                # The client takes them for patterns, and a folder may be called `*`.
                allow_patterns=[glob.escape(self._folder + name) for name in names],
                local_dir=self._room,
                max_workers=4,
            )
        for name in names:
            path = self._room / self._folder / name
            found = path.stat().st_size if path.is_file() and not path.is_symlink() else -1
            if found != self._sizes[name]:
                raise PackageError(
                    "the Hub sent something else than it announced",
                    where=str(self._source),
                    expected=f"{name}: {self._sizes[name]} bytes",
                    got=f"{found} bytes" if found >= 0 else "no file",
                )
            with told(self._into, "the library is as it was"):
                shutil.move(path, self._into / name)


@contextmanager
def _answered(source: Source) -> Iterator[None]:
    """Turn what the client raises into a PackageError that says what to do."""
    import httpx
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise _refused(source, "the owner has to let you in", error, "ask on its page") from None
    except errors.RevisionNotFoundError as error:
        raise _refused(source, "there is no such revision", error, "") from None
    except errors.RepositoryNotFoundError as error:
        hint = "check the name; a private one needs HF_TOKEN"
        raise _refused(source, "there is no such repository", error, hint) from None
    except errors.OfflineModeIsEnabled as error:
        hint = "unset HF_HUB_OFFLINE"
        raise _refused(source, "the Hub is switched off", error, hint) from None
    except (httpx.HTTPError, errors.HfHubHTTPError, errors.LocalEntryNotFoundError) as error:
        hint = "try again later, or install it from an archive"
        raise _refused(source, "the Hub cannot be reached", error, hint) from None
    except (ValueError, OSError) as error:
        raise _refused(source, "the Hub's answer cannot be used", error, "") from None


def _refused(source: Source, what: str, error: Exception, hint: str) -> PackageError:
    got = shown(" ".join(str(error).split()) or type(error).__name__, 300)
    return PackageError(what, where=str(source), got=got, hint=hint)


def _size(file: Any) -> int:
    return file.size if isinstance(file.size, int) else -1
