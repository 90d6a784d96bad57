"""Packages from the Hub: the real client against a server on loopback that speaks its protocol."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import huggingface_hub
import pytest
from huggingface_hub.utils import filter_repo_objects

from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.sources.hub import _Taking
from kata.skills.library.sources.source import Source
from kata.skills.library.trust import make_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")
COMMIT = "0123456789abcdef0123456789abcdef01234567"

INSTALLER = """
import json, sys
from pathlib import Path
from kata.datasets.types import KataError
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.sources.install import install

for line in sys.stdin:
    root, text = json.loads(line)
    try:
        done = install(Library(Path(root), Keyring(Path(root).parent / "keys")), text)
        told = {"revision": done.revision, "source": str(done.source), "error": ""}
    except KataError as error:
        told = {"error": str(error), "kind": type(error).__name__}
    print(json.dumps(told), flush=True)
"""


class Hub(ThreadingHTTPServer):
    """Model repositories in memory; what was asked for is kept."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.announced: dict[str, int] = {}
        self.status: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        words = parts.path.strip("/").split("/")
        api = words[:2] == ["api", "models"]
        name = "/".join(words[2:4] if api else words[:2])
        self.server.asked.append(parts.path)
        code, error = self.server.status.get(name, (200, ""))
        files = self.server.repositories.get(name)
        if files is None and code == 200:
            code, error = 401, "RepoNotFound"
        if code != 200:
            return self._answer(code, b"{}", {"X-Error-Code": error, "X-Error-Message": error})
        assert files is not None
        rest = words[4:] if api else words[2:]
        if rest and rest[0] in ("revision", "tree", "resolve") and rest[1] not in ("main", COMMIT):
            return self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if not api:
            path = "/".join(rest[2:])
            if path not in files:
                return self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            etag = hashlib.sha1(files[path]).hexdigest()
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
            return self._answer(200, files[path], headers)
        sizes = {path: self.server.announced.get(path, len(files[path])) for path in files}
        if rest and rest[0] == "tree":
            listed = [
                {"type": "file", "path": path, "size": size, "oid": "0" * 40}
                for path, size in sizes.items()
            ]
            return self._answer(200, json.dumps(listed).encode())
        assert parse_qs(parts.query).get("blobs"), "sizes are asked for"
        siblings = [
            {"rfilename": path, "size": size, "blobId": "0" * 40} for path, size in sizes.items()
        ]
        body = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}
        body |= {"private": False, "tags": [], "downloads": 0, "likes": 0}
        return self._answer(200, json.dumps(body).encode())

    def _answer(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def installer(hub, tmp_path_factory):
    """One process whose client talks to the server: the client reads HF_ENDPOINT when imported."""
    home = tmp_path_factory.mktemp("hub-home")
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home)}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_ETAG_TIMEOUT": "2", "HF_TOKEN": ""}
    environment = {k: v for k, v in environment.items() if k.lower() not in _PROXIES}
    with subprocess.Popen(
        [sys.executable, "-c", INSTALLER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", Keyring(tmp_path / "keys"))


@pytest.fixture
def package(library, tmp_path):
    made = make_package(tmp_path / "made", PICK, scripted("pick"), keyring=library.keyring)
    return {path.name: path.read_bytes() for path in made.iterdir()}


@pytest.fixture
def repository(hub, package):
    """A repository as people have them: the package, a card, and what Git keeps there."""
    hub.asked.clear()
    hub.announced.clear()
    hub.status.clear()
    hub.repositories.clear()
    hub.repositories["kata/pick"] = {
        **package,
        ".gitattributes": b"*.safetensors filter=lfs",
        "README.md": b"# Pick",
        "policy.pkl": b"evil",
        "train.py": b"evil",
    }
    return hub.repositories["kata/pick"]


@pytest.fixture
def install(installer, library):
    def one(text):
        installer.stdin.write(json.dumps([str(library.root), text]) + "\n")
        installer.stdin.flush()
        return json.loads(installer.stdout.readline())

    return one


def test_only_what_the_manifest_names_is_fetched(install, repository, package, library, hub):
    assert install("hf://kata/pick") == {
        "revision": COMMIT,
        "source": "hf://kata/pick",
        "error": "",
    }
    entry = library.show("pick")
    assert {path.name: path.read_bytes() for path in entry.folder.iterdir()} == package
    (record,) = library.records(entry, "source")
    assert record.data == {"kind": "hub", "revision": COMMIT, "source": "hf://kata/pick"}
    fetched = {path.rpartition("/")[2] for path in hub.asked if "/resolve/" in path}
    assert fetched == set(package)
    assert library.trust.open(entry.folder).contract.name == "pick"
    assert list(library.root.glob(".*.tmp")) == []


def test_a_revision_and_a_folder_can_be_named(install, repository, package, library, hub):
    hub.repositories["kata/skills"] = {f"pick/{name}": content for name, content in package.items()}
    hub.repositories["kata/skills"]["place/manifest.json"] = b"{}"
    assert "#pick, #place" in install("hf://kata/skills")["error"]
    for text in ("hf://kata/skills@main#pick", f"hf://kata/skills@{COMMIT}#pick"):
        assert install(text) == {"revision": COMMIT, "source": text, "error": ""}


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("kata/nothing", None, "there is no such repository"),
        ("kata/gated", (403, "GatedRepo"), "the owner has to let you in"),
        ("kata/pick@v9", None, "there is no such revision"),
        ("kata/broken", (500, ""), "the Hub cannot be reached"),
        ("kata/busy", (429, ""), "the Hub cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_told(install, repository, library, hub, name, status, told):
    if status:
        hub.status[name] = status
    done = install(f"hf://{name}")
    assert told in done["error"]
    assert done["kind"] == "PackageError"
    assert library.list() == ()


def test_what_is_too_large_is_not_fetched(install, repository, hub):
    hub.announced["skill.yaml"] = 1 << 30
    assert "too large" in install("hf://kata/pick")["error"]
    assert not any(path.endswith("skill.yaml") for path in hub.asked if "/resolve/" in path)


def test_what_is_not_as_announced_is_refused(install, repository, library, hub):
    hub.announced["policy.json"] = 7
    assert "something else than it announced" in install("hf://kata/pick")["error"]
    hub.announced.clear()
    repository["policy.json"] = repository["policy.json"].replace(b"pick", b"poke")
    assert "altered policy.json" in install("hf://kata/pick")["error"]
    assert library.list() == ()


def test_names_in_a_manifest_lead_nowhere(install, repository, hub):
    manifest = json.loads(repository["manifest.json"])
    manifest["files"]["../../evil.json"] = {"bytes": 4, "sha256": "0" * 64}
    repository["manifest.json"] = json.dumps(manifest).encode()
    repository["../../evil.json"] = b"evil"
    assert install("hf://kata/pick")["error"]
    assert not any("evil" in path for path in hub.asked)


@pytest.mark.parametrize("folder", ["*", "[a-z]", "?", ".hidden", "a/../b", "a\\b"])
def test_a_folder_that_is_a_pattern_is_refused(install, package, library, hub, folder):
    hub.asked.clear()
    hub.repositories["kata/odd"] = {f"{folder}/{name}": part for name, part in package.items()}
    hub.repositories["kata/odd"]["x/policy.json"] = b"evil"
    assert "a folder with a name that none should have" in install("hf://kata/odd")["error"]
    assert not any("/resolve/" in path for path in hub.asked)
    assert library.list() == ()


def test_names_are_no_patterns_for_the_client(tmp_path, monkeypatch):
    there = ["*/policy.json", "x/policy.json", "*/policy.json.bak"]
    fetched = []

    def download(_place, *, allow_patterns, local_dir, **_):
        # The client's own filter, over a repository that is only listed.
        fetched.extend(filter_repo_objects(there, allow_patterns=allow_patterns))
        (local_dir / "*").mkdir()
        (local_dir / "*" / "policy.json").write_bytes(b"{}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    room, into = tmp_path / "room", tmp_path / "into"
    room.mkdir()
    into.mkdir()
    source = Source("hub", "kata/odd")
    _Taking(source, COMMIT, "*/", {"policy.json": 2}, room, into).files(["policy.json"])
    assert fetched == ["*/policy.json"]


def test_without_a_network_it_says_so(library, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k.lower() not in _PROXIES}
    environment |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    line = json.dumps([str(library.root), "hf://kata/pick"])
    for more, told in (({}, "the Hub cannot be reached"), ({"HF_HUB_OFFLINE": "1"}, "off")):
        done = subprocess.run(
            [sys.executable, "-c", INSTALLER],
            env={**environment, **more},
            input=line,
            capture_output=True,
            text=True,
            check=True,
        )
        assert told in json.loads(done.stdout)["error"]
