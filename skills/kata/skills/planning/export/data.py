"""A plan as JSON, and back: `{"format": 1, "goal": ..., "calls": [{"call", "after"}, ...]}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kata.datasets.types import Condition, KataError, PlanError
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.planning.ordering import order_of
from kata.skills.planning.plan import Plan

FORMAT = 1
MOST_CALLS = 1000
_WHERE = "plan.json"


def plan_data(plan: Plan, contracts: Sequence[Contract] = ()) -> dict[str, Any]:
    """Plain data; a call names the version of its skill where `contracts` have several."""
    calls = [
        {"call": call_text(call, contracts), "after": [i + 1 for i in after]}
        for call, after in zip(plan.calls, plan.after, strict=True)
    ]
    return {"format": FORMAT, "goal": str(plan.goal), "cost_s": plan.cost, "calls": calls}


def plan_of(data: Any, contracts: Sequence[Contract]) -> Plan:
    """The plan of plain data. Raises PlanError naming what is wrong; it is not checked here."""
    whole = _fields(
        data, {"format", "goal", "cost_s", "calls"}, {"format", "goal", "calls"}, _WHERE
    )
    if whole["format"] != FORMAT or isinstance(whole["format"], bool):
        raise PlanError(
            "unknown format", where=_WHERE, expected=f'"format": {FORMAT}', got=str(whole["format"])
        )
    rows, cost = whole["calls"], whole.get("cost_s", 0.0)
    if not isinstance(rows, list) or len(rows) > MOST_CALLS:
        raise PlanError("no list of calls", where=_WHERE, expected=f"{MOST_CALLS} at most")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1e9:
        raise PlanError("no cost", where=_WHERE, expected="a time in s", got=str(cost)[:80])
    calls, pairs = [], []
    for index, row in enumerate(rows):
        where = f"{_WHERE}, call {index + 1}"
        entry = _fields(row, {"call", "after"}, {"call"}, where)
        calls.append(read_call(entry["call"], contracts, where))
        others = _numbers(entry.get("after", []), len(rows), where)
        pairs += [(other - 1, index) for other in others]
    return Plan(read_goal(whole["goal"], _WHERE), tuple(calls), order_of(len(calls), pairs), cost)


def plan_text(plan: Plan, contracts: Sequence[Contract] = ()) -> str:
    """The plan as JSON, a line a call."""
    data = plan_data(plan, contracts)
    rows = [json.dumps(row) for row in data.pop("calls")]
    head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in data.items())
    calls = ",\n  ".join(rows)
    return f'{{\n{head} "calls": [\n  {calls}\n ]\n}}\n'


def plan_of_text(text: str, contracts: Sequence[Contract]) -> Plan:
    """The plan of JSON. Raises PlanError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError("not JSON", where=_WHERE, got=str(error)[:80]) from None
    return plan_of(data, contracts)


def call_text(call: Call, contracts: Sequence[Contract]) -> str:
    """A call, with the version of its skill where there are several to choose from."""
    versions = {known.version for known in contracts if known.name == call.contract.name}
    return call.key if len(versions) > 1 else str(call)


def read_call(text: Any, contracts: Sequence[Contract], where: str) -> Call:
    """The call of its text, with or without a version. Raises PlanError."""
    if not isinstance(text, str):
        raise PlanError("not a call", where=where, expected="text", got=str(text)[:80])
    head, bracket, rest = text.partition("(")
    name, _, version = head.strip().partition("@")
    try:
        return Call.parse(name + bracket + rest, [contract_of(name, version, contracts, where)])
    except PlanError:
        raise
    except KataError as error:
        raise _plan_error(error, where) from None


def contract_of(name: str, version: str, contracts: Sequence[Contract], where: str) -> Contract:
    """The contract of a name, of a version if one is given. Raises PlanError."""
    for contract in contracts:
        if contract.name == name and version in ("", contract.version):
            return contract
    known = ", ".join(
        sorted({contract.key if version else contract.name for contract in contracts})
    )
    asked = f"{name}@{version}" if version else name
    raise PlanError(
        f"unknown skill '{asked}'", where=where, expected=f"one of {known}" if known else "a skill"
    )


def read_goal(text: Any, where: str) -> Condition:
    """A goal of text, without free variables. Raises PlanError."""
    if not isinstance(text, str):
        raise PlanError("no goal", where=where, expected="a condition", got=str(text)[:80])
    try:
        goal = Condition.parse(text)
    except KataError as error:
        raise _plan_error(error, where) from None
    if goal.free():
        raise PlanError(
            "a goal with variables", where=where, expected="names", got=", ".join(goal.free())
        )
    return goal


def _plan_error(error: KataError, where: str) -> PlanError:
    place = ", ".join(filter(None, (where, error.where)))
    return PlanError(
        error.what, where=place, expected=error.expected, got=error.got, hint=error.hint
    )


def _fields(data: Any, known: set[str], needed: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise PlanError("not an object", where=where, expected=", ".join(sorted(known)))
    missing, surplus = needed - set(data), set(data) - known
    if missing or surplus:
        raise PlanError(
            "keys do not fit",
            where=where,
            expected=", ".join(sorted(known)),
            got=f"missing {sorted(missing)}, surplus {sorted(surplus)}"[:200],
        )
    return data


def _numbers(data: Any, count: int, where: str) -> list[int]:
    fine = isinstance(data, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= count for n in data
    )
    if not fine:
        raise PlanError(
            "no numbers of calls", where=where, expected=f"1 to {count} each", got=str(data)[:80]
        )
    return list(data)
