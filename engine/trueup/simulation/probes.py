"""What did the gate say to an order, and what was known at that moment?

A probe asks the gate as a bot does and writes down, from the world's own memory, everything by which law 9 judges the
answer. Nothing here asks trueup why.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from trueup.gate import Intent
from trueup.model import TradeSide
from trueup.simulation.answers import Said
from trueup.simulation.loop import MS, NS
from trueup.simulation.scenario import RENAMED

if TYPE_CHECKING:
    from trueup.simulation.process import Process
    from trueup.simulation.world import World


class Probe(msgspec.Struct, frozen=True):
    """One question to the gate."""

    at_ns: int
    symbol: str
    permitted: bool
    cancel: bool
    """Whether a cancel would have been permitted at the same moment."""
    verified_ns: int | None
    """When the last usable answer that this process got was asked for; None: it got none."""
    age_ns_max: int
    failing: bool
    """Whether the last append of this process was refused."""
    differs: str
    """On what the last complete answer and the settled book disagree about the symbol; '' where they do not."""
    unread: str
    """Which row of the last answer could not be read; '' where all could."""


def probe(world: World, symbol: str, quantity: Decimal) -> Probe | None:
    """Ask the gate about a market order; None where no process is there to ask."""
    process = world.process
    if process is None or not process.alive or process.rec is None or process.journal is None:
        return None
    side: TradeSide = "sell" if quantity.is_signed() else "buy"
    size = quantity.copy_abs()
    answer = process.rec.gate.check(Intent(symbol=symbol, side=side, quantity=size, strategy="mine"))
    cancel = process.rec.gate.check(Intent(symbol=symbol, side=side, quantity=size, kind="cancel")) is None
    usable = _usable(world, process)
    last = usable[-1] if usable else None
    world.tally.cover("gate permitted" if answer is None else "gate refused")
    return Probe(
        at_ns=world.loop.now_ns,
        symbol=symbol,
        permitted=answer is None,
        cancel=cancel,
        verified_ns=None if last is None else last.first_ns,
        age_ns_max=(process.policy.verified_age_s_max or 4 * process.policy.sync_interval_s) * NS,
        failing=process.journal.failed,
        differs="" if last is None else _differs(world, process, last, symbol),
        unread="" if last is None else _unread(last, symbol),
    )


def _usable(world: World, process: Process) -> list[Said]:
    """The answers about positions that reached this process, the latest last; those of dry runs are none of them."""
    found: list[Said] = []
    for one in reversed(world.said):
        if one.process != process.number:
            break
        answer = one.answer
        if one.surface != "positions" or answer is None or one.position is None:
            continue
        if answer.completeness in ("complete", "partial"):
            found.append(one)
            break
    return found


def _differs(world: World, process: Process, last: Said, symbol: str) -> str:
    """The first key of the symbol on which the two sides disagree, though the book was settled when it was asked."""
    assert last.answer is not None
    assert process.rec is not None
    settle_ns = max(world.settings.lag_ms, process.policy.settle_ms or 0) * MS
    settle_ns = max(settle_ns, process.policy.lag_ms_max.get("positions", 0) * MS)
    if last.answer.completeness == "partial" or world.stirred(symbol, last.first_ns, settle_ns):
        return ""
    rows = {key: row for key, row in last.answer.positions.items() if row.symbol in (symbol, _other_name(symbol))}
    said = {symbol if world.settings.mode == "netting" else key: row.signed_quantity for key, row in rows.items()}
    held = {key: one.signed_quantity for key, one in process.rec.book.by_key.items() if one.symbol == symbol}
    for key in sorted({*said, *held}):
        if said.get(key) != held.get(key):
            return f"{key}: the broker says {said.get(key)}, the book {held.get(key)}"
    return ""


def _other_name(symbol: str) -> str:
    return RENAMED if symbol == "EURUSD" else symbol


def _unread(last: Said, symbol: str) -> str:
    assert last.answer is not None
    for refusal in last.answer.refused:
        if refusal.symbol is None or refusal.symbol in (symbol, _other_name(symbol)):
            return f"row {refusal.row}: {refusal.why}"
    return ""
