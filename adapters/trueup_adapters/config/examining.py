"""Does each part that a plan names work, and if not, what is to be done?

Each examination asks one part one question and answers with findings; none of them writes to a journal, sends an order,
or takes an account's lock. A finding that is wrong says what to do about it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from trueup.asking import attempt_once
from trueup.errors import InputError, StoreUrlError, TrueupError
from trueup.journal import accounts, open_reader, path_of_store
from trueup.journal.urls import location
from trueup.ports import Answer, Broker, Question
from trueup.reconciliation.state import State
from trueup.storage import rehydrate
from trueup_adapters.alerts import Message, open_channel
from trueup_adapters.config.books import open_book, open_orders
from trueup_adapters.config.brokers import address_of, mode_of, open_broker
from trueup_adapters.config.plans import Plan, Planned
from trueup_adapters.config.reading import BookSettings, ChannelSettings
from trueup_adapters.counting import many

ROOM_BYTES_MIN: Final = 100_000_000
"""Free disk below which a journal will soon be in trouble."""
AHEAD_MS_MAX: Final = 2_000
"""How far a broker's clock may differ before it is said."""
DEALS_LOOK_BACK_NS: Final = 86_400_000_000_000
NS: Final = 1_000_000_000
PORT_S: Final = 2
"""How long a port is given to be taken."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    part: Literal["configuration", "store", "broker", "clock", "alerts", "metrics", "logs", "views", "book"]
    subject: str
    """The account, or the channel, or '' for the whole process."""
    state: Literal["ok", "note", "wrong"]
    what: str
    do: str = ""
    """What to do about it; '' where nothing is wrong."""


def examine(what: Planned, *, send_test: bool) -> Iterator[Finding]:
    """Every finding, part by part, as they come."""
    for plan in what.plans:
        money = plan.environment or "nobody says which money"
        how = "passes are rehearsed (dry_run)" if plan.dry_run else "passes correct the book"
        yield Finding("configuration", plan.account, "ok", f"{money}; policy {plan.policy.preset}; {how}")
        if plan.book is not None:
            yield _book(plan, plan.book)
            if plan.book.orders is not None:
                yield _book_orders(plan, plan.book)
        yield from store(plan)
        yield from asyncio.run(_broker(plan))
    for channel in what.channels:
        yield alert(channel, what.plans[0].account, send_test=send_test)
    if what.metrics.port is not None:
        yield metrics(what.metrics.host, what.metrics.port)
    if what.logs.format is not None:
        yield _extra("logs", "structlog", "metrics", f"{what.logs.format}, from {what.logs.level} on")


def _book(plan: Plan, settings: BookSettings) -> Finding:
    """Whether the bot's own book can be read as it is described; nothing is written to it."""
    try:
        book = open_book(settings, plan.mode or mode_of(plan))
    except TrueupError as error:
        return Finding("book", plan.account, "wrong", str(error), "correct [book], or what it needs")
    try:
        answer = book.read()
    finally:
        book.close()
    if answer.completeness == "failed":
        do = "is it running, is the address right, are the columns its own? nothing is concluded from silence"
        return Finding("book", plan.account, "wrong", f"{book.name}: {answer.why}", do)
    what = f"{book.name} holds {many(len(answer.positions), 'open position')}"
    if answer.refused:
        rows = "; ".join(f"row {one.row}: {one.why}" for one in answer.refused[:3])
        return Finding(
            "book", plan.account, "wrong", f"{what}; {answer.why}: {rows}", "correct the rows, or the mapping"
        )
    return Finding("book", plan.account, "ok", what + ("" if plan.writes_book else "; it is only read"))


def _book_orders(plan: Plan, settings: BookSettings) -> Finding:
    """Whether its orders can be read as they are described."""
    try:
        orders = open_orders(settings)
        assert orders is not None
    except TrueupError as error:
        return Finding("book", plan.account, "wrong", str(error), "correct [book.orders], or what it needs")
    try:
        answer = orders.read([])
    finally:
        orders.close()
    if answer.completeness == "failed":
        do = "is the table there, are the columns its own? nothing is concluded from silence"
        return Finding("book", plan.account, "wrong", f"{orders.name}: {answer.why}", do)
    what = f"{orders.name} holds {many(len(answer.orders), 'working order')}"
    if answer.refused:
        rows = "; ".join(f"row {one.row}: {one.why}" for one in answer.refused[:3])
        do = "correct the rows, or the mapping, or say under [book.orders.statuses] what a word means"
        return Finding("book", plan.account, "wrong", f"{what}; {answer.why}: {rows}", do)
    return Finding("book", plan.account, "ok", what + ("" if plan.writes_book else "; they are only read"))


