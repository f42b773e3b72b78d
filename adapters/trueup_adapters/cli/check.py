"""`trueup check`: on what do two files disagree?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import UNSET

from trueup.policy import Policy
from trueup.policy_file import read_policy
from trueup_adapters.cli.exits import USAGE
from trueup_adapters.cli.options import Json, PolicyFile
from trueup_adapters.cli.output import complain, give, note, say, table
from trueup_adapters.files import AccountsDiffer, CheckReport, FileBreak, Sheet, UnusableFile, failed_check, read_sheet
from trueup_adapters.files import check as compare_sheets


def check(
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="What the trading process believes: JSON or CSV.")],
    broker: Annotated[Path, typer.Argument(metavar="BROKER", help="What is there: JSON, CSV or a raw MT5 reply.")],
    policy: PolicyFile = None,
    as_json: Json = False,
) -> int:
    """Compare two files once: `diff` for books. Stores nothing."""
    rules = Policy.adopt() if policy is None else read_policy(policy)
    try:
        ours, theirs = _read(book, rules), _read(broker, rules)
        if isinstance(ours, Sheet) and isinstance(theirs, Sheet):
            return _shown(compare_sheets(ours, theirs, rules), as_json)
    except AccountsDiffer as error:
        _shown(failed_check([str(error)]), as_json)
        return USAGE
    account = next((one.account for one in (ours, theirs) if isinstance(one, Sheet)), None)
    return _shown(failed_check([one for one in (ours, theirs) if isinstance(one, str)], account), as_json)


def _read(path: Path, rules: Policy) -> Sheet | str:
    """What a file says, or why it cannot be used: both files are looked at before either is complained of."""
    try:
        return read_sheet(path, rules)
    except UnusableFile as error:
        return str(error)


def _shown(report: CheckReport, as_json: bool) -> int:
    if report.errors is not UNSET:
        for line in report.errors:
            complain(line)
    if as_json:
        give(report)
    elif report.agrees is not None:
        _for_people(report)
    return report.exit_code


def _for_people(report: CheckReport) -> None:
    account = "" if report.account is None else f"{report.account}: "
    if report.breaks:
        table(
            ("of", "kind", "symbol", "ticket", "field", "book", "broker", "would be", "why"),
            (_line(one) for one in report.breaks),
            right=("ticket", "book", "broker"),
        )
    if report.refused:
        table(
            ("refused in", "row", "why"), ((one.side, str(one.row), one.why) for one in report.refused), right=("row",)
        )
    for line in () if report.notes is UNSET else report.notes:
        note(line)
    if report.agrees:
        say(f"{account}the two files agree", "green")
    else:
        counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items() if count)
        refused = f"{len(report.refused)} rows refused" if report.refused else ""
        say(f"{account}the two files differ: {', '.join(filter(None, (counts, refused)))}", "yellow")


def _line(one: FileBreak) -> tuple[str | None, ...]:
    would_be = _WOULD_BE.get(one.correction, "alerted")
    return (one.of, one.kind, one.symbol, one.ticket, one.field, one.book, one.broker, would_be, one.why)


_WOULD_BE: Final = {
    "adopt": "adopted",
    "close": "closed",
    "correct": "corrected",
    "quarantine": "quarantined",
    "look up": "looked up",
}
"""What the policy would do, said of what would be done to the break."""
