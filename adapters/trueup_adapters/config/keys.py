"""Which keys may a configuration hold, what does each mean, and which environment variables are read?

One table for each part of the file. Reading, `trueup init`, and the test of docs/reference/configuration.md all go by
it, so none of them can know a key that the others do not. The knobs of a policy are `trueup.policy.Policy`'s.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["text", "whole", "yes", "word"]


class Key(msgspec.Struct, frozen=True):
    """One key of one table."""

    name: str
    kind: Kind
    help: str
    """One sentence, as `trueup init` writes it."""
    example: str
    """What `trueup init` shows: a value as TOML writes it."""
    words: tuple[str, ...] = ()
    """For `word`: what may stand there."""
    at_least: int = 0
    at_most: int = 10**9
    secret: bool = False
    """Its value is in no message."""


class Variable(msgspec.Struct, frozen=True):
    """One environment variable."""

    name: str
    help: str


_MODE: Final = Key("mode", "word", "How the account keeps positions.", '"hedging"', ("hedging", "netting"))
_ENVIRONMENT: Final = Key(
    "environment", "word", "Real money is said twice: here, and by --live or TRUEUP_ENVIRONMENT=live.", '"paper"',
    ("paper", "live"),
)  # fmt: skip
_DRY_RUN: Final = Key(
    "dry_run", "yes", "Passes are rehearsed: nothing is corrected, and no decision is journalled.", "true"
)
_BROKER: Final = Key("broker", "text", "Whom to ask.", '"tcp://127.0.0.1:5555"')
_STORE: Final = Key(
    "store", "text", "Where the journal is, or will be; {account} is replaced.", '"sqlite:///trueup.db"'
)
_TIMEOUT: Final = Key("timeout_ms", "whole", "For one answer of the broker.", "10000", at_least=1, at_most=86_400_000)
_INSECURE: Final = Key("insecure", "yes", "Accept a plain connection to another machine.", "false")
_CURVE_SERVER: Final = Key(
    "curve_server", "text", "An MT5 gateway's public CURVE key: the connection is encrypted.",
    '"<40 characters>"',
)  # fmt: skip
_CURVE_SECRET: Final = Key(
    "curve_secret_file", "text", "The file with our secret CURVE key; else GTW_CURVE_SECRET is the key.",
    '"~/.trueup/mt5.key_secret"',
)  # fmt: skip
_BASELINE: Final = Key("baseline", "yes", "Take the first complete answer over as the book, or compare it.", "true")

TABLES: Final[dict[str, tuple[Key, ...]]] = {
    "": (
        _ENVIRONMENT,
        _DRY_RUN,
        Key("account", "text", "Whose book it is: broker:id.", '"mt5:5001"'),
        _BROKER,
        _STORE,
        _MODE,
        _BASELINE,
        _INSECURE,
        _CURVE_SERVER,
        _CURVE_SECRET,
        _TIMEOUT,
        Key(
            "durability",
            "word",
            "`full` survives a power cut, `normal` a killed process.",
            '"full"',
            ("full", "normal"),
        ),
    ),
    "accounts": (
        Key("account", "text", "Whose book it is: broker:id.", '"mt5:5001"'),
        _BROKER,
        _STORE,
        _ENVIRONMENT,
        _DRY_RUN,
        _MODE,
        _BASELINE,
        _INSECURE,
        _CURVE_SERVER,
        _CURVE_SECRET,
        _TIMEOUT,
    ),
    "book": (
        Key(
            "url", "text", "Where the bot keeps its book; SQLAlchemy's address, or firestore://.", '"sqlite:///bot.db"'
        ),
        Key("url_env", "text", "The environment variable that holds the address.", '"BOT_DATABASE_URL"'),
        Key("table", "text", "The table, or Firestore's collection.", '"positions"'),
        Key("symbol", "text", "The column of the symbol.", '"symbol"'),
        Key("quantity", "text", "Of the quantity: signed, or beside a side unsigned.", '"quantity"'),
        Key("side", "text", "Of the side.", '"side"'),
        Key("long", "text", "How a long side is written.", '"long"'),
        Key("short", "text", "How a short one is.", '"short"'),
        Key("ticket", "text", "Of the broker's ticket: a hedging account needs it.", '"ticket"'),
        Key("price", "text", "Of the opening or average price.", '"price"'),
        Key("stop", "text", "Of the stop; empty means none.", '"stop_loss"'),
        Key("strategy", "text", "Of the owner.", '"strategy"'),
        Key("opened_at", "text", "Of the time when it was opened.", '"opened_at"'),
        Key("closed", "word", "What a closed position looks like.", '"delete"', ("delete", "zero", "status")),
        Key("status", "text", "Of the status.", '"status"'),
        Key("open_word", "text", "What an open row says there.", '"open"'),
        Key("closed_word", "text", "What a closed row says there.", '"closed"'),
        Key("exit_reason", "text", "Where to write why: CLOSED_EXTERNALLY.", '"exit_reason"'),
        Key("closed_at", "text", "Where to write when it was closed.", '"closed_at"'),
        Key("time_zone", "text", "Of times that say none.", '"UTC"'),
        Key("floats", "word", "Binary floats: refused, or read as text.", '"refuse"', ("refuse", "text")),
        Key("write", "yes", "Write corrections back; false: only read.", "true"),
    ),
    "book.orders": (
        Key("table", "text", "The table, or Firestore's collection.", '"orders"'),
        Key("client_order_id", "text", "The column of what the bot told the broker to call it.", '"client_order_id"'),
        Key("order_id", "text", "Of the broker's id; at least one of the two is needed.", '"order_id"'),
        Key("symbol", "text", "Of the symbol.", '"symbol"'),
        Key("side", "text", "Of the side.", '"side"'),
        Key("buy", "text", "How a buying side is written.", '"buy"'),
        Key("sell", "text", "How a selling one is.", '"sell"'),
        Key("type", "text", "Of the type: limit, market, stop.", '"type"'),
        Key("quantity", "text", "Of the quantity as ordered, unsigned.", '"quantity"'),
        Key("status", "text", "Of the status; its words are under [book.orders.statuses].", '"status"'),
        Key("filled", "text", "Of the filled quantity, cumulative.", '"filled"'),
        Key("average_price", "text", "Of the average price of what was filled.", '"average_price"'),
        Key("limit", "text", "Of the limit.", '"limit_price"'),
        Key("stop", "text", "Of the stop.", '"stop_price"'),
        Key("reduce_only", "text", "Whether it may only reduce a position.", '"reduce_only"'),
        Key("strategy", "text", "Of the owner.", '"strategy"'),
        Key("exit_reason", "text", "Where to write why it ended: CLOSED_EXTERNALLY.", '"exit_reason"'),
        Key("closed_at", "text", "Where to write when it was found to have ended.", '"closed_at"'),
        Key("time_zone", "text", "Of times that say none; else as in [book].", '"UTC"'),
        Key(
            "floats",
            "word",
            "Binary floats: refused, or read as text; else as in [book].",
            '"refuse"',
            ("refuse", "text"),
        ),
    ),
    "alerts": (
        Key("severity", "word", "Alerts below it are told nowhere.", '"warning"', ("info", "warning", "critical")),
        Key("resolved", "yes", "Tell as well when an alerted break is over.", "true"),
    ),
    "alerts.channels": (
        Key("name", "text", "What journal and logs call it.", '"desk"'),
        Key("url_env", "text", "The environment variable that holds its address.", '"TRUEUP_ALERTS_DESK"'),
        Key("url", "text", "Its address, as apprise writes them; a secret.", '"discord://id/token"', secret=True),
        Key("severity", "word", "Alerts below it are not told here.", '"critical"', ("info", "warning", "critical")),
        Key("resolved", "yes", "Tell here as well when an alerted break is over.", "true"),
    ),
    "metrics": (
        Key("port", "whole", "Serve Prometheus metrics on this port; 0: on a free one.", "9464", at_most=65_535),
        Key("host", "text", "On this address.", '"127.0.0.1"'),
    ),
    "logs": (
        Key(
            "format",
            "word",
            "A log line for each event, on stderr, instead of the calm lines.",
            '"text"',
            ("text", "json"),
        ),
        Key("level", "word", "The least that is logged.", '"info"', ("debug", "info", "warning", "error")),
    ),
    "views": (
        Key("keep", "yes", "Keep the read models up with the journal.", "true"),
        Key("file", "text", "Where they are; without it beside the store.", '"trueup.db.views.db"'),
    ),
}
"""By the dotted name of a table ('' is the top of the file); `accounts` and `alerts.channels` are lists of tables."""

ENVIRONMENT: Final = (
    Variable("TRUEUP_CONFIG", "the configuration file, where --config is not given"),
    Variable("TRUEUP_ACCOUNT", "`account`"),
    Variable("TRUEUP_BROKER", "`broker`"),
    Variable("TRUEUP_STORE", "`store`"),
    Variable("TRUEUP_ENVIRONMENT", "`paper` or `live`; the second word that live takes"),
    Variable("TRUEUP_DRY_RUN", "`dry_run`: 1 or 0"),
    Variable("TRUEUP_ALERTS", "addresses of channels, parted by spaces, beside those of the file: env-1, env-2, ..."),
    Variable("TRUEUP_METRICS_PORT", "`port` of [metrics]"),
    Variable("TRUEUP_LOG_FORMAT", "`format` of [logs]"),
    Variable("TRUEUP_LOG_LEVEL", "`level` of [logs]"),
    Variable("GTW_HOST", "the MT5 gateway's host"),
    Variable("GTW_PORT", "the MT5 gateway's port"),
    Variable("GTW_TIMEOUT_MS", "`timeout_ms`"),
    Variable("GTW_INSECURE", "1: accept a plain connection to another machine"),
    Variable("GTW_CURVE_SERVER", "`curve_server`"),
    Variable("GTW_CURVE_SECRET", "our secret CURVE key itself"),
    Variable("SYNC_INTERVAL_SEC", "`sync_interval_s` of the policy"),
)
"""Every variable that is read. A name of ours that is nearly one of them is an error: it was meant."""