# -- the store -----------------------------------------------------------------------------------------------------


def store(plan: Plan) -> Iterator[Finding]:
    """Whether the journal is there, can be read and could be written, and fits the plan."""
    try:
        location(plan.store)
        found = accounts(plan.store)
    except StoreUrlError as error:
        yield Finding("store", plan.account, "wrong", str(error), "correct the address")
        return
    except InputError:
        yield from _room(plan, "there is no store yet; `trueup run` makes it")
        return
    except TrueupError as error:
        yield Finding("store", plan.account, "wrong", str(error), "make the store reachable; then ask again")
        return
    if plan.account not in found:
        yield from _room(plan, f"the store holds {many(len(found), 'other account')}, and not this one yet")
        return
    try:
        with open_reader(plan.store, plan.account) as reader:
            state = rehydrate(plan.account, reader)
    except TrueupError as error:
        yield Finding("store", plan.account, "wrong", str(error), "run `trueup verify` on it")
        return
    yield from _room(plan, f"{many(state.position, 'event')}, last input {_ago(state)}")
    ahead_ms = (state.at.at_ns - time.time_ns()) // 1_000_000
    if ahead_ms > AHEAD_MS_MAX:
        yield Finding(
            "clock", plan.account, "wrong",
            f"the journal's last input lies {ahead_ms // 1000:,} s in the future: this machine's clock is behind, "
            "or was ahead then",
            "set this machine's clock by NTP; trueup orders nothing by it, and people read it",
        )  # fmt: skip
    if plan.mode is not None and state.epoch and state.mode != plan.mode:
        yield Finding(
            "store", plan.account, "wrong", f"the journal keeps positions {state.mode}, and the plan says {plan.mode}",
            "leave `mode` out, or begin another journal",
        )  # fmt: skip


def _ago(state: State) -> str:
    seconds = (time.time_ns() - state.at.at_ns) // NS
    if seconds < 0:
        return "in the future"
    return f"{seconds} s ago" if seconds < 7_200 else f"{seconds // 3600} h ago"


def _room(plan: Plan, what: str) -> Iterator[Finding]:
    """Whether the folder can be written to, and has room."""
    path = path_of_store(plan.store)
    if path is None:
        yield Finding("store", plan.account, "ok", what)
        return
    folder = _nearest(path.absolute().parent)
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK) or not os.access(folder, os.W_OK):
        yield Finding(
            "store",
            plan.account,
            "wrong",
            f"{target} cannot be written",
            "give this user the right to, or name another place",
        )
        return
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES_MIN:
        yield Finding(
            "store", plan.account, "wrong", f"{folder} has {free // 1_000_000} MB left",
            "make room: a full disk refuses appends and closes the gate",
        )  # fmt: skip
        return
    yield Finding("store", plan.account, "ok", f"{what}; {free // 1_000_000_000} GB free")


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


# -- the broker ----------------------------------------------------------------------------------------------------


async def _broker(plan: Plan) -> list[Finding]:
    try:
        broker = open_broker(plan, plan.mode or mode_of(plan))
    except TrueupError as error:
        return [Finding("broker", plan.account, "wrong", str(error), "correct the address, or what it needs")]
    try:
        return await broker_findings(plan, broker)
    finally:
        await broker.close()


async def broker_findings(plan: Plan, broker: Broker) -> list[Finding]:
    """What it answers to one question about positions, and what its times say beside ours."""
    began_ns = time.monotonic_ns()
    answer = await attempt_once(broker, Question(surface="positions"), plan.policy.broker_timeout_s)
    took_ms = (time.monotonic_ns() - began_ns) // 1_000_000
    address = address_of(plan)
    if answer.completeness in ("failed", "unsupported"):
        return [
            Finding(
                "broker",
                plan.account,
                "wrong",
                f"{address}: {answer.why}{_at_the_port(address)}",
                "is it running, is the address right, are the keys its own? nothing is concluded from silence",
            )
        ]
    what = f"{address} answered {answer.completeness} in {took_ms} ms: {many(len(answer.positions), 'position')}"
    if answer.completeness == "partial":
        rows = "; ".join(f"row {one.row}: {one.why}" for one in answer.refused[:3])
        finding = Finding(
            "broker", plan.account, "wrong", f"{what}; {answer.why}{': ' if rows else ''}{rows}",
            "what a partial answer does not state stays unknown: look at the rows that cannot be read",
        )  # fmt: skip
        return [finding, await _clock(plan, broker, answer)]
    return [Finding("broker", plan.account, "ok", what), await _clock(plan, broker, answer)]


