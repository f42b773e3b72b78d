"""What does `trueup init` write: a configuration that says of itself what each line means?

Made from the same tables that a configuration is judged by, so it is always one that is understood.
"""

from __future__ import annotations

from typing import Final

from trueup_adapters.config.keys import TABLES, Key

_TOP: Final = """\
# trueup: what the sidecar goes by.  trueup run --config trueup.toml  ·  trueup doctor --config trueup.toml
# A line that begins with # says nothing; what it shows is an example. Secrets belong into the environment.
"""
_POLICY: Final = """\
# What may be corrected, on how much evidence: the policy. Every knob: docs/policy.md
[policy]
preset = "adopt"                # observe: only look; adopt: the broker is right; guarded: a person decides
# sync_interval_s = 15
# on_ghost = "quarantine"

# [strategies]
# 12345 = "mean-reversion"      # an MT5 magic number

# [instruments."EURUSD"]
# aliases = ["EURUSD.m"]
"""
_HEADS: Final = {
    "accounts": "# Several accounts in one process: one table each, instead of `account` and `broker` above.",
    "book": "# The bot's own book, in a table of its database: read before each question, and corrected.",
    "book.orders": "# And its orders, where it keeps them. Its own words for what became of one are named below.",
    "alerts": "# Who is told. Addresses as apprise writes them: Discord, Slack, Telegram, mail and a hundred more.",
    "metrics": "# Prometheus metrics, on this machine only.",
    "logs": "# One line for each event, instead of the calm lines for people.",
    "views": "# Read models for Datasette and any SQL tool.",
}
_LISTS: Final = ("accounts", "alerts.channels")
_SPOKEN: Final = {"environment", "dry_run", "account", "broker", "store"}


def template(*, account: str | None = None, broker: str | None = None, store: str | None = None) -> str:
    """The whole file. It rehearses only (`dry_run = true`) and means paper, until somebody writes otherwise."""
    said = {"account": account, "broker": broker, "store": store}
    parts = [_TOP, *(_line(key, spoken=key.name in _SPOKEN, value=said.get(key.name)) for key in TABLES[""])]
    parts += ["", _POLICY]
    for name in ("accounts", "book", "book.orders", "alerts", "alerts.channels", "metrics", "logs", "views"):
        parts.append(_HEADS.get(name, "#"))
        parts.append(f"# [[{name}]]" if name in _LISTS else f"# [{name}]")
        parts += [_line(key, spoken=False) for key in TABLES[name]]
        if name == "accounts":
            parts.append('# policy = { preset = "guarded" }  # knobs of this account, over those of [policy]')
        if name == "book.orders":
            parts += ["# [book.orders.statuses]", '# NEW = "accepted"', '# DONE = "filled"', '# DEAD = "canceled"']
            parts += ["# [book.orders.types]", '# LMT = "limit"']
        if name != "alerts":
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _line(key: Key, *, spoken: bool, value: str | None = None) -> str:
    text = key.example if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    line = f"{key.name} = {text}"
    if not spoken:
        line = f"# {line}"
    words = f" ({', '.join(key.words)})" if key.words else ""
    return f"{line:<40}  # {key.help}{words}"
