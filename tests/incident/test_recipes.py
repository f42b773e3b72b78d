"""Do the recipes make recordings of what brokers, statements and exchanges really say?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from house.source import ROOT
from incident.told import adopting, brought, events, is_sound
from trueup.decisions import BreakMoved
from trueup.facts import FillRecorded, Observed, OrderRecorded

SAMPLES = Path(__file__).parent / "samples"
ACCOUNT = "import:recording"
SESSIONS = {
    "accountUpdate-futures": (2, 0),
    "raw-ws-real-futures-old": (6, 1),
    "trade-02-futures": (16, 2),
    "trade-07-futures": (12, 2),
    "trade-10-futures": (27, 2),
    "sortida_stopLoss_accountUpdate-futures": (33, 9),
}
"""Lines of the recording, and fills in it; `orderUpdate` has no times and makes none."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def recipe(name: str, *arguments: object) -> bytes:
    """What a recipe writes, run as the page says."""
    command = [sys.executable, str(ROOT / "scripts" / "recipes" / f"{name}.py"), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def bitget(session: str, *flags: str) -> bytes:
    return recipe("bitget", SAMPLES / "bitget_sessions.jsonl", session, "--utc-offset", "+01:00", *flags)


@pytest.mark.parametrize(("session", "lines", "fills"), [(name, *counts) for name, counts in SESSIONS.items()])
@pytest.mark.parametrize("whole", [False, True])
def test_l13_recorded_sessions_need_no_correction(
    url: str, session: str, lines: int, fills: int, *, whole: bool
) -> None:
    """Positions move before their fill messages come, and all the messages do: nothing was ever wrong."""
    done = brought(url, bitget(session, *["--whole"] * whole))
    assert (done.taken, done.refused_count, done.backwards) == (lines, 0, 0)
    found = events(url, ACCOUNT)
    assert sum(isinstance(e, FillRecorded) for e in found) == fills
    corrected = [e for e in found if isinstance(e, BreakMoved) and e.correction is not None]
    state = is_sound(url, ACCOUNT)
    if session == "raw-ws-real-futures-old" and not whole:
        assert [e.correction.kind for e in corrected if e.correction] == ["recovery"]
    else:
        assert corrected == []
        assert dict(state.book) == {}, "every session ends flat"


def test_fills_in_parts_come_to_the_order(url: str) -> None:
    raw = bitget("sortida_stopLoss_accountUpdate-futures")
    brought(url, raw)
    parts = [
        (str(e.execution.signed_quantity), str(e.execution.price))
        for e in events(url, ACCOUNT)
        if isinstance(e, FillRecorded) and e.execution.order_id == "979338754977849349"
    ]
    assert parts == [("-0.163", "16433"), ("-0.078", "16432.5"), ("-0.068", "16432"), ("-0.191", "16431.5")]


def test_a_log_without_times_makes_no_recording() -> None:
    assert bitget("orderUpdate") == b""


EXCHANGES = sorted(
    {json.loads(line)["exchange"] for line in (SAMPLES / "ccxt_responses.jsonl").read_text("utf-8").splitlines()}
)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_answers_of_an_exchange(url: str, exchange: str) -> None:
    raw = recipe("ccxt_log", SAMPLES / "ccxt_responses.jsonl", exchange)
    if not raw:
        assert exchange in ("mexc", "yobit", "wavesexchange", "vertex"), "it was asked for nothing of ours"
        return
    done = brought(url, raw)
    assert (done.refused_count, done.backwards) == (0, 0)
    assert done.taken == len(raw.splitlines())
    is_sound(url, ACCOUNT)
    for event in events(url, ACCOUNT):
        if isinstance(event, Observed):
            stated = 0 if event.positions is None else len(event.positions.stated)
            rows = json.loads(
                raw.splitlines()[[e for e in events(url, ACCOUNT) if isinstance(e, Observed)].index(event)]
            )
            if event.surface == "positions":
                given = [row for row in rows["positions"] if row["quantity"] not in ("0", "0.0")]
                assert stated + len(event.refused) == len(given), "no row is lost without a word (L42)"


def test_l42_rows_that_an_exchange_leaves_half_empty_are_named(url: str) -> None:
    brought(url, recipe("ccxt_log", SAMPLES / "ccxt_responses.jsonl", "phemex"))
    seen = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    refused = [one.why for e in seen for one in e.refused]
    assert all(re.match(r"it has no |its ", why) for why in refused)


def table_row(*cells: str) -> str:
    """A row of a table; a cell that begins with `-` is one that the report hides."""
    made = (f'<td class="hidden">{one[1:]}</td>' if one[:1] == "-" else f"<td>{one}</td>" for one in cells)
    return f"<tr>{''.join(made)}</tr>"


STATEMENT = "<html><body><table>" + "".join(
    table_row(*line.split("|"))
    for line in (
        "Trade History Report",
        "Account:|5001 (USD, Broker-Server)",
        "Date:|2026.01.15 18:00",
        "<b>Positions</b>",
        "Time|Position|Symbol",
        "2026.01.14 10:00:00|1|EURUSD",
        "<b>Deals</b>",
        "Time|Deal|Symbol|Type|Direction|Volume|Price|Order",
        "2026.01.14 09:00:00|1||balance||||",
        "2026.01.15 11:00:00|2|EURUSD|buy|in|0.10|1.0543|21",
        "2026.01.15 12:00:00|3|XAUUSD|sell|in|1|1 950.5|22",
        "2026.01.15 13:00:00|4|EURUSD|sell|out|0.04|1.06|23",
        "<b>Open Positions</b>",
        "Time|Position|Symbol|Type|-|Volume|Price",
        "2026.01.15 11:00:00|21|EURUSD|buy|-x|OPEN|1.0543",
        "2026.01.15 12:00:00|22|XAUUSD|sell|-x|1 / 1|1950.5",
    )
)


@pytest.mark.parametrize(("held", "differs"), [("0.06", 0), ("0.10", 1)])
def test_a_statement_is_held_against_its_own_positions(url: str, tmp_path: Path, held: str, differs: int) -> None:
    report = tmp_path / "ReportHistory.html"
    report.write_text(STATEMENT.replace("OPEN", held), "utf-16")
    raw = recipe("mt5_statement", report, "--utc-offset", "+02:00")
    assert [json.loads(line)["at"][11:19] for line in raw.splitlines()] == [
        "09:00:00",
        "10:00:00",
        "11:00:00",
        "16:00:00",
    ]
    done = brought(url, raw, mode="netting")
    assert (done.taken, done.refused_count, done.open_breaks) == (4, 0, differs)
    is_sound(url, ACCOUNT)


def test_exports_in_a_brokers_own_columns(url: str, tmp_path: Path) -> None:
    (tmp_path / "columns.toml").write_text(
        'symbol = "Instrument"\nside = "B/S"\nquantity = "Units"\nprice = "Avg"\ndelimiter = ";"\n'
        'sides = { Buy = "long", Sell = "short" }\n'
    )
    (tmp_path / "a.csv").write_text("Instrument;B/S;Units;Avg\nEURUSD;Buy;1000;1.05\nDAX;Sell;2;\n")
    (tmp_path / "b.csv").write_text("Instrument;B/S;Units;Avg\nEURUSD;Buy;1500;1.05\nDAX;Hold;2;\n")
    files = [
        f"2026-01-15T{hour}:30:00Z={tmp_path / name}.csv" for hour, name in (("09", "a"), ("10", "b"), ("11", "b"))
    ]
    done = brought(url, recipe("broker_csv", tmp_path / "columns.toml", *files), policy=adopting())
    assert (done.taken, done.corrections) == (3, 1)
    state = is_sound(url, ACCOUNT)
    held = state.held("EURUSD")
    assert held is not None
    assert held.signed_quantity == 1500
    refused = [one for e in events(url, ACCOUNT) if isinstance(e, Observed) for one in e.refused]
    assert {(one.symbol, '"Hold"' in one.why) for one in refused} == {("DAX", True)}


def test_l28_without_a_side_the_sign_says_it(tmp_path: Path) -> None:
    (tmp_path / "columns.toml").write_text('symbol = "S"\nquantity = "Q"\n')
    (tmp_path / "a.csv").write_text("S,Q\nA,-2\nB,3\n")
    (line,) = recipe("broker_csv", tmp_path / "columns.toml", f"2026-01-15T09:30:00Z={tmp_path / 'a.csv'}").splitlines()
    assert [(one["side"], one["quantity"]) for one in json.loads(line)["positions"]] == [("short", "2"), ("long", "3")]


def test_orders_of_a_session_are_recorded(url: str) -> None:
    brought(url, bitget("trade-10-futures"))
    statuses = [e.status.value for e in events(url, ACCOUNT) if isinstance(e, OrderRecorded)]
    assert statuses.count("canceled") == 4
    assert statuses.count("filled") == 2
