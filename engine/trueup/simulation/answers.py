"""What does the broker say, when asked, and in how many ways is it not the truth?

`told` makes one answer from what existed at a moment and from what is wrong just now. Everything that is wrong has a
name, which is counted when it really changed an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from trueup.model import TERMINAL, BrokerOrder, BrokerPosition, Execution, Key, OrderStatus, Refusal
from trueup.ports import Answer, Question, failed

REFUSALS: Final = {
    "failure": "the broker says FAILED: terminal is not connected",
    "failure_with_list": 'the broker says FAILED, beside "positions": []',
    "garbage": "the answer is not text",
    "rate_limit": "429 Too Many Requests: come again later",
    "maintenance": "the broker is closed for maintenance",
    "cut_off": "the answer breaks off",
}
"""Answers that are none, each of its kind (L01, L06, L48)."""
PARTIAL: Final = ("page_cut", "refused_row", "unreadable_row", "contradiction")
LIES: Final = ("empty_answer", "short_answer")
"""A complete answer that leaves out what there is (L02, L03, L05)."""
WORDLESS: Final = ("silence", "raises")
ANSWER_FAULTS: Final = (*WORDLESS, *REFUSALS, *PARTIAL, *LIES, "slow_answer", "stale_answer")


def told(rows: Mapping[Key, BrokerPosition], fault: str | None, number: int, chance: int) -> Answer:
    """The answer to a question about positions.

    rows    what existed, as the broker spells it
    fault   what is wrong; None: nothing
    number  the answer's own, which its raw bytes carry
    chance  what decides which rows suffer
    """
    raw = f"answer {number}".encode()
    if fault in REFUSALS:
        return failed(REFUSALS[fault], raw=raw)
    names = sorted(rows)
    if fault == "empty_answer":
        return Answer(completeness="complete", dialect="simulated", positions={}, raw=raw)
    if fault in ("short_answer", "page_cut") and names:
        kept = {name: rows[name] for place, name in enumerate(names) if (chance >> place % 16) & 1}
        if fault == "short_answer":
            return Answer(completeness="complete", dialect="simulated", positions=kept, raw=raw)
        why = f"the first page holds {len(kept)} rows, and there is another"
        return Answer(completeness="partial", why=why, dialect="simulated", positions=kept, raw=raw)
    if fault in PARTIAL and names:
        bad = names[chance % len(names)]
        symbol = None if fault == "unreadable_row" else rows[bad].symbol
        said = {"contradiction": "it is listed twice, with different quantities"}.get(fault, "its quantity is NaN")
        refused = (Refusal(names.index(bad) + 1, said, symbol, rows[bad].ticket),)
        kept = {name: rows[name] for name in names if name != bad}
        return Answer(
            completeness="partial",
            why="1 row could not be used",
            dialect="simulated",
            positions=kept,
            refused=refused,
            raw=raw,
        )
    return Answer(completeness="complete", dialect="simulated", positions=rows, raw=raw)


def told_fills(executions: Sequence[Execution], fault: str | None, number: int) -> Answer:
    """The answer to a question about fills."""
    raw = f"answer {number}".encode()
    if fault in REFUSALS:
        return failed(REFUSALS[fault], raw=raw)
    if fault in PARTIAL:
        kept = executions[: len(executions) // 2]
        return Answer(completeness="partial", why="a page is missing", executions=kept, raw=raw)
    kept = () if fault == "empty_answer" else executions
    return Answer(completeness="complete", dialect="simulated", executions=tuple(kept), raw=raw)


def told_orders(orders: Mapping[str, BrokerOrder], question: Question, fault: str | None, number: int) -> Answer:
    """The answer to a question about orders: all that work, or the one that was asked for.

    orders  what existed, ended ones too, by the broker's id
    """
    raw = f"answer {number}".encode()
    if fault in REFUSALS:
        return failed(REFUSALS[fault], raw=raw)
    if question.surface == "open_orders":
        found = [one for _, one in sorted(orders.items()) if one.status not in TERMINAL]
    else:
        asked = (question.order_id, question.client_order_id)
        found = [one for _, one in sorted(orders.items()) if asked[0] in (None, one.order_id)]
        found = [one for one in found if asked[1] in (None, one.client_order_id)]
    if fault == "false_not_found" or fault in LIES:
        found = []
    if fault == "unknown_status" and found:
        found[0] = msgspec.structs.replace(found[0], status=OrderStatus.UNKNOWN, raw_status="frozen")
    if fault in PARTIAL and found:
        refused = (Refusal(1, "its quantity is NaN", found[0].symbol, found[0].ticket),)
        why = "1 row could not be used"
        return Answer(completeness="partial", why=why, dialect="simulated", orders=found[1:], refused=refused, raw=raw)
    return Answer(completeness="complete", dialect="simulated", orders=found, raw=raw)


class Said(msgspec.Struct):
    """One question and its answer, as the world remembers them."""

    number: int
    surface: str
    asked_ns: int
    """When this attempt was put."""
    process: int
    """Which process asked: they are counted."""
    fault: str | None = None
    answer: Answer | None = None
    """What was sent back; None: nothing, or not yet."""
    received_ns: int | None = None
    """When it reached whoever asked; None: it never did."""
    position: int | None = None
    """Where it stands in the journal; None: nowhere, as what a rehearsal asked."""
    first_ns: int = 0
    """When the first attempt at this question was put, as the journal has it."""
