"""`trueup run`: how does a journal get its passes where no trading process embeds trueup?

The sidecar: one writer for each account. With `--once` one epoch with its start-up pass, for schedulers; without, until
it is told to stop. Everything that a flag does not say is looked up in the environment, then in `--config`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer
from msgspec.structs import replace

from trueup.errors import InputError, JournalError
from trueup.policy_file import read_settings
from trueup.reconciler import Reconciler
from trueup.report import EXIT_CODES, PassReport, failed_report
from trueup_adapters.cli.companions import Companions
from trueup_adapters.cli.exits import COULD_NOT, DONE
from trueup_adapters.cli.fleet import Fleet, News
from trueup_adapters.cli.options import Json, PolicyFile
from trueup_adapters.cli.output import busy, complain, give, out
from trueup_adapters.cli.passes import for_people, one_line, rehearsed
from trueup_adapters.cli.seal import head_of
from trueup_adapters.cli.sidecar import Start, opened, overtaken
from trueup_adapters.cli.stopping import Stopped, Stopping
from trueup_adapters.cli.tellers import Teller, Watched
from trueup_adapters.cli.views import KeptViews, views_path
from trueup_adapters.config import Flags, Plan, planned, read_configuration
from trueup_adapters.config.brokers import address_of
from trueup_adapters.config.plans import Planned

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
    bool | None, typer.Option("--views/--no-views", help="Keep the read models, <store>.views.db, up with the journal.")
]
ViewsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--views-file", metavar="FILE", help="Where else the read models shall be.")
]
Baseline: TypeAlias = Annotated[
    bool | None,
    typer.Option("--baseline/--no-baseline", help="Take the first answer over as the book (default), or compare it."),
]
Insecure: TypeAlias = Annotated[
    bool | None, typer.Option("--insecure", help="Accept a plain connection to another machine.")
]
CurveServer: TypeAlias = Annotated[
    str | None, typer.Option("--curve-server", metavar="KEY", help="The gateway's public CURVE key: encrypted.")
]
CurveSecretFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--curve-secret-file", metavar="FILE", help="Our secret CURVE key; else GTW_CURVE_SECRET."),
]
Live: TypeAlias = Annotated[
    bool, typer.Option("--live", help="Real money: the second word, beside the one in --config.")
]
DryRun: TypeAlias = Annotated[
    bool | None, typer.Option("--dry-run/--no-dry-run", help="Rehearse passes: correct and journal nothing.")
]
MetricsPort: TypeAlias = Annotated[
    int | None,
    typer.Option("--metrics", metavar="PORT", min=0, max=65_535, help="Serve Prometheus metrics on this machine."),
]
LogFormat: TypeAlias = Annotated[
    Literal["text", "json"] | None,
    typer.Option("--log-format", help="A log line for each event, on stderr, instead of the calm lines."),
]
HowDurable: TypeAlias = Annotated[
    Literal["full", "normal"] | None,
    typer.Option("--durability", help="`full` (default) survives a power cut, `normal` a kill."),
]
Mode: TypeAlias = Annotated[
    Literal["hedging", "netting"] | None,
    typer.Option("--mode", help="As the account is; without it as the journal says, else as such brokers usually are."),
]
ConfigFile: TypeAlias = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="All of it from one TOML file; else TRUEUP_CONFIG.")
]


def run(
    account: Annotated[str | None, typer.Option("--account", metavar="BROKER:ID", help="Whose book it is.")] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            "--broker",
            metavar="URL",
            help="Whom to ask: tcp://host:port, alpaca://, ccxt://; else GTW_HOST, GTW_PORT.",
        ),
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
    baseline: Baseline = None,
    insecure: Insecure = None,
    curve_server: CurveServer = None,
    curve_secret_file: CurveSecretFile = None,
    durability: HowDurable = None,
    timeout_ms: Annotated[
        int | None, typer.Option("--timeout-ms", metavar="MS", min=1, help="For one answer; else GTW_TIMEOUT_MS.")
    ] = None,
    interval_s: Annotated[
        int | None, typer.Option("--interval", metavar="S", min=1, help="Between passes; else SYNC_INTERVAL_SEC.")
    ] = None,
    head: HeadFile = None,
    restored: Restored = False,
    views: KeepThem = None,
    views_file: ViewsFile = None,
    live: Live = False,
    dry_run: DryRun = None,
    metrics: MetricsPort = None,
    log_format: LogFormat = None,
) -> int:
    """Keep journals true to their brokers, without a trading process: once, or until stopped."""
    config = config or _config_in(os.environ)
    said = read_configuration(config)
    flags = Flags(
        account=account, broker=broker, store=store, mode=mode, baseline=baseline, insecure=insecure or None,
        durability=durability, timeout_ms=timeout_ms, interval_s=interval_s, live=live, dry_run=dry_run,
        policy=None if policy is None else read_settings(policy).policy, curve_server=curve_server,
        curve_secret_file=curve_secret_file,
    )  # fmt: skip
    what = planned(said, flags, os.environ)
    if metrics is not None:
        what = replace(what, metrics=replace(what.metrics, port=metrics))
    if log_format is not None:
        what = replace(what, logs=replace(what.logs, format=log_format))
    named = views_file or (None if what.views_file is None else Path(what.views_file))
    keep = what.views if views is None else views
    sidecar = _Sidecar(what, as_json=as_json, keep_views=keep, views_file=named)
    first, several = what.plans[0], len(what.plans) > 1
    if several and (head is not None or restored):
        raise InputError("--head and --restored are about one account; choose it with --account")
    start = Start(None if head is None else head_of(head, first.account), restored)
    with Companions(what) as companions:
        if several or (first.dry_run and not once):
            return Fleet(what.plans, start, companions, sidecar.kept, sidecar.told, once=once).run()
        return sidecar.alone(start, companions, once=once)


class _Sidecar:
    """How what happens is told, and the way of a process with one account."""

    def __init__(self, what: Planned, *, as_json: bool, keep_views: bool, views_file: Path | None) -> None:
        self._what = what
        self._as_json = as_json
        self._keep_views = keep_views
        self._views_file = views_file

    def kept(self, store: str) -> KeptViews:
        """The read models of a store. Of several stores each has its own: one file named for all would mix them."""
        several = len({plan.store for plan in self._what.plans}) > 1
        if several and self._views_file is not None:
            raise InputError("one views file cannot serve several stores; leave it out, and each has one beside it")
        return KeptViews(store, views_path(store, self._views_file) if self._keep_views else None)

    def told(self, news: News) -> None:
        """What one of several accounts has to tell."""
        if news.error is not None:
            if self._as_json:
                give(failed_report(news.plan.account, "startup", str(news.error), time.time_ns()))
            complain(str(news.error))
        elif news.report is not None:
            self._pass(news.report, news.held, dry_run=news.plan.dry_run, who=len(self._what.plans) > 1)

    def _pass(self, report: PassReport, held: int, *, dry_run: bool, who: bool = False) -> None:
        if self._as_json:
            give(rehearsed(report) if dry_run else report)
        elif self._what.logs.format is None:
            one_line(report, held=held, who=report.account if who else "", dry_run=dry_run)

    def alone(self, start: Start, companions: Companions, *, once: bool) -> int:
        """One account, until told to stop; with `once` one start-up pass, and its exit status."""
        (plan,) = self._what.plans
        try:
            with self.kept(plan.store) as kept, opened(plan, start, companions) as rec:
                if once:
                    with busy(f"asking {address_of(plan)}"):
                        report = rec.startup_recovery(dry_run=plan.dry_run)
                    companions.passed(report, dry_run=plan.dry_run)
                    written = companions.written(plan.account)
                    self._whole(report, rec, plan)
                    return max(EXIT_CODES[report.status], written)
                kept.start()
                try:
                    return self._until_stopped(rec, plan, companions)
                finally:
                    kept.halt()
        except JournalError as error:  # among them WriterFenced: another process writes this account
            if self._as_json:
                give(failed_report(plan.account, "startup", str(error), time.time_ns()))
            complain(str(error))
            return COULD_NOT

    def _until_stopped(self, rec: Reconciler, plan: Plan, companions: Companions) -> int:
        """Passes, one after the other, each told as it ends; 0 when told to stop, 3 when another writer took over."""
        with Stopping() as stopping, self._teller(rec) as teller:
            try:
                with stopping.at_once(), teller.asking(address_of(plan)):
                    last = rec.startup_recovery()
            except Stopped:
                return DONE
            companions.passed(last, dry_run=False)
            teller.tell(last)
            while not stopping.wait(POLL_S):
                if last.status == "FAILED" and (why := overtaken(rec, plan)) is not None:
                    complain(why)
                    return COULD_NOT
                latest = rec.sync_continuous()
                if latest is not None and latest is not last:
                    last = latest
                    companions.passed(last, dry_run=False)
                    teller.tell(last)
                teller.refresh()
        return DONE

    def _teller(self, rec: Reconciler) -> Teller:
        """How passes are told: a picture to who watches, a line each in a pipe or log, JSON to a program."""
        if not self._as_json and self._what.logs.format is None and out().is_terminal:
            return Watched(rec)
        return Teller(lambda report: self._pass(report, len(rec.book), dry_run=False))

    def _whole(self, report: PassReport, rec: Reconciler, plan: Plan) -> None:
        if self._as_json:
            give(rehearsed(report) if plan.dry_run else report)
        else:
            for_people(report, held=len(rec.book), dry_run=plan.dry_run)


def _config_in(environ: Mapping[str, str]) -> Path | None:
    """The file that the environment names."""
    text = environ.get("TRUEUP_CONFIG", "").strip()
    return Path(text) if text else None
