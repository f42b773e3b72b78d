"""`trueup doctor`: does each part of a configuration work, before anything depends on it?

Tries the configuration, each store, each broker and its clock, each channel of alerts, the port and the extras, and
says of what is wrong what to do. It writes to no journal, takes no lock, and sends nothing but, on request, test
messages.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from trueup.errors import InputError, TrueupError
from trueup_adapters.cli.exits import DONE, FOUND
from trueup_adapters.cli.options import Json
from trueup_adapters.cli.output import busy, give, say, table
from trueup_adapters.config import Flags, planned, read_configuration
from trueup_adapters.config.examining import Finding, examine

STYLES = {"ok": "green", "note": "yellow", "wrong": "red"}


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The configuration; else TRUEUP_CONFIG.")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="BROKER:ID", help="Only this one.")] = None,
    broker: Annotated[str | None, typer.Option("--broker", metavar="URL", help="Whom to ask.")] = None,
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Where the journal is.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Real money: the second word, beside the one in --config.")
    ] = False,
    send_test: Annotated[bool, typer.Option("--send-test", help="Send one message to each channel of alerts.")] = False,
    as_json: Json = False,
) -> int:
    """Try each part: store, broker, clocks, alerts, metrics. 1 where something is wrong."""
    findings = list(_found(config, Flags(account=account, broker=broker, store=store, live=live), send_test=send_test))
    wrong = sum(one.state == "wrong" for one in findings)
    if as_json:
        give({"ok": not wrong, "findings": findings})
        return FOUND if wrong else DONE
    table(
        ("", "part", "of", "what", "do"),
        ((one.state, one.part, one.subject, one.what, one.do or None) for one in findings),
    )
    if wrong:
        say(f"{wrong} of {len(findings)} {'is' if wrong == 1 else 'are'} wrong", "red")
    else:
        say(f"all {len(findings)} are well", "green")
    return FOUND if wrong else DONE


def _found(config: Path | None, flags: Flags, *, send_test: bool) -> list[Finding]:
    path = config or (Path(os.environ["TRUEUP_CONFIG"]) if os.environ.get("TRUEUP_CONFIG", "").strip() else None)
    try:
        what = planned(read_configuration(path), flags, os.environ)
    except InputError as error:
        do = "correct it; nothing else was tried"
        return [Finding("configuration", "", "wrong", line, do) for line in str(error).splitlines()]
    except TrueupError as error:
        return [Finding("configuration", "", "wrong", str(error), "")]
    with busy("asking store, broker and channels"):
        return list(examine(what, send_test=send_test))
