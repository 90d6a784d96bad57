"""Text that people and language models will read: hidden characters, instructions, active content.

A planner that is a language model reads names, summaries and examples of every skill. Text in them
that speaks to the model, and not about the skill, is an attack whether or not it would succeed, so
it is an error; text that only flatters the skill is a warning. The patterns are words of attacks
that were published; what says the same in other words passes, which is why nothing that a model
answers is believed either (see `planning`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from kata.datasets.types import DEFAULT_HAND, Condition
from kata.skills.contract.contract import Contract
from kata.skills.contract.reading import shown

from .report import AuditFinding, Severity

LONGEST: Mapping[str, int] = {
    "summary": 400,
    "description": 4000,
    "recovery": 400,
    "default": 200,
    "condition": 4000,
}
MOST_EXAMPLES, LONGEST_EXAMPLE = 50, 200

_ORDERS = (
    r"(ignore|disregard|forget|override|bypass)\b.{0,40}\b(instruction|rule|prompt|polic|guard)",
    r"(ignore|disregard|forget|override|bypass)\b.{0,40}\b(limit|check|previous|prior|above|earlier)",
    r"\byou are (now|no longer|an? (ai|assistant|language model|system|planner))\b",
    r"\bas an? (ai|assistant|language model)\b",
    r"\b(system|developer|hidden) (prompt|message|instruction)",
    r"<\s*/?\s*(system|assistant|user|instructions?|tool)\b|<\|[^|>]{0,40}\|>|\[/?INST\]",
    r"^\s*(#+\s*)?(system|assistant|user|developer)\s*:",
    r"\b(do not|don't|never)\b.{0,20}\b(tell|mention|reveal|show|inform)\b.{0,30}\b(user|operator)",
    r"\b(do not|don't|never)\b.{0,20}\b(tell|inform|ask)\b.{0,30}\b(human|person|permission)",
    r"\bwithout (asking|confirmation|telling|checking|permission)",
    r"\b(disable|turn off|skip|switch off)\b.{0,30}\b(safety|watch|monitor|limit|check|audit|stop)",
    r"\b(new|updated|important) instructions?\b",
    r"\b(tool|function)[ _]calls?\b|\"(calls|tool_calls|function)\"\s*:",
    r"\b(api[ _]?key|password|credential)s?\b.{0,30}\b(send|post|print|give|reveal|include)",
    r"\b(send|post|print|give|reveal|include)\b.{0,30}\b(api[ _]?key|password|credential)",
    r"\b(curl|wget|rm -rf|sudo|powershell|bash -c)\b",
)
_PRAISE = (
    r"\b(always|must|only)\b.{0,20}\b(use|choose|select|prefer|pick|call) (this|me)\b",
    r"\binstead of (any|every|all)( of the)? other",
    r"\b(never|do not|don't) (use|choose|select|call) (any |the )?other",
    r"\b(highest|top|maximum) priority\b",
    r"\bbest skill\b",
)
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|\bdata:[a-z]+/", re.IGNORECASE)
_ACTIVE = (
    (re.compile(r"</?[a-z!?][^>]{0,200}>?", re.IGNORECASE), "HTML"),
    (re.compile(r"\b(javascript|vbscript|data|file)\s*:", re.IGNORECASE), "a link that runs"),
    (re.compile(r"!\[[^\]]{0,200}\][(\[]"), "an image, which is fetched when it is shown"),
    (
        re.compile(r"^[ \t]{0,8}\[[^\]\n]{1,200}\]:", re.MULTILINE),
        "a link that is defined elsewhere",
    ),
)
_EVERYWHERE = frozenset({"table"})
"""Names that every scene has; a condition may use them instead of a parameter."""

_NOTE: Severity = "note"
_WARNING: Severity = "warning"
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def judge_contract_texts(contract: Contract, file: str) -> Iterator[AuditFinding]:
    """What speaks against the words of a contract."""
    for where, text in _texts(contract):
        yield from judge_text(text, file, where)
        longest = LONGEST.get(where.partition(" ")[0], 200)
        if len(text) > longest:
            got = f"{len(text)} characters"
            yield _finding("error", "texts", file, f"{where} is long", f"at most {longest}", got)
    yield from _judge_constants(contract, file)
    if len(contract.examples) > MOST_EXAMPLES:
        expected, got = f"at most {MOST_EXAMPLES}", str(len(contract.examples))
        yield _finding("error", "texts", file, "too many examples", expected, got)


def judge_text(text: str, file: str, where: str) -> Iterator[AuditFinding]:
    """What speaks against one text: hidden characters, mixed scripts, orders, praise, links."""
    hidden = sorted({f"U+{ord(c):04X}" for c in text if _is_hidden(c)})
    if hidden:
        got = ", ".join(hidden[:6])
        yield _finding("error", "hidden", file, f"hidden characters in {where}", "none", got)
    for word in re.findall(r"\w+", text):
        if not word.isascii() and len(_scripts(word)) > 1:
            what = f"letters of several scripts in one word of {where}"
            yield _finding("error", "names", file, what, "one script", shown(word, 40))
            break
    plain = " ".join(_plain(text).split())
    for severity, patterns in (("error", _ORDERS), ("warning", _PRAISE)):
        found = _first(patterns, plain)
        if found:
            what = "instructions to whoever reads it" if severity == "error" else "praise of itself"
            level: Severity = "error" if severity == "error" else "warning"
            yield _finding(level, "injection", file, f"{what} in {where}", got=shown(found, 80))
    if link := _LINK.search(text):
        got = shown(text[link.start() : link.start() + 60])
        yield _finding("warning", "links", file, f"a link in {where}", "words", got)


def judge_markdown(text: str, file: str) -> Iterator[AuditFinding]:
    """What speaks against a page: what is active when it is shown, and what `judge_text` finds."""
    yield from judge_text(text, file, "the page")
    for pattern, what in _ACTIVE:
        if found := pattern.search(text):
            got = shown(found[0], 60)
            yield _finding("error", "active", file, f"a page with {what}", "text", got)


def _texts(contract: Contract) -> Iterator[tuple[str, str]]:
    """Each text of a contract, names too, with what it is called."""
    yield "name", contract.name
    yield "summary", contract.summary
    yield "description", contract.description
    yield "licence", contract.licence
    for example in contract.examples:
        yield "example", example
    for parameter in contract.parameters:
        yield f"parameter {shown(parameter.name, 40)}", parameter.name
        yield f"type of {shown(parameter.name, 40)}", parameter.type
        yield f"unit of {shown(parameter.name, 40)}", parameter.unit
        yield f"default of {shown(parameter.name, 40)}", parameter.default
    for mode in contract.failures:
        yield f"failure {shown(mode.name, 40)}", mode.name
        yield f"recovery of {shown(mode.name, 40)}", mode.recovery
    for key, value in contract.provenance.items():
        yield f"provenance {key}", value
    for resource in (*contract.resources, *contract.embodiment.sensors):
        yield "resource or sensor", resource
    for where, condition in _conditions(contract):
        # Each by itself, for a name is read as words; and whole, for words may be spread over it.
        for word in dict.fromkeys(_words(condition)):
            yield f"a name in {where}", word
        yield f"condition {where}", " ".join(_words(condition))


def _conditions(contract: Contract) -> Iterator[tuple[str, Condition]]:
    yield from contract.conditions.items()
    for mode in contract.failures:
        yield f"failures {shown(mode.name, 40)}", mode.sign


def _words(condition: Condition) -> Iterator[str]:
    """Every name that whoever wrote a condition chose, in their order."""
    if condition.atom is not None:
        yield condition.atom.predicate
        yield from (name.removeprefix("?") for name in condition.atom.arguments)
    if condition.variable:
        yield condition.variable.removeprefix("?")
        yield condition.tag
    for part in condition.parts:
        yield from _words(part)


def _judge_constants(contract: Contract, file: str) -> Iterator[AuditFinding]:
    """Names in conditions that are no parameters: the skill then fits only scenes with them."""
    for where, condition in _conditions(contract):
        named = {name for atom in condition.atoms() for name in atom.arguments}
        plain = {name for name in named if not name.startswith("?")} - {DEFAULT_HAND}
        for known, severity in ((True, _NOTE), (False, _WARNING)):
            names = sorted(name for name in plain if (name in _EVERYWHERE) is known)
            if names:
                what = f"{where} names things that are no parameters"
                got = shown(", ".join(names), 80)
                yield _finding(severity, "constants", file, what, "?parameters", got)


def _finding(
    severity: Severity, kind: str, file: str, what: str, expected: str = "", got: str = ""
) -> AuditFinding:
    return AuditFinding(severity, kind, file, what, expected, got)


def _is_hidden(character: str) -> bool:
    """Whether it cannot be seen, or changes how others are shown."""
    kind = unicodedata.category(character)
    return kind in ("Cf", "Cs", "Co", "Cn", "Zl", "Zp") or (
        kind == "Cc" and character not in "\n\t"
    )


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(c, "") for c in word if c.isalpha())
    return {script for name in names for script in _SCRIPTS if name.startswith(script)}


def _plain(text: str) -> str:
    """As a reader sees it: look-alikes folded, hidden characters and the joints of names gone."""
    folded = unicodedata.normalize("NFKC", text)
    folded = "".join(c for c in folded if not _is_hidden(c) or c == "\n")
    return folded.replace("_", " ").casefold()


def _first(patterns: tuple[str, ...], text: str) -> str:
    for pattern in patterns:
        if found := re.search(pattern, text, re.IGNORECASE):
            return found[0]
    return ""
