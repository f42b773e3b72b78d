"""What does the demo's trading process do? A process of its own that trades, and keeps its book with trueup.

It uses nothing but the public interface, as any bot would: open, `startup_recovery`, `gate.check`, `record`,
`sync_positions`. What it does next comes line by line from the director; when that is gone, it ends.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from typing import Final

import msgspec
from msgspec.structs import replace

from trueup import GateRefusal, Intent, OrderUpdate, PassReport, Policy, Reconciler, WriterFenced
from trueup.compare import said
from trueup.policy import Protect
from trueup_adapters.demo.desk import MAGIC, STRATEGY, Desk
from trueup_adapters.demo.lines import (
    Ask,
    Asked,
    First,
    Instruction,
    Leave,
    Look,
    Looked,
    Started,
    Sync,
    Synced,
    Tell,
    Told,
    Trade,
    Traded,
    name_of,
)
from trueup_adapters.mt5 import Mt5Broker

LAG_MS_MAX: Final = 150
"""How stale the demo's gateway may be; a real terminal is given 2,000."""
SPACING_S: Final = 0.16
"""Between two passes: a little more than the lag, so that both count as witnesses."""
SECOND_COPY: Final = 3
"""The exit status of a process that found the account taken."""

POLICY: Final = Policy.adopt(
    confirm_interval_ms=50,
    lag_ms_max={"positions": LAG_MS_MAX},
    sync_interval_s=1,
    verified_age_s_max=3,
    broker_timeout_s=1,
    retries_max=0,
    startup_timeout_s=10,
)
"""The defaults, impatient: nobody wants to watch for minutes."""


class Bot:
    """One trading process: a book, a desk, and a hand that does what it is told."""

    def __init__(self, rec: Reconciler, desk: Desk) -> None:
        self.rec = rec
        self.desk = desk

    def do(self, told: Instruction) -> msgspec.Struct | None:
        """Carry out one instruction; its reply, None for the last one. Raises whatever goes wrong."""
        if isinstance(told, Trade):
            return self.trade(told)
        if isinstance(told, Sync):
            return Synced(reports=self.sync(told))
        if isinstance(told, Ask):
            return self.ask(told)
        if isinstance(told, Look):
            return self.look()
        if isinstance(told, Tell):
            return Told(entries=tuple(self.rec.get_audit_trail(limit=10_000)), changes=tuple(self.rec.changes()))
        return None

    def trade(self, order: Trade) -> Traded:
        """One market order, as it should be done; or, when reckless, as it should not."""
        intent = Intent(symbol=order.symbol, side=order.side, quantity=order.volume, strategy=STRATEGY)
        answer = self.rec.gate.check(intent)
        if isinstance(answer, GateRefusal):
            return Traded(name="", recorded=False, refused=answer.reason)
        client_id = f"demo-{secrets.token_hex(4)}"
        if order.reckless:
            return Traded(name=name_of(order.symbol, self.desk.send(order, client_id)), recorded=False)
        update = OrderUpdate(
            client_order_id=client_id,
            symbol=order.symbol,
            side=order.side,
            type="market",
            quantity=order.volume,
            status="pending",
            strategy=STRATEGY,
        )
        self.rec.record(update)  # before it is sent (L21)
        ticket = self.desk.send(order, client_id)
        if order.unheard:
            return Traded(name=name_of(order.symbol, ticket), recorded=False, client_id=client_id)
        self.rec.record([self.desk.fill_of(client_id), replace(update, status="filled")])
        return Traded(name=name_of(order.symbol, ticket), recorded=True)

    def sync(self, told: Sync) -> tuple[PassReport, ...]:
        """Passes until what was wished for has come about, or enough have been tried."""
        reports: list[PassReport] = []
        while len(reports) < told.passes_max:
            if reports:
                time.sleep(SPACING_S)
            reports.append(self.rec.sync_positions())
            if told.until == "once" or (told.until == "agreed" and reports[-1].status == "SUCCESS"):
                break
            if told.until == "closed" and self.rec.gate.status == "closed":
                break
        return tuple(reports)

    def ask(self, told: Ask) -> Asked:
        """What the gate says to a small order, or to a cancel."""
        answer = self.rec.gate.check(Intent(symbol=told.symbol, side="buy", quantity="0.01", kind=told.kind))
        if isinstance(answer, GateRefusal):
            return Asked(refused=True, code=answer.code, reason=answer.reason)
        return Asked(refused=False)

    def look(self) -> Looked:
        """The book and the gate as they are now."""
        book, gate = self.rec.book, self.rec.gate
        held = {name_of(one.symbol, one.ticket): one for one in book.positions}
        return Looked(
            epoch=self.rec.get_status().epoch,
            gate=gate.status,
            gate_why=gate.why,
            book={name: said(one) for name, one in held.items()},
            owners={name: one.strategy for name, one in held.items()},
        )


def say(reply: msgspec.Struct) -> None:
    """One line to the director."""
    sys.stdout.write(msgspec.json.encode(reply).decode() + "\n")
    sys.stdout.flush()


def listen(bot: Bot) -> None:
    """Do what comes, until told to leave or until nobody is there any more."""
    for line in sys.stdin:
        told = msgspec.json.decode(line, type=Instruction)
        reply = bot.do(told)
        if reply is None:
            assert isinstance(told, Leave)
            return
        say(reply)


def main() -> int:
    """Take the account, true up, and listen. 0, or 3 when another process has the account."""
    parser = argparse.ArgumentParser(prog="python -m trueup_adapters.demo.bot")
    for option in ("--store", "--account", "--broker", "--control"):
        parser.add_argument(option, required=True)
    parser.add_argument("--protect", action="store_true")
    given = parser.parse_args()
    policy = replace(POLICY, protect=Protect()) if given.protect else POLICY
    broker = Mt5Broker(given.broker, lag_ms_max=LAG_MS_MAX, strategies={MAGIC: STRATEGY})
    try:
        rec = Reconciler.open(given.store, account=given.account, broker=broker, policy=policy)
    except WriterFenced as fenced:
        say(First(fenced=str(fenced)))
        return SECOND_COPY
    desk = Desk(given.broker, given.control)
    try:
        with rec:
            report = rec.startup_recovery()
            say(First(started=Started(epoch=rec.get_status().epoch, report=report)))
            listen(Bot(rec, desk))
    finally:
        desk.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
