"""Which tables change: what lives for a while (passes, breaks, fills), and how the two sides stand now?"""

from __future__ import annotations

from typing import Final

from trueup_projections.columns import ACCOUNT, ONE_ACCOUNT, audited, side
from trueup_projections.schema import Table, may, moment, must

ACCOUNTS: Final = Table(
    "accounts",
    "Accounts",
    "One row per account: how far its journal has been read, and how things stood there.",
    ("account",),
    (
        ACCOUNT,
        must("position", "integer", "the last event that these tables hold"),
        must("digest", "text", "that event's digest (SHA-256, hex): names the very journal that this was made from"),
        *moment("at", "when the last input reached us"),
        must("epoch", "integer", "the writer's tenure, from 1"),
        must("position_mode", "text", "`netting` or `hedging`"),
        may("policy", "text", "first 8 bytes of the policy's digest, hex"),
        must("gate", "text", "`open`, `reduce_only` or `closed`, its age rule apart"),
        must("positions", "integer", "how many positions the book holds"),
        must("broker_positions", "integer", "how many positions the last complete answer stands for"),
        must("orders", "integer", "how many working orders the book holds"),
        must("broker_orders", "integer", "how many orders the last complete list of working orders stands for"),
        must("orphans", "integer", "how many of those nobody here knows"),
        must("open_breaks", "integer", "how many breaks are open, of positions and of orders"),
        must("held", "integer", "how many missing positions a mass absence holds back"),
        must("unsettled", "integer", "how many actions are not settled"),
        must("unprotected", "integer", "how many positions have no working stop, where the policy asks for one"),
    ),
)

PASSES: Final = Table(
    "passes",
    "Passes",
    "One row per pass. A pass in which our own store failed left nothing in the journal, so nothing here.",
    ("account", "pass"),
    (
        ACCOUNT,
        must("pass", "integer", "counted over all epochs, from 1"),
        must("kind", "text", "`startup`, `periodic`, `manual`, or `proof`: one question for a permit"),
        must("epoch", "integer", "the writer's tenure"),
        must("position", "integer", "journal position of its first observation"),
        *moment("began", "when its first question was asked"),
        *moment("ended", "when its last answer, or failure, came"),
        must("status", "text", "`SUCCESS`, `PARTIAL` or `DEGRADED`, as far as the journal shows"),
        must("observations", "integer", "how many"),
        must("unanswered", "integer", "how many of them brought no answer"),
        must(
            "surfaces",
            "json",
            "per surface that is known to answer, how it last did: `complete`, `partial` or `failed`",
        ),
        must("moves", "integer", "keys whose breaks moved, each time counted"),
        must("corrections", "integer", "how many, of positions and of orders"),
        must("open_breaks", "integer", "breaks still open after it, of positions and of orders"),
        must("held", "integer", "missing positions that a mass absence held back after it"),
        must("unsettled", "integer", "actions not settled after it"),
        must("unprotected", "integer", "positions without a working stop after it"),
    ),
    links=(ONE_ACCOUNT, audited()),
    indexes=(("began_at_ns",),),
)

BREAKS: Final = Table(
    "breaks",
    "Breaks",
    "One row per disagreement about one field of one key, from first sight until it is over.",
    ("account", "id"),
    (
        ACCOUNT,
        must("id", "text", "derives from where it was first seen"),
        must("of", "text", "`position` or `order`"),
        must(
            "kind",
            "text",
            "`recovery`: the book lacks it; `ghost`: the broker has not got it; `drift`: a field differs",
        ),
        may("field", "text", "of a drift: the field that differs"),
        must("key", "text", "as in `positions`; of an order its client order id, or `@` and the broker's reference"),
        must("symbol", "text", "by its one canonical name"),
        may(
            "ticket", "text", "the broker's own id of the position; of an order its client order id, else the broker's"
        ),
        must("state", "text", "`opened`, `confirmed`, `escalated` while open; `corrected` or `cleared` when over"),
        must("is_open", "flag", "1 until it is over"),
        may("book", "text", "what the book said last"),
        may("broker", "text", "what the broker said last"),
        must("sightings", "integer", "independent answers that said so in a row"),
        must("steps", "integer", "how many"),
        must("why", "text", "the reason that was given last; of a corrected one, the correction's"),
        must("opened_position", "integer", "journal position of its first step"),
        *moment("opened", "when it was first seen"),
        *moment("moved", "when its last step was taken"),
        may("over_position", "integer", "journal position of the step that ended it"),
        *moment("over", "when it was over", null=True),
        may("correction_position", "integer", "journal position of the correction that resolved it"),
    ),
    links=(
        ONE_ACCOUNT,
        audited("opened_position"),
        audited("over_position"),
        (("account", "correction_position"), "audit", ("account", "position")),
    ),
    indexes=(("account", "is_open"), ("account", "symbol"), ("account", "kind"), ("account", "of", "key")),
    searched=("why",),
)

