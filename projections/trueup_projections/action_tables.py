"""Which tables tell of what was asked of the broker, who protects positions, and who let orders pass?"""

from __future__ import annotations

from typing import Final

from trueup_projections.columns import ACCOUNT, CAUSE, ONE_ACCOUNT, POSITION, audited
from trueup_projections.schema import Table, may, moment, must

ACTIONS: Final = Table(
    "actions",
    "Actions",
    "One row per thing asked of the broker, from its request to its end. Each is sent at most once under its id.",
    ("account", "client_id"),
    (
        ACCOUNT,
        must("client_id", "text", "ours: derives from what it is for and which attempt it is"),
        must("kind", "text", "`cancel`, `place_stop` or `close_position`"),
        must("purpose", "text", "`cancel-orphan`, `protect`, `exit` or `operator`"),
        must("key", "text", "what it is for: a position's key, or an order's reference"),
        must("symbol", "text", "by its one canonical name"),
        may("ticket", "text", "the broker's own id of the position"),
        may("side", "text", "of the order that is asked for: `buy` or `sell`"),
        may("quantity", "decimal", "without sign, in the instrument's unit"),
        may("stop", "decimal", "stop price"),
        may("order_id", "text", "the broker's id of the order that it is about, or became"),
        may("target", "text", "of a cancel: the order's client order id"),
        must("attempt", "integer", "from 1"),
        must(
            "state", "text", "`requested`, `sent`, `acknowledged`, `rejected`, `unknown`; `done`, `failed`, `abandoned`"
        ),
        must("is_open", "flag", "1 until it is settled: done, failed, or abandoned unsent"),
        must("why", "text", "the reason that was given last"),
        must("requested_position", "integer", "journal position of the request"),
        *moment("requested", "when the input that caused it reached us"),
        may("sent_position", "integer", "where it was journalled that it is being sent; NULL: it was not"),
        *moment("sent", "when that was, just before", null=True),
        may("answer", "text", "what sending it came to: `acknowledged`, `rejected` or `unknown`; NULL: nothing yet"),
        may("answer_why", "text", "the broker's own reason, or what went wrong"),
        may("answered_position", "integer", "where that was journalled"),
        *moment("answered", "when that was", null=True),
        must("look_ups", "integer", "how many times its outcome was looked up"),
        may("looked_up_position", "integer", "the last look-up"),
        *moment("looked_up", "when that was answered, or was not", null=True),
        must("sightings", "integer", "independent look-ups that count and have not found it"),
        may("settled_position", "integer", "where it was settled"),
        *moment("settled", "when the input that settled it reached us", null=True),
        must("policy", "text", "mark of the policy that it followed, hex"),
    ),
    links=(
        ONE_ACCOUNT,
        audited("requested_position"),
        audited("sent_position"),
        audited("answered_position"),
        audited("looked_up_position"),
        audited("settled_position"),
    ),
    indexes=(("account", "is_open"), ("account", "symbol"), ("account", "key")),
    searched=("why",),
)

PROTECTION: Final = Table(
    "protection",
    "Protection",
    "One row each time that an open position was seen without a working stop, and each step until it has one. Never "
    "changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when the input that caused it reached us"),
        CAUSE,
        must("key", "text", "as in `positions`"),
        must("symbol", "text", "by its one canonical name"),
        may("ticket", "text", "the broker's own id of the position"),
        must("state", "text", "`unprotected`, `placing`, `exiting`, `critical`; `protected` when it is over"),
        must("attempts", "integer", "stops that were asked for since it was seen without one"),
        must("why", "text", "the reason"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("cause")),
    indexes=(("account", "key"),),
    searched=("why",),
)

OVERRIDES: Final = Table(
    "overrides",
    "Overrides",
    "One row each time that an operator let orders pass where the evidence does not, or that ended. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when the input that caused it reached us"),
        CAUSE,
        must("scope", "text", "`account`, or a symbol"),
        must("state", "text", "`granted` or `ended`"),
        must("who", "text", "the operator"),
        must("why", "text", "the operator's reason; why it ended"),
        *moment("until", "when it ends by itself"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("cause")),
    indexes=(("account", "scope"),),
)

PERMITS: Final = Table(
    "permits",
    "Permits",
    "One row per permit for an order that only reduces, on proof of the live position. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when it was given"),
        must("symbol", "text", "by its one canonical name"),
        may("ticket", "text", "the broker's own id of the position"),
        must("side", "text", "of the order: `buy` or `sell`"),
        must("quantity", "decimal", "without sign: what it reserves of the live position"),
        must("live", "decimal", "the size of the position as the broker stated it, without sign"),
        must("proof", "integer", "journal position of the observation that states it"),
        may("client_order_id", "text", "under which the order will be recorded, where that was said"),
        may("strategy", "text", "who asked"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("proof")),
    indexes=(("account", "symbol"),),
)