def _at_the_port(address: str) -> str:
    """Whether anything listens where an MT5 gateway should: ZeroMQ waits and does not say."""
    at = urlsplit(address)
    try:
        if at.scheme != "tcp" or at.hostname is None or at.port is None:
            return ""
        socket.create_connection((at.hostname, at.port), timeout=PORT_S).close()
    except OSError as error:
        return f"; nothing listens there ({error.strerror or error})"
    return "; something listens there, and does not answer as a gateway does"


async def _clock(plan: Plan, broker: Broker, answer: Answer) -> Finding:
    """How its clock stands to ours: by its own word where it has one, else by what lies in the future."""
    before_ns = time.time_ns()
    said = await _said(broker)
    if said is not None:
        middle_ns = (before_ns + time.time_ns()) // 2
        offset_ms = (said - middle_ns) // 1_000_000
        state: Literal["ok", "wrong"] = "ok" if abs(offset_ms) <= AHEAD_MS_MAX else "wrong"
        do = "" if state == "ok" else "set this machine's clock by NTP; trueup orders nothing by it, and people read it"
        return Finding("clock", plan.account, state, f"the broker's clock is {offset_ms:+,} ms from ours", do)
    deals = await attempt_once(
        broker, Question(surface="fills", since_ns=before_ns - DEALS_LOOK_BACK_NS), plan.policy.broker_timeout_s
    )
    stamps = [one.opened_at for one in answer.positions.values()] + [one.happened_at for one in deals.executions]
    known = [ns for ns in map(_ns, stamps) if ns is not None]
    ahead_ms = (max(known, default=0) - time.time_ns()) // 1_000_000
    if ahead_ms > AHEAD_MS_MAX:
        return Finding(
            "clock", plan.account, "note",
            f"it names times up to {ahead_ms // 1000:,} s in the future: its clock is not UTC, or ours is behind",
            "nothing is ordered by its times; mind it when you read them",
        )  # fmt: skip
    return Finding("clock", plan.account, "ok", "it tells no time of its own, and nothing of it lies in the future")


async def _said(broker: Broker) -> int | None:
    """What time it is there, where the adapter can ask; wall time, UTC."""
    ask: Any = getattr(broker, "market_clock", None)
    if ask is None:
        return None
    return _ns((await ask()).timestamp or None)


def _ns(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000


# -- beside the passes ---------------------------------------------------------------------------------------------


def alert(settings: ChannelSettings, account: str, *, send_test: bool) -> Finding:
    """Whether a channel's address can be used; with `send_test` whether a message arrives."""
    try:
        channel = open_channel(settings.name, settings.url or "")
    except TrueupError as error:
        return Finding("alerts", settings.name, "wrong", str(error), "correct its address, or what it needs")
    if not send_test:
        return Finding(
            "alerts", settings.name, "ok", f"{channel.service}, from {settings.severity} on; not tried (--send-test)"
        )
    outcome = channel.send(Message(f"trueup {account}: a test", "trueup doctor sent this; nothing is wrong.", "info"))
    if outcome.state == "sent":
        return Finding("alerts", settings.name, "ok", f"{channel.service} took a test message")
    return Finding(
        "alerts", settings.name, "wrong", f"{channel.service} did not: {outcome.why}",
        "look at its address and rights there, and at the way from here to it",
    )  # fmt: skip


def metrics(host: str, port: int) -> Finding:
    """Whether the port is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(
                "metrics", "", "wrong", f"{host}:{port} cannot be taken ({error.strerror or error})",
                "is a sidecar running already? else name another port",
            )  # fmt: skip
    return _extra("metrics", "prometheus_client", "metrics", f"{host}:{port} is free")


def _extra(part: Literal["metrics", "logs"], library: str, extra: str, what: str) -> Finding:
    from importlib.util import find_spec

    if find_spec(library) is None:
        return Finding(part, "", "wrong", f"{library} is not installed", f'pip install "trueup[{extra}]"')
    return Finding(part, "", "ok", what)