FILLS: Final = Table(
    "fills",
    "Fills",
    "One row per execution, keyed by the broker's own id, however often and from whom it was heard of.",
    ("account", "execution_id"),
    (
        ACCOUNT,
        must("execution_id", "text", "the broker's own"),
        must("symbol", "text", "by its one canonical name"),
        must("side", "text", "`buy` or `sell`"),
        must("quantity", "decimal", "without sign, in the instrument's unit"),
        must("signed_quantity", "decimal", "+ bought, - sold, in the instrument's unit"),
        may("price", "decimal", "NULL: not reported"),
        may("ticket", "text", "of the position that it belongs to"),
        may("order_id", "text", "the broker's"),
        may("client_order_id", "text", "ours"),
        may("strategy", "text", "its owner"),
        may("fee", "decimal", "in `fee_asset`; + paid, - a rebate"),
        may("fee_asset", "text", "what the fee is in"),
        may("happened_at", "text", "the broker's own time: evidence, never order"),
        *moment("heard", "when we first heard of it"),
        must("heard_position", "integer", "and where in the journal"),
        may("recorded_position", "integer", "where the trading process first recorded it"),
        may("pushed_position", "integer", "where the broker first pushed it"),
        may("listed_position", "integer", "where an answer first listed it"),
        may("adopted_position", "integer", "where it entered the book as a missed fill"),
        must("inferred_quantity", "decimal", "signed: how much of it a correction had already put into the book"),
    ),
    links=(
        ONE_ACCOUNT,
        audited("heard_position"),
        audited("recorded_position"),
        audited("pushed_position"),
        audited("listed_position"),
        audited("adopted_position"),
    ),
    indexes=(("account", "symbol"), ("account", "client_order_id"), ("heard_at_ns",)),
)

POSITIONS: Final = Table(
    "positions",
    "Positions: the book",
    "What the trading process believes it holds, now. A closed position is not listed.",
    ("account", "key"),
    (
        *side("unknown"),
        must("strategy", "text", "its owner; `external` when nobody could name one"),
        may("source", "text", "what moves the quantity: `fill` or `set`; NULL: no record has said yet"),
        may("opened_at", "text", "the broker's or the process's own time: evidence, never order"),
        must(
            "inferred_quantity", "decimal", "signed: how much of it corrections put there that no fill has claimed yet"
        ),
        must("changed_position", "integer", "journal position of its last change"),
        *moment("changed", "when the book last changed it"),
    ),
    links=(ONE_ACCOUNT, audited("changed_position")),
    indexes=(("account", "symbol"), ("account", "strategy")),
)

BROKER_POSITIONS: Final = Table(
    "broker_positions",
    "Positions: the broker",
    "What the broker's last complete answer stands for.",
    ("account", "key"),
    (
        *side("not reported"),
        may("strategy", "text", "its owner, where the broker's data names one"),
        may("opened_at", "text", "the broker's own time: evidence, never order"),
        may("spelling", "text", "the broker's own name of the symbol, where it differs"),
        may("unit", "text", "of the quantity, where the broker states it"),
    ),
    links=(ONE_ACCOUNT,),
    indexes=(("account", "symbol"),),
)

EXPOSURE: Final = Table(
    "exposure",
    "Exposure",
    "The book summed by owner and symbol. A table, because SQL's own SUM would make floats of exact decimals.",
    ("account", "strategy", "symbol"),
    (
        ACCOUNT,
        must("strategy", "text", "owner"),
        must("symbol", "text", "by its one canonical name"),
        must("positions", "integer", "how many"),
        must("long_quantity", "decimal", "sum of the long ones, in the instrument's unit"),
        must("short_quantity", "decimal", "sum of the short ones, without sign"),
        must("net_quantity", "decimal", "signed: long less short"),
    ),
    links=(ONE_ACCOUNT,),
    indexes=(("account", "symbol"),),
)
