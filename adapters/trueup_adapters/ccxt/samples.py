"""What becomes of recorded answers of many exchanges: how many rows are read, refused, not ours?

`python -m trueup_adapters.ccxt.samples FILE [--json]` reads a file of one JSON object a line, `{"exchange", "method",
"input", "httpResponse", "parsedResponse"}`: what an exchange answered, and what ccxt made of it. Each line, and each
row in it, ends in exactly one of three places. With `--json` every line is told, one JSON object each, with all that
was read from it; without, a table counts them by exchange and method. Exit 0, or 3 for a file that cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from trueup.model import Refusal, plain
from trueup_adapters.ccxt.holdings import judge_balances
from trueup_adapters.ccxt.left_out import LeftOut, coins_left_out, positions_left_out
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.methods import LOOK_UPS, kind_of, not_ours
from trueup_adapters.ccxt.numbers import Stated
from trueup_adapters.ccxt.orders import judge_acknowledged, judge_orders
from trueup_adapters.ccxt.positions import judge_positions
from trueup_adapters.ccxt.rows import Judged, Row, SetAside, list_in, printable, readable, row_in
from trueup_adapters.ccxt.trades import judge_trades
from trueup_adapters.ccxt.words import names_leg

Verdict: TypeAlias = Literal["parsed", "refused", "not ours"]


class Sample(msgspec.Struct, frozen=True):
    """What became of one line of a file of samples."""

    line: int
    exchange: str
    method: str
    verdict: Verdict
    """`refused` when any row of it was, else `parsed` when any row was read, else `not ours`."""
    why: str
    """Why the line as a whole was not read; '' where its rows tell."""
    read: tuple[msgspec.Struct, ...]
    refused: tuple[Refusal, ...]
    set_aside: tuple[SetAside, ...]


def read_samples(text: str) -> list[Sample]:
    """Every line of a file of samples. Never raises for what a line holds: a broken one is refused."""
    return [sample_of(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip()]


def sample_of(place: int, line: str) -> Sample:
    """One line. `place` counts from 1."""
    try:
        whole = row_in(json.loads(line))
    except (ValueError, RecursionError) as error:
        return _unread(place, "?", "?", "refused", f"the line is no JSON: {error}")
    if whole is None:
        return _unread(place, "?", "?", "refused", "the line is no JSON object")
    exchange, method = readable(whole.get("exchange")) or "?", readable(whole.get("method")) or "?"
    if kind_of(method) is None and (other := not_ours(method)) is not None:
        return _unread(place, exchange, method, "not ours", other)
    if "parsedResponse" not in whole:
        return _unread(place, exchange, method, "refused", "the line has no parsedResponse")
    judged = _judged(exchange, method, whole)
    if isinstance(judged, str):
        return _unread(place, exchange, method, "refused", judged)
    verdict: Verdict = "refused" if judged.refused else "parsed" if judged.read else "not ours"
    empty = "" if judged.read or judged.refused or judged.set_aside else "an empty answer"
    return Sample(place, exchange, method, verdict, empty, judged.read, judged.refused, judged.set_aside)


def _unread(place: int, exchange: str, method: str, verdict: Verdict, why: str) -> Sample:
    return Sample(place, exchange, method, verdict, printable(why), (), (), ())


def _judged(exchange: str, method: str, whole: Row) -> Judged[Any] | str:
    """The rows of a line, judged; or why it cannot be judged at all."""
    given, body = whole["parsedResponse"], _body(whole.get("httpResponse"))
    asked = list_in(whole.get("input")) or []
    kind = kind_of(method)
    if kind == "balances":
        answer = row_in(given)
        if answer is None:
            return "its parsedResponse is not a balance"
        return _with_lost(judge_balances(answer, Stated([answer.get("info"), body])), coins_left_out(body, answer))
    listed = list_in(given)
    if listed is None and row_in(given) is None:
        return f"its parsedResponse is {printable(repr(given))[:60]}, not rows"
    whole_list = list_in(body) or []
    only = whole_list[0] if len(whole_list) == 1 else body
    rows = [_with_info(one, only) for one in ([given] if listed is None else listed)]
    certain = [row for one in rows if (row := row_in(one)) is not None]
    hedged = any(names_leg(row) for row in certain)
    reading = Reading(position_mode="hedging" if hedged else "netting", exchange=exchange)
    if kind == "positions":
        left = LeftOut([]) if any(asked[:1]) else positions_left_out(body, certain)
        judged = judge_positions(rows, reading)
        more = tuple(SetAside(len(rows) + n, "a flat position, left out by ccxt") for n in range(1, left.flat + 1))
        return _with_lost(msgspec.structs.replace(judged, set_aside=judged.set_aside + more), left.lost)
    if kind == "trades":
        return judge_trades(rows, reading)
    if kind == "actions":
        return judge_acknowledged(rows, reading)
    if kind == "orders":
        wanted = readable(asked[0]) if method in LOOK_UPS and asked else None
        return _only(wanted, rows, judge_orders(rows, reading))
    return f"{printable(method)} is not a method whose answers this adapter reads"


def _with_info(one: object, body: object) -> object:
    """A row with the exchange's own beside it; where none was recorded, with what the exchange answered."""
    row = row_in(one)
    return one if row is None or row.get("info") is not None else {**row, "info": body}


