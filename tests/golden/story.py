"""What happens in the small journal that is kept for ever?

Two epochs of a hedging account: a baseline, fills, orders, drift, ghost, recovery, binding, a mass absence, commands,
pushes, the inbox, deliveries, failures. The clock is made up and the process is given: only what is decided, and
the version that it names, may ever make this journal come out otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch

from lessons.world import LAG_MS, World, deal, fill, held, order_row, pending, row
from trueup import Instrument, OrderUpdate, Policy, PushedExecution, PushedState
from trueup.changes import Command
from trueup.facts import BookRead, BookWriting, BookWritten
from trueup.journal import InboxItem
from trueup.model import Refusal
from trueup.policy import Protect

ACCOUNT = "mt5:5001"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def played(url: str) -> World:
    """The story, told into the store at `url`; the world is still open."""
    with patch("os.getpid", return_value=4711):
        return _played(url)


def _played(url: str) -> World:
    policy = Policy.adopt(
        on_recovery="quarantine",
        instruments={"BTCUSD": Instrument("coins", aliases=("BTC/USD",))},
        dust={"BTCUSD": "0.0001"},
        on_orphan_order="cancel",
    )
    w = World(mode="hedging", policy=policy, url=url, account=ACCOUNT, orders=True)
    symbols = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY", "BTC/USD")
    rows = [
        row(symbol, f"{n}.50", ticket=str(n), price="1.1000", stop=None) for n, symbol in enumerate(symbols, start=1)
    ]
    w.sees(*rows, kind="startup")
    w.record(pending("c1", "EURUSD"))
    w.record(fill("x1", "EURUSD", "-0.5", "1.2", ticket="2", client_order_id="c1", strategy="trend"))
    w.record(OrderUpdate(client_order_id="c1", symbol="EURUSD", side="sell", type="market", quantity=1, status="weird"))
    w.record(pending("c1", "EURUSD", "filled"), fill("x2", "NZDUSD", "1", "0.6", client_order_id="c2", order_id="6"))
    w.passes(s=400)
    two = row("EURUSD", "2.0", ticket="2", price="1.1000", stop="1.0")
    bound, stranger = row("NZDUSD", "1", ticket="6", price="0.6"), row("CADJPY", "-3", ticket="9")
    w.sees(rows[0], two, *rows[2:], bound, stranger, times=2)
    w.sees(row("AUDUSD", "9.5", ticket="1", price="1.1000", stop="1.05"), two, *rows[2:], bound, times=2)
    w.fails("no answer within 10 s")
    w.sees_part(two, refused=[Refusal(2, "its volume is NaN", symbol="GBPUSD", ticket="3"), Refusal(3, "is no object")])
    w.sees(two, *rows[2:], bound, times=2)
    w.record(fill("x3", "AUDUSD", "-9.5", "1.3", ticket="1"), held("BTC/USD", "5.5", ticket="5", stop="1"))
    w.deals(deal("x0", "EURUSD", "1", "1.0", ticket="2"))
    w.deals(deal("x4", "EURUSD", "-1", "1.25", ticket="2", happened_at="2026-01-01T03:00:00+03:00"))
    w.ledger.push(PushedExecution(fill=fill("x5", "GBPUSD", "-3.5", "1.5", ticket="3"), message_id="m1"))
    w.ledger.push(PushedState(surface="positions", symbol="BTC/USD", message_id="m2", text="{}"))
    w.sees(times=2)
    w.restart(down_s=60)
    w.says("release", scope="*:CADJPY")
    w.says("ack", what="mass-absence", why="all closed by phone")
    item = InboxItem("i1", "ada", 0, Command(name="ack", who="ada", why="again", arguments={"what": "mass-absence"}))
    w.ledger.take_inbox([(1, item, b"\x01" * 32)])
    w.sees(times=2, step_ms=LAG_MS)
    w.record(fill("x4", "EURUSD", "-2", "1.25", ticket="2"), held("XAUUSD", "1", ticket="29"))
    w.ledger.delivered(w.state.position, [(5, "KeyError: 'EURUSD'")])
    w.ledger.alerts_delivered("desk", w.state.position, messages=2, failures=[(9, "HTTP 404")])
    w.sees(row("XAUUSD", "2", ticket="29"))
    _orders(w)
    w.ledger.maintain()
    return w


def _orders(w: World) -> None:
    """Orders that fill, drift, vanish and turn up; an orphan that is asked to be cancelled, and the answer is lost."""
    w.record(pending("c8", "GBPUSD", type="limit", limit="1.5", strategy="trend"), pending("c9", "GBPUSD"))
    w.record(pending("c7", "USDJPY", "scheduled", parent="plan", scheduled_for=NOON), pending("c6", "USDJPY", "filled"))
    ours = order_row("GBPUSD", "partially_filled", name="c8", order_id="o8", filled="0.5", quantity=1, limit="1.6")
    stranger = order_row("USDJPY", order_id="o77", limit="150")
    w.lists(ours, stranger, times=2)
    client_id = w.actions()[0].client_id
    w.sends(client_id, "unknown", why="no answer within 10 s", connection=1)
    w.looks_up(None, order_id="o77", times=1, connection=1)
    w.lists(ours, order_row("GBPUSD", "on the moon", name="c8", order_id="o8", quantity=1, limit="1.6"), whole=False)
    w.passes(s=70)
    w.looks_up("c9", times=1)
    w.deals(deal("x6", "GBPUSD", "1", "1.55", order_id="o8", client_order_id="c8"))
    w.looks_up("c9", times=2)
    w.lists(stranger)
    w.policy = Policy.adopt(protect=Protect(), on_orphan_order="cancel")
    w.restart(down_s=5)
    w.lists(stranger)
    w.sees(row("XAUUSD", "2", ticket="29", price="4000", stop=None))
    _operators(w)


def _operators(w: World) -> None:
    """An override that ends by itself, a permit that its order spends, a refusal, and a break adopted by hand."""
    w.says("override", scope="XAUUSD", seconds="60", why="the feed is late")
    w.permit("XAUUSD", "0.5", ticket="29", client_order_id="c10")
    w.record(pending("c10", "XAUUSD", side="sell", quantity="0.5"))
    w.record(pending("c10", "XAUUSD", "canceled", side="sell", quantity="0.5"))
    w.passes(s=60)
    w.says("release", scope="*:NOPE")
    w.sees(row("XAUUSD", "3", ticket="29", price="4000", stop=None))
    w.says("adopt", target="#29", why="seen on the broker's page")
    _foreign_book(w)


def _foreign_book(w: World) -> None:
    """A book that lives elsewhere: read, cannot be read, loses a row, takes one correction and refuses another."""
    name = "sqlite:///bot.db"
    lost = (Refusal(2, "its quantity is a float", symbol="XPDUSD"),)
    w.ledger.judged(lambda _, at: [BookRead(at, name, "partial", "1 rows refused", 1, 0, ("#29",), ("#29",), lost)])
    w.ledger.judged(lambda _, at: [BookRead(at, name, "failed", "database is locked")])
    w.ledger.judged(lambda _, at: [BookWriting(at, name, (7, 9))])
    w.ledger.judged(lambda _, at: [BookWritten(at, name, 7, 1, ((7, "XAUUSD: it says long 5 now"),), "gone")])
