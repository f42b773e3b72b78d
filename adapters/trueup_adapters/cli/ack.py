"""`trueup ack`: how does an operator say that something is really so?"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from trueup_adapters.cli.commanding import COMMAND_WAIT_S, Wait, Who, Why, give_command
from trueup_adapters.cli.options import Account, Json, Store


def ack(
    what: Annotated[
        Literal["mass-absence"], typer.Argument(metavar="WHAT", help="`mass-absence`: they are really gone.")
    ],
    store: Store,
    why: Why,
    who: Who = None,
    account: Account = None,
    wait_s: Wait = COMMAND_WAIT_S,
    as_json: Json = False,
) -> int:
    """Acknowledge what trueup will not conclude by itself. 0 done, 1 refused, 3 queued for the writer."""
    return give_command(
        "ack", {"what": what}, store=store, account=account, why=why, who=who, wait_s=wait_s, as_json=as_json
    )
