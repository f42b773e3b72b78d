"""`trueup adopt`, `close`, `release`, `override`: how does an operator settle by hand what waits for a human?

Each is one command through `commanding`: journalled with who, why and when, decided by the writer, refused with a
sentence that says what there is.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

import typer

from trueup.errors import InputError
from trueup.model import name_of
from trueup_adapters.cli.commanding import COMMAND_WAIT_S, Wait, Who, Why, give_command
from trueup_adapters.cli.options import Account, Json, Store

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}

Target: TypeAlias = Annotated[
    str, typer.Argument(metavar="TARGET", help="A break's id, a symbol, #TICKET, or an order by either of its ids.")
]


def adopt(
    target: Target,
    store: Store,
    why: Why,
    who: Who = None,
    account: Account = None,
    wait_s: Wait = COMMAND_WAIT_S,
    as_json: Json = False,
) -> int:
    """Take the broker's word for an open break, now. 0 done, 1 refused, 3 queued for the writer."""
    given = {"target": name_of(target, what="TARGET")}
    return give_command(
        "adopt", given, store=store, account=account, why=why, who=who, wait_s=wait_s, as_json=as_json
    )  # fmt: skip


def close(
    target: Target,
    store: Store,
    why: Why,
    unproven: Annotated[
        bool, typer.Option("--unproven", help="You know that it is gone, although the answers do not prove it yet.")
    ] = False,
    at_broker: Annotated[
        bool,
        typer.Option("--at-broker", help="Ask the broker to close the position, reduce-only, or to cancel the order."),
    ] = False,
    who: Who = None,
    account: Account = None,
    wait_s: Wait = COMMAND_WAIT_S,
    as_json: Json = False,
) -> int:
    """Close in the book what the broker has not, or ask the broker to close it. 0 done, 1 refused, 3 queued."""
    if unproven and at_broker:
        raise InputError("--unproven is of the book, --at-broker of the broker: give one of them")
    given = {"target": name_of(target, what="TARGET")}
    given |= {"unproven": "yes"} if unproven else {}
    given |= {"at_broker": "yes"} if at_broker else {}
    return give_command(
        "close", given, store=store, account=account, why=why, who=who, wait_s=wait_s, as_json=as_json
    )  # fmt: skip


def release(
    scope: Annotated[
        str, typer.Argument(metavar="SCOPE", help="As `trueup status` shows it: STRATEGY:SYMBOL, *:SYMBOL, or SYMBOL.")
    ],
    store: Store,
    why: Why,
    who: Who = None,
    account: Account = None,
    wait_s: Wait = COMMAND_WAIT_S,
    as_json: Json = False,
) -> int:
    """Lift a quarantine. 0 done, 1 refused, 3 queued for the writer."""
    given = {"scope": name_of(scope, what="SCOPE")}
    return give_command(
        "release", given, store=store, account=account, why=why, who=who, wait_s=wait_s, as_json=as_json
    )  # fmt: skip


def override(
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="`account`, or a symbol.")],
    store: Store,
    why: Why,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long: 90s, 10m, 1h; at most `override_s_max`.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the one that is in force.")] = False,
    who: Who = None,
    account: Account = None,
    wait_s: Wait = COMMAND_WAIT_S,
    as_json: Json = False,
) -> int:
    """Let orders pass although the evidence does not support it, for a while. 0 done, 1 refused, 3 queued."""
    if end == (lasts is not None):
        raise InputError("say for how long with --for, like --for 10m, or --end the one that is in force")
    given = {"scope": name_of(scope, what="SCOPE")}
    given |= {"end": "yes"} if lasts is None else {"seconds": str(seconds_of(lasts))}
    return give_command(
        "override", given, store=store, account=account, why=why, who=who, wait_s=wait_s, as_json=as_json
    )  # fmt: skip


def seconds_of(text: str) -> int:
    """`90s`, `10m`, `1h`, `600` in seconds. Raises InputError."""
    match = re.fullmatch(r"([0-9]{1,7})([smh]?)", text, re.ASCII)
    if match is None or not int(match[1]):
        raise InputError(
            f"--for is {text[:40]!r}; write a whole number of seconds, minutes or hours, like 90s, 10m, 1h"
        )
    return int(match[1]) * _UNITS[match[2]]
