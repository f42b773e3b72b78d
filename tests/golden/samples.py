"""What does each stored thing look like when every field of it says something?

Only `write.py` uses these. The tests read what was written then, not what stands here now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from trueup.changes import Command, Fill, OrderUpdate, PositionSet
from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    ActionTerms,
    AlertRaised,
    BaselineTaken,
    BreakMoved,
    Correction,
    FillAdopted,
    FillSettled,
    GateMoved,
    MassAbsenceMoved,
    OrderCorrection,
    OrderMerged,
    OverrideMoved,
    PositionBound,
    ProtectionMoved,
    QuarantineMoved,
    RecordRefused,
    Step,
)
from trueup.events import Event
from trueup.facts import (
    ActionAnswered,
    ActionSent,
    AlertsDelivered,
    BookRead,
    BookWriting,
    BookWritten,
    CommandGiven,
    CorrectionsDelivered,
    ExecutionPushed,
    FillRecorded,
    InboxTaken,
    Observed,
    OrderRecorded,
    OrderRows,
    OrdersRead,
    PermitGiven,
    PolicyAdopted,
    PositionRecorded,
    RowLeft,
    Rows,
    Sought,
    StatePushed,
    WriterClaimed,
)
from trueup.journal import InboxItem
from trueup.model import BookOrder, BrokerOrder, BrokerPosition, Execution, Holding, Moment, OrderStatus, Refusal, Stop
from trueup.policy import ClosedHours, Instrument, Policy, Protect

AT = Moment(1_767_225_600_123_456_789, 5_000_000_000, 3)
ASKED = Moment(1_767_225_599_000_000_000, 3_876_543_211, 3)
MARK = bytes(range(8))
DIGEST = bytes(range(32))
ROW = BrokerPosition(
    "BTCUSD", Decimal("-0.00012300"), "18446744073709551616", Decimal("97123.50"), Stop(Decimal("99000")), "trend",
    "2026-01-01T03:00:00+03:00", "BTC/USD", "coins", "c-1",
)  # fmt: skip
EXECUTION = Execution(
    "x-1", "EURUSD", Decimal("-1E+2"), Decimal("1.05430"), "123456", "o-1", "c-1", "trend", Decimal("-0.10"), "EUR",
    "2026-01-01T00:00:00+00:00",
)  # fmt: skip
BEFORE = Holding(
    "EURUSD", Decimal("1.50"), "123456", Decimal("1.0543"), Stop(), "trend", "fill", "2026-01-01T00:00:00+00:00"
)
AFTER = Holding("EURUSD", Decimal("-2"), source="set")
CORRECTION = Correction("0123456789abcdef", "drift", BEFORE, AFTER, "because", "CLOSED_EXTERNALLY", "fedcba9876543210")
BOOK_ORDER = BookOrder(
    "c-1", "EURUSD", "sell", "stop_limit", Decimal("0.10"), OrderStatus.UNKNOWN, "Held", "o-1", Decimal("0.05"),
    Decimal("1.05"), Decimal("1.06"), Decimal("1.07"), True, "trend", "plan-1", "2026-01-02T00:00:00+00:00", "7",
    "no price",
)  # fmt: skip
BROKER_ORDER = BrokerOrder(
    "BTCUSD", "buy", "stop_limit", Decimal("0.10"), OrderStatus.UNKNOWN, "Held", "o-1", "c-1", Decimal(0),
    Decimal("1.05"), Decimal("1.06"), Decimal("1.07"), False, "7", "trend", "2026-01-01T03:00:00+03:00", "BTC/USD",
)  # fmt: skip
ORDER_CORRECTION = OrderCorrection(
    "0123456789abcdef", "drift", BOOK_ORDER,
    BookOrder("c-1", "EURUSD", "sell", "limit", Decimal(1), OrderStatus.FILLED), "because", "end",
)  # fmt: skip
POLICY = Policy.guarded(
    on_orphan_order="cancel",
    on_overdue_slice="rearm",
    action_queue_s_max=30,
    look_ups_max=5,
    protect=Protect(Decimal("1.5"), 2),
    confirmations=3,
    lag_ms_max={"positions": 1_000, "fills": 2_000},
    settle_ms=4_000,
    quantity_tolerance={"*": "0", "BTCUSD": "0.00000001"},
    price_tolerance={"EURUSD": "0.00005"},
    dust={"BTCUSD": "0.0001"},
    verified_age_s_max=90,
    sessions=(ClosedHours(0, 60),),
    instruments={"BTCUSD": Instrument("coins", Decimal(1), Decimal("0.5"), Decimal("0.00001"), ("BTC/USD",))},
    strategies={"77": "trend"},
    operators={"ada": ("manage_reconciliation",), "bob": ()},
    override_s_max=60,
    permit_ms_max=1_000,
)

EVENTS: Final[dict[str, list[Event]]] = {
    "writer-claimed": [
        WriterClaimed(
            AT, "hedging", "0.1.0", 1, 1, "mt5", "pid 4711", (("fills", 2_000), ("positions", 1_000)), False, True,
            ("fills", "positions"), ("cancel", "place_stop"), True, True,
        ),
        WriterClaimed(AT, "netting", "0.1.0", 1, 1, "", "pid 1"),
    ],
    "policy-adopted": [
        PolicyAdopted(AT, POLICY.digest, POLICY),
        PolicyAdopted(AT, Policy.adopt().digest, Policy.adopt()),
    ],
    "observed": [
        Observed(
            AT, ASKED, 40, 41, "positions", "mt5", "SUCCESS", "partial", "1 row refused", 7, "startup", 2, DIGEST,
            Rows(30, (ROW,), ("EURUSD", "#7")), (EXECUTION,),
            (Refusal(2, "NaN", "GBPUSD", "9"), Refusal(3, "?")), "id-1",
            OrderRows(30, (BROKER_ORDER,), ("o-9", "~c-9")), Sought("c-1", "o-1"), 1_767_225_000_000_000_000, 2,
        ),
        Observed(AT, ASKED, 40, 41, "fills", "mt5", "", "failed", "no answer within 10 s", 7, "periodic", 4, b""),
        Observed(AT, ASKED, 0, 0, "positions", "mt5", "ok", "complete", "", 1, "manual", 1, DIGEST, Rows()),
    ],
    "fill-recorded": [
        FillRecorded(AT, EXECUTION),
        FillRecorded(AT, Execution("x-2", "EURUSD", Decimal("0.01"))),
    ],
    "position-recorded": [
        PositionRecorded(
            AT, "EURUSD", Decimal("-0.01"), "sell", "123456", Decimal("1.05"), "trend", Stop(Decimal("1.1")),
            "2026-01-01T00:00:00+00:00",
        ),
        PositionRecorded(AT, "EURUSD", Decimal(0), "buy", stop=Stop(), from_book=True),
    ],
    "order-recorded": [
        OrderRecorded(
            AT, "c-1", "EURUSD", "buy", "stop-limit", Decimal("0.10"), OrderStatus.UNKNOWN, "Held For Review", "o-1",
            Decimal(0), Decimal("1.05"), Decimal("1.06"), Decimal("1.07"), True, "trend", "c-0",
            "2026-01-02T00:00:00+00:00", "2026-01-01T00:00:00+00:00",
        ),
        OrderRecorded(AT, "c-2", "EURUSD", "sell", "market", Decimal(1), OrderStatus.PENDING),
    ],
    "execution-pushed": [ExecutionPushed(AT, EXECUTION, "m-1")],
    "state-pushed": [StatePushed(AT, "open_orders", "EURUSD", "m-2", '{"status": "new"}'), StatePushed(AT, "balances")],
    "inbox-taken": [InboxTaken(AT, 12, DIGEST)],
    "command-given": [CommandGiven(AT, "ack", "ada", "all sold by phone", (("what", "mass-absence"),))],
    "book-read": [
        BookRead(AT, "sqlite:///bot.db", "partial", "1 rows refused", 3, 1, ("AAPL", "EURUSD"), ("AAPL",),
                 (Refusal(2, "its quantity is a float", "MSFT", None),)),
        BookRead(AT, "sqlite:///bot.db", "failed", "database is locked"),
        BookRead(
            AT, "sqlite:///bot.db", "complete", "", 1,
            orders=OrdersRead("sqlite:///bot.db#orders", "partial", "1 rows refused", 2, 1, ("c-1",),
                              (Refusal(3, "no word for 'parked'", "MSFT", "c-2"),),
                              (RowLeft("c-3", "buy 1 limit at 1.05, canceled", 39),)),
            left=(RowLeft("#7", "long 1", 38),),
        ),
    ],
    "book-writing": [BookWriting(AT, "sqlite:///bot.db", (40, 41), (42,))],
    "book-written": [
        BookWritten(AT, "sqlite:///bot.db", 41, 2, ((40, "AAPL: the book says long 7"),), "the server went away"),
        BookWritten(AT, "sqlite:///bot.db", 0),
        BookWritten(AT, "sqlite:///bot.db", 41, orders_upto=42, left=(RowLeft("#7", "long 1", 38),),
                    orders_left=(RowLeft("c-3", "buy 1 limit at 1.05, canceled", 39),)),
    ],
    "corrections-delivered": [CorrectionsDelivered(AT, 41, ((40, "KeyError: 'EURUSD'"),)), CorrectionsDelivered(AT, 0)],
    "alerts-delivered": [
        AlertsDelivered(AT, "desk", 41, 2, ((40, "HTTP 429, again in 30 s"),)),
        AlertsDelivered(AT, "mail", 0),
    ],
    "permit-given": [
        PermitGiven(AT, "EURUSD", "sell", Decimal("0.50"), Decimal("1.50"), 40, "123456", "trend", "c-2"),
        PermitGiven(AT, "EURUSD", "buy", Decimal(1), Decimal(1), 40),
    ],
    "baseline-taken": [BaselineTaken(41, AT.at_ns, MARK, ("#7", "EURUSD"), "the first complete answer")],
    "position-bound": [PositionBound(41, AT.at_ns, MARK, "?order/c-1", "#7", "its opening order became the ticket")],
    "break-moved": [
        BreakMoved(
            41, AT.at_ns, MARK, "position", "#123456", "EURUSD", "123456",
            (
                Step("00112233445566ff", "drift", "quantity", "confirmed", "1.5", "2", 2, ""),
                Step("00112233445566ff", "drift", "quantity", "corrected", "1.5", "2", 2, "why"),
            ),
            (30, 41), CORRECTION,
        ),
        BreakMoved(
            41, AT.at_ns, MARK, "position", "EURUSD", "EURUSD", None,
            (Step("ff112233445566ff", "ghost", None, "opened", "long 1", None, 0, "waits"),), (41,),
        ),
        BreakMoved(
            41, AT.at_ns, MARK, "order", "c-1", "EURUSD", "c-1",
            (Step("ff112233445566ff", "drift", "filled", "corrected", "0", "0.05", 1, "late"),), (41,),
            order_correction=ORDER_CORRECTION,
        ),
    ],
    "fill-settled": [
        FillSettled(41, AT.at_ns, MARK, "x-1", "#7", Decimal("0.5"), (("0123456789abcdef", Decimal("1.5")),), "why")
    ],
    "fill-adopted": [
        FillAdopted(
            41, AT.at_ns, MARK, "#123456", EXECUTION, CORRECTION, Decimal("-99"), (("0123456789abcdef", Decimal(-1)),)
        )
    ],
    "record-refused": [RecordRefused(41, AT.at_ns, MARK, "fill x-1", "it is too old")],
    "mass-absence-moved": [MassAbsenceMoved(41, AT.at_ns, MARK, "held", ("#7", "#8"), 3, 4, "too much at once")],
    "quarantine-moved": [
        QuarantineMoved(41, AT.at_ns, MARK, "trend:EURUSD", "entered", "a human decides", "00112233445566ff"),
        QuarantineMoved(41, AT.at_ns, MARK, "*:EURUSD", "released", "an operator said so"),
    ],
    "gate-moved": [
        GateMoved(41, AT.at_ns, MARK, "open", "compared and agreeing", (("EURUSD", "break 1"), ("GBPUSD", "row 2"))),
        GateMoved(41, AT.at_ns, MARK, "closed", "no start-up pass yet"),
    ],
    "order-merged": [OrderMerged(41, AT.at_ns, MARK, BOOK_ORDER, "the broker names its id")],
    "action-requested": [
        ActionRequested(
            41, AT.at_ns, MARK, "tu-0123456789abcdef",
            ActionTerms(
                "place_stop", "EURUSD", "7", "sell", Decimal("0.10"), Decimal("1.02"), "o-1", "c-1"
            ), "protect", "#7", 2, "no stop",
        ),
        ActionRequested(41, AT.at_ns, MARK, "tu-f", ActionTerms("cancel", "EURUSD"), "cancel-orphan", "@o-1", 1, "why"),
    ],
    "action-moved": [ActionMoved(41, AT.at_ns, MARK, "tu-0123456789abcdef", "unknown", "not found", (40, 41), 1)],
    "action-sent": [ActionSent(AT, "tu-0123456789abcdef")],
    "action-answered": [ActionAnswered(AT, "tu-0123456789abcdef", "rejected", "no money", "o-1", DIGEST, 3)],
    "protection-moved": [ProtectionMoved(41, AT.at_ns, MARK, "#7", "EURUSD", "7", "placing", 1, "no stop")],
    "override-moved": [OverrideMoved(41, AT.at_ns, MARK, "granted", "EURUSD", "ada", "I looked", AT.at_ns + 60)],
    "alert-raised": [AlertRaised(41, AT.at_ns, MARK, "critical", "escalated", "look", ("00112233445566ff",))],
}  # fmt: skip

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ITEMS: Final[dict[str, InboxItem]] = {
    "command": InboxItem("i-1", "ada", AT.at_ns, Command(name="ack", who="ada", why="so", arguments={"what": "x"})),
    "fill": InboxItem(
        "i-2", "bot", AT.at_ns,
        Fill(
            execution_id="x-1", symbol="EURUSD", side="sell", quantity="0.10", price="1.05430", client_order_id="c-1",
            order_id="o-1", ticket="7", strategy="trend", fee="-0.1", fee_asset="EUR", at=NOON,
        ),
    ),
    "order": InboxItem(
        "i-3", "bot", AT.at_ns,
        OrderUpdate(
            client_order_id="c-1", symbol="EURUSD", side="buy", type="limit", quantity="1.0", status="pending",
            order_id="o-1", filled=0, average_price="1.05", limit="1.06", stop="1.04", reduce_only=False,
            strategy="trend", parent="c-0", scheduled_for=NOON, at=NOON,
        ),
    ),
    "position": InboxItem(
        "i-4", "bot", AT.at_ns,
        PositionSet(
            symbol="EURUSD", side="short", quantity=0, ticket="7", price="1.05", strategy="trend", stop=None, at=NOON
        ),
    ),
}  # fmt: skip