def _with_lost(judged: Judged[Any], lost: Sequence[str]) -> Judged[Any]:
    """`judged`, and a refusal for each row that ccxt dropped."""
    last = len(judged.read) + len(judged.refused) + len(judged.set_aside)
    more = tuple(Refusal(last + n, why) for n, why in enumerate(lost, 1))
    return msgspec.structs.replace(judged, refused=judged.refused + more)


def _only(wanted: str | None, rows: Sequence[object], judged: Judged[Any]) -> Judged[Any]:
    """A look-up's answer is about the order that was asked for, or about nothing."""
    if wanted is None or not judged.read or any(wanted in (o.order_id, o.client_order_id) for o in judged.read):
        return judged
    why = f"order {wanted} was asked for, and the answer is about {readable((row_in(rows[0]) or {}).get('id'))}"
    return Judged((), (*judged.refused, Refusal(1, why)), judged.set_aside)


def _body(given: object) -> object:
    """A raw answer, decoded; recorded either as text or as JSON."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


# -- telling -----------------------------------------------------------------------------------------------


def counted(samples: Iterable[Sample]) -> dict[tuple[str, str], Counter[str]]:
    """(exchange, method) to how many of its lines came to each verdict."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for sample in samples:
        counts.setdefault((sample.exchange, sample.method), Counter())[sample.verdict] += 1
    return dict(sorted(counts.items()))


def table(samples: Sequence[Sample]) -> str:
    """A Markdown table of the counts, by exchange and method, with the sum."""
    lines = ["| exchange | method | lines | parsed | refused | not ours |", "|---|---|---|---|---|---|"]
    for (exchange, method), counts in counted(samples).items():
        lines.append(f"| {exchange} | {method} | {counts.total()} | {_cells(counts)} |")
    lines.append(f"| all | | {len(samples)} | {_cells(Counter(sample.verdict for sample in samples))} |")
    return "\n".join(lines)


def _cells(counts: Counter[str]) -> str:
    return " | ".join(str(counts[verdict]) for verdict in ("parsed", "refused", "not ours"))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    return getattr(value, "value", str(value))


def told(sample: Sample) -> str:
    """One sample as one line of JSON: numbers as plain text, statuses in their words."""
    cells = {
        "line": sample.line,
        "exchange": sample.exchange,
        "method": sample.method,
        "verdict": sample.verdict,
        "why": sample.why or "; ".join(refusal.why for refusal in sample.refused),
        "read": [msgspec.structs.asdict(one) for one in sample.read],
        "refused": [msgspec.structs.asdict(one) for one in sample.refused],
        "not_ours": [msgspec.structs.asdict(one) for one in sample.set_aside],
    }
    return json.dumps(cells, default=_plain)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    files = [one for one in given if not one.startswith("-")]
    if len(files) != 1 or {one for one in given if one.startswith("-")} - {"--json"}:
        sys.stderr.write("usage: python -m trueup_adapters.ccxt.samples FILE [--json]\n")
        return 2
    try:
        samples = read_samples(Path(files[0]).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{files[0]} cannot be read: {error}\n")
        return 3
    lines = map(told, samples) if as_json else (table(samples),)
    for line in lines:
        sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
