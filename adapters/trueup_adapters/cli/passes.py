"""How is a pass told to a person?"""

from __future__ import annotations

import msgspec
from rich.text import Text

from trueup.report import PassReport
from trueup_adapters.cli.output import STYLES, out, say, table
from trueup_adapters.counting import many


def rehearsed(report: PassReport) -> dict[str, object]:
    """A rehearsed pass as JSON: the same keys, and one that says so."""
    return {**msgspec.to_builtins(report), "dry_run": True}


def one_line(report: PassReport, *, held: int, who: str = "", dry_run: bool = False) -> None:
    """A calm line for each pass, and one for each thing that a person should see; `who` where there are several."""
    text = Text.assemble(
        (f"{report.at[11:19]}  ", "dim"),
        f"{who}  " if who else "",
        ("rehearsed  " if dry_run else "", "cyan"),
        (f"{report.status:<8}", STYLES[report.status]),
        f"  {_numbered(report)}: {_summary(report, held, dry_run=dry_run)}",
        (f"  ({report.duration_ms} ms)", "dim"),
    )
    out().print(text, soft_wrap=True)
    for correction in report.corrections:
        _aside(correction.why, STYLES.get(correction.kind, ""))
    for line in dict.fromkeys((*report.critical, *report.errors)):
        _aside(line, "red")


def for_people(report: PassReport, *, held: int, dry_run: bool = False) -> None:
    """The whole pass."""
    if report.breaks:
        table(
            ("state", "kind", "symbol", "ticket", "field", "book", "broker", "why"),
            ((r.state, r.kind, r.symbol, r.ticket, r.field, r.book, r.broker, r.why) for r in report.breaks),
            right=("ticket", "book", "broker"),
        )
    for line in dict.fromkeys((*report.critical, *report.errors)):
        say(line, "red")
    for row in report.observations:
        if not row.complete and row.why and not report.errors:
            say(f"{row.surface}: {row.why}", "yellow")
    took = f"{report.account} {report.kind} {_numbered(report)}, {report.duration_ms} ms"
    if dry_run:
        say("rehearsed: nothing was corrected, and no decision is in the journal", "cyan")
    say(f"{report.status}: {_summary(report, held, dry_run=dry_run)} ({took})", STYLES[report.status])


def _numbered(report: PassReport) -> str:
    """A pass that could not begin has no number."""
    return f"pass {report.pass_number}" if report.pass_number else "no pass"


def _summary(report: PassReport, held: int, *, dry_run: bool) -> str:
    parts: list[str] = []
    if report.baseline is not None:
        parts.append(f"{many(report.baseline, 'position')} {'would be ' if dry_run else ''}taken over as the baseline")
    if report.corrections:
        parts.append(f"{len({row.id for row in report.corrections})} {'would be ' if dry_run else ''}corrected")
    waiting = sum(row.state not in ("corrected", "cleared") for row in report.breaks)
    if waiting:
        parts.append(f"{many(waiting, 'break')} open")
    parts.append(f"{many(held, 'position')} in the book, gate {report.gate.replace('_', '-')}")
    return ", ".join(parts)


def _aside(text: str, style: str) -> None:
    say(f"          {text}", style)
