"""Where a language model is, and how it may be asked; the key itself is never kept."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from kata.datasets.types import ConfigError

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_MODEL = re.compile(r"[\w./:@+-]{1,200}", re.ASCII)
_HOST = re.compile(r"[\w.:-]{1,253}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that speaks the OpenAI protocol.

    Attributes:
        base_url: up to and with `/v1`; `http` only for this machine, unless `allow_http`.
        model: as the endpoint names it.
        key_env: name of the environment variable that holds the key, if the endpoint wants one.
        timeout_s: for one answer, tries again and waits between them included.
        seed: sent with every request.
        allow_http: whether sentence, scene and key may cross a network in the clear.

    Raises:
        ConfigError: one of them cannot be used; no message repeats what could be a key.
    """

    base_url: str
    model: str
    key_env: str = "KATA_LLM_KEY"
    timeout_s: float = 60.0
    seed: int = 0
    allow_http: bool = False

    def __post_init__(self) -> None:
        check_secretless(self.base_url, self.key_env)
        parts = _split(self.base_url)
        if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or ""):
            raise ConfigError(
                "not the address of an endpoint",
                where="llm.base_url",
                expected="http://127.0.0.1:PORT/v1 or https://HOST/v1",
                got=repr(self.base_url[:200]),
            )
        if parts.scheme == "http" and not self.loopback and not self.allow_http:
            raise ConfigError(
                "plain http to another machine",
                where="llm.base_url",
                expected="https, or an endpoint on this machine",
                got=f"http://{parts.hostname}",
                hint="llm.allow_http=true lets sentence, scene and key cross the network readable",
            )
        if not _MODEL.fullmatch(self.model):
            raise ConfigError(
                "which model?",
                where="llm.model",
                expected="its name at the endpoint",
                got=repr(self.model[:80]) if self.model else "none",
                hint=f"{self.base_url.rstrip('/')}/models lists what the endpoint has",
            )
        if not (math.isfinite(self.timeout_s) and 0 < self.timeout_s <= 3600):
            raise ConfigError(
                "impossible time-out",
                where="llm.timeout_s",
                expected="more than 0, at most 3600 s",
                got=f"{self.timeout_s:g}",
            )

    @property
    def host(self) -> str:
        """Host of the endpoint, for messages."""
        return _split(self.base_url).hostname or ""

    @property
    def loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def key(self) -> str:
        """The key as the environment has it now; empty if there is none.

        Raises ConfigError for characters that no header can carry, without repeating them.
        """
        key = os.environ.get(self.key_env, "").strip()
        if not (key.isascii() and all(" " < c < "\x7f" for c in key)):
            raise ConfigError(
                "not a key",
                where=f"the environment variable {self.key_env}",
                expected="printable ASCII without spaces",
                got="other characters (not shown)",
            )
        return key


def check_secretless(base_url: str, key_env: str) -> None:
    """Raise ConfigError where an address or a name may hold a secret, without repeating it.

    Both are written into the folder of a run, so this is asked before anything is written.
    """
    if not _VARIABLE.fullmatch(key_env):
        raise ConfigError(
            "not the name of an environment variable",
            where="llm.key_env",
            expected="a name such as KATA_LLM_KEY, never the key itself",
            got="something else (not shown: it could be a key)",
            hint="export KATA_LLM_KEY=... and leave llm.key_env as it is",
        )
    parts = _split(base_url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "an address with a secret in it",
            where="llm.base_url",
            expected="scheme, host, port and path only",
            got="a user, a query or a fragment (not shown)",
            hint="keys come from the environment: llm.key_env names the variable",
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for an impossible one)
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts
