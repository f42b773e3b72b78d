"""`trueup run`: how does a journal get its passes where no trading process embeds trueup?

The sidecar: one writer, one broker. With `--once` one epoch with its start-up pass, for schedulers; without, until it
is told to stop. Everything that a flag does not say is looked up in the environment, then in `--config`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
import typer
from msgspec.structs import replace

from trueup.errors import InputError, JournalError, StoreUrlError, TrueupError
from trueup.journal import Durability, Head, accounts
from trueup.model import PositionMode
from trueup.policy import Policy
from trueup.policy_file import Settings, read_settings
from trueup.reconciler import Reconciler
from trueup.report import EXIT_CODES, PassReport, failed_report
from trueup_adapters.cli.exits import COULD_NOT, DONE
from trueup_adapters.cli.options import Json, PolicyFile
from trueup_adapters.cli.output import busy, complain, give, out
from trueup_adapters.cli.passes import for_people, one_line
from trueup_adapters.cli.seal import head_of
from trueup_adapters.cli.stopping import Stopped, Stopping
from trueup_adapters.cli.stores import reading, state_at
from trueup_adapters.cli.tellers import Teller, Watched
from trueup_adapters.cli.views import KeptViews, views_path
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5.address import URL_DEFAULT, timeout_ms_from, url_from

POLL_S = 0.1
"""How often a due pass is looked for."""


# Options of `run` alone, named so that the command itself stays readable.
HeadFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--head", metavar="FILE", help="One that `trueup head` wrote, which the journal must hold."),
]
Restored: TypeAlias = Annotated[
    bool, typer.Option("--restored", help="The store is a backup put back: go on although it ends before --head.")
]
KeepThem: TypeAlias = Annotated[
    bool, typer.Option("--views/--no-views", help="Keep the read models, <store>.views.db, up with the journal.")
]
ViewsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--views-file", metavar="FILE", help="Where else the read models shall be.")
]
Insecure: TypeAlias = Annotated[bool, typer.Option("--insecure", help="Accept a plain connection to another machine.")]
HowDurable: TypeAlias = Annotated[
    Literal["full", "normal"], typer.Option("--durability", help="`full` survives a power cut, `normal` a kill.")
]
Mode: TypeAlias = Annotated[
    Literal["hedging", "netting"] | None,
    typer.Option("--mode", help="As the account is; without it as the journal says, else hedging."),
]
ConfigFile: TypeAlias = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Policy, account, broker and store from one TOML file.")
]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be run, every question answered."""

    account: str
    store: str
    broker: str
    policy: Policy
    mode: PositionMode
    timeout_ms: int | None


def run(
    account: Annotated[str | None, typer.Option("--account", metavar="BROKER:ID", help="Whose book it is.")] = None,
    broker: Annotated[
        str | None,
        typer.Option("--broker", metavar="URL", help="Its gateway, tcp://host:port; else GTW_HOST, GTW_PORT."),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Where the journal is, or will be.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="One epoch with its start-up pass, then exit by its status.")
    ] = False,
    as_json: Json = False,
    policy: PolicyFile = None,
    config: ConfigFile = None,
    mode: Mode = None,
    baseline: Annotated[
        bool, typer.Option("--baseline/--no-baseline", help="Take the first answer over as the book, or compare it.")
    ] = True,
    insecure: Insecure = False,
    durability: HowDurable = "full",
    timeout_ms: Annotated[
        int | None, typer.Option("--timeout-ms", metavar="MS", min=1, help="For one answer; else GTW_TIMEOUT_MS.")
    ] = None,
    interval_s: Annotated[
        int | None, typer.Option("--interval", metavar="S", min=1, help="Between passes; else SYNC_INTERVAL_SEC.")
    ] = None,
    head: HeadFile = None,
    restored: Restored = False,
    views: KeepThem = True,
    views_file: ViewsFile = None,
) -> int:
    """Keep a journal true to its broker, without a trading process: once, or until stopped."""
    said = read_settings(config) if config is not None else Settings(policy=Policy.adopt())
    if policy is not None:
        said = replace(said, policy=read_settings(policy).policy)
    said = replace(
        said,
        account=account or said.account,
        broker=broker or _from(os.environ) or said.broker,
        store=store or said.store,
    )
    exported = None if head is None else head_of(head, said.account)
    try:
        plan = planned(said, os.environ, mode=mode, timeout_ms=timeout_ms, interval_s=interval_s)
        kept = KeptViews(plan.store, views_path(plan.store, views_file) if views else None)
        with (
            kept,
            _opened(
                plan, baseline=baseline, insecure=insecure, durability=durability, head=exported, restored=restored
            ) as rec,
        ):
            if once:
                with busy(f"asking {plan.broker}"):
                    report = rec.startup_recovery()
                _tell(report, as_json, rec)
                return EXIT_CODES[report.status]
            kept.start()
            return _until_stopped(rec, plan, as_json)
    except JournalError as error:  # among them WriterFenced: another process writes this account
        if as_json:
            give(failed_report(said.account or "", "startup", str(error), time.time_ns()))
        complain(str(error))
        return COULD_NOT


def planned(
    said: Settings,
    environ: Mapping[str, str],
    *,
    mode: PositionMode | None,
    timeout_ms: int | None,
    interval_s: int | None,
) -> Plan:
    """Flags first, then the environment, then the file. Raises InputError for what nobody says."""
    if said.account is None:
        raise InputError("whose book it is nobody says; give --account, such as mt5:5001, or name it in --config")
    if said.store is None:
        raise InputError("where the journal is nobody says; give --store, such as sqlite:///trueup.db")
    timeout_ms = timeout_ms_from(environ) if timeout_ms is None else timeout_ms
    policy = said.policy
    interval_s = _interval_from(environ) if interval_s is None else interval_s
    if interval_s is not None:
        policy = replace(policy, sync_interval_s=interval_s)
    if timeout_ms is not None:
        policy = replace(policy, broker_timeout_s=-(-timeout_ms // 1000))
    return Plan(
        account=said.account,
        store=said.store,
        broker=said.broker or URL_DEFAULT,
        policy=policy,
        mode=mode or _mode_in(said.store, said.account) or "hedging",
        timeout_ms=timeout_ms,
    )


def _from(environ: Mapping[str, str]) -> str | None:
    """The gateway that the environment names; None where it names none."""
    named = environ.get("GTW_HOST", "").strip() or environ.get("GTW_PORT", "").strip()
    return url_from(environ) if named else None


def _interval_from(environ: Mapping[str, str]) -> int | None:
    text = environ.get("SYNC_INTERVAL_SEC", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 86_400 and len(text) < 9):
        raise InputError(f"SYNC_INTERVAL_SEC is {text[:40]!r}; it must be a whole number of seconds from 1 to 86400")
    return int(text)


def _mode_in(store: str, account: str) -> PositionMode | None:
    """How the journal keys its positions already; None where there is no journal of the account yet."""
    try:
        if account not in accounts(store):
            return None
    except StoreUrlError:
        raise
    except InputError:
        return None  # no store yet: opening it to write makes it
    with reading(store, account) as reader:
        state = state_at(reader, reader.head().position)
    return state.mode if state.epoch else None


def _opened(
    plan: Plan, *, baseline: bool, insecure: bool, durability: Durability, head: Head | None, restored: bool
) -> Reconciler:
    strategies: dict[int | str, str] = {mark: name for mark, name in plan.policy.strategies.items()}  # noqa: C416
    broker = Mt5Broker(
        plan.broker,
        position_mode=plan.mode,
        timeout_ms=plan.timeout_ms,
        insecure=insecure,
        strategies=strategies,
        canonical=plan.policy.canonical,
    )
    return Reconciler.open(
        plan.store,
        account=plan.account,
        broker=broker,
        policy=plan.policy,
        durability=durability,
        baseline=baseline,
        head=head,
        restored=restored,
    )


def _until_stopped(rec: Reconciler, plan: Plan, as_json: bool) -> int:
    """Passes, one after the other, each told as it ends; 0 when told to stop, 3 when another writer took over."""
    with Stopping() as stopping, _teller(rec, as_json) as teller:
        try:
            with stopping.at_once(), teller.asking(plan.broker):
                last = rec.startup_recovery()
        except Stopped:
            return DONE
        teller.tell(last)
        while not stopping.wait(POLL_S):
            if last.status == "FAILED" and (why := _overtaken(rec, plan)) is not None:
                complain(why)
                return COULD_NOT
            latest = rec.sync_continuous()
            if latest is not None and latest is not last:
                last = latest
                teller.tell(last)
            teller.refresh()
    return DONE


def _teller(rec: Reconciler, as_json: bool) -> Teller:
    """How passes are told: a picture to who watches, a line each in a pipe or log, JSON to a program."""
    if as_json:
        return Teller(give)
    if out().is_terminal:
        return Watched(rec)
    return Teller(lambda report: one_line(report, held=len(rec.book)))


def _overtaken(rec: Reconciler, plan: Plan) -> str | None:
    """Why we must step down: the journal goes on beyond what we wrote. None while it is only our store that fails."""
    try:
        with reading(plan.store, plan.account) as reader:
            found, ours = reader.head().position, rec.get_status().position
    except TrueupError:
        return None  # nor can it be read: the next pass says why, until it is there again
    if found <= ours:
        return None
    return f"{plan.account}: the journal stands at {found}, we wrote {ours}: another process writes this account"


def _tell(report: PassReport, as_json: bool, rec: Reconciler) -> None:
    if as_json:
        give(report)
    else:
        for_people(report, held=len(rec.book))
