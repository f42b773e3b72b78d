"""Do `explain`, `timeline` and `breaks --explain` say on the command line what stands in the journal?"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest

from cli.conftest import shell
from cli.shell import Shell
from house.source import ROOT
from lessons.world import ACCOUNT, World, deal, fill, held, order_row, row
from telling.stories import past_in, told_into
from trueup import Instrument, Policy
from trueup.causes import Cause, Strength
from trueup.causes.exits import _REASONS
from trueup.decisions import AlertRaised, BreakMoved, FillAdopted
from trueup.events import Event
from trueup.facts import ExecutionPushed
from trueup.journal import open_reader
from trueup.ports import Answer
from trueup_adapters.cli import explain as command
from trueup_adapters.cli.explain import EXPLAINED_MAX, reasons_in

__all__ = ["shell"]
SECOND_NS = 1_000_000_000


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a small journal."""
    url = f"sqlite:///{tmp_path_factory.mktemp('story') / 's.db'}"
    told_into(url)
    return url


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., tuple[str, World]]:
    """Makes worlds in files."""

    def make(*changes: object, **how: object) -> tuple[str, World]:
        url = f"sqlite:///{tmp_path / 'w.db'}"
        return url, World(*changes, url=url, **how)  # type: ignore[arg-type]

    return make


def done(world: World) -> None:
    world.ledger.close()
    world._reader.close()


def where(store: str, kind: type[Event], symbol: str = "") -> int:
    """The last journal position of such an event, of that symbol if one is given."""
    events = past_in(store, ACCOUNT).events()
    return max(at for at, one in events if isinstance(one, kind) and symbol in (getattr(one, "symbol", ""), ""))


def ghost(store: str, shell: Shell) -> dict[str, Any]:
    """The correction that closed AUDUSD, as JSON."""
    found = shell("explain", where(store, BreakMoved, "AUDUSD"), "--store", store, "--json")
    assert found.status == 0
    return found.json  # type: ignore[no-any-return]


# -- explain -----------------------------------------------------------------------------------------------


def test_explain_tells_the_chain_to_a_program_and_to_a_person(story: str, shell: Shell) -> None:
    told = ghost(story, shell)
    subject = told["subject"]
    assert (subject["what"], subject["kind"], subject["symbol"], subject["ticket"]) == (
        "correction", "ghost", "AUDUSD", "1",
    )  # fmt: skip
    assert set(told) == {
        "account", "subject", "verdict", "observations", "changes", "policy", "rules", "considered", "causes", "worth",
        "would_change",
    }  # fmt: skip
    ended = shell("explain", subject["id"], "--store", story)
    assert ended.status == 0
    for heading in (
        f"correction {subject['id']}", "Why it came to differ", "What the broker was asked, and answered",
        "What our side had changed before", "Which rules were in force", "What was weighed",
        "What would have changed the verdict",
    ):  # fmt: skip
        assert heading in ended.out
    assert "missed fill (certain): execution x3" in ended.out
    assert ended.err == ""


def test_explain_takes_the_beginning_of_an_id_and_a_break(story: str, shell: Shell) -> None:
    told = ghost(story, shell)
    assert shell("explain", told["subject"]["id"][:5], "--store", story, "--json").json == told
    (identity,) = told["subject"]["breaks"]
    found = shell("explain", identity, "--store", story, "--json").json
    assert (found["subject"]["what"], found["subject"]["id"]) == ("break", identity)


def test_explain_lists_what_is_ambiguous(
    made: Callable[..., tuple[str, World]], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, w = made(*(held(f"EUR{n:03}", "1") for n in range(20)))
    w.sees(*(row(f"EUR{n:03}", "2") for n in range(20)), times=2)
    done(w)
    monkeypatch.setattr("trueup.telling.reference.PREFIX_MIN", 1)
    ended = shell("explain", "5", "--store", url, "--json")
    assert ended.status == 1
    candidates = ended.json["candidates"]
    assert ended.json["ambiguous"] == "5"
    assert {one["what"] for one in candidates} >= {"event", "correction"}
    assert all(one["id"].startswith("5") for one in candidates if one["what"] != "event")
    shown = shell("explain", "5", "--store", url)
    assert shown.status == 1
    assert "may mean several things" in shown.err
    assert all(one["id"] in shown.out for one in candidates)


def test_explain_of_an_event_tells_what_it_caused_or_was_caused_by(story: str, shell: Shell) -> None:
    at = where(story, ExecutionPushed)
    pushed = shell("explain", f"@{at}", "--store", story, "--json")
    assert pushed.status == 0
    assert pushed.json["event"]["name"] == "execution-pushed/1"
    assert pushed.json["cause"] is None
    assert pushed.json["caused"][0]["position"] == at + 1
    shown = shell("explain", f"@{at}", "--store", story).out
    assert "the broker pushed execution x5" in shown
    assert re.search(rf"made us decide {at + 1}  .*\(\w{{16}}\)", shown)
    alert = where(story, AlertRaised)
    decided = shell("explain", f"@{alert}", "--store", story, "--json").json
    asked = decided["event"]["cause"]
    assert (decided["cause"]["position"], decided["caused"]) == (asked, [])
    assert f"caused by {asked}" in shell("explain", f"@{alert}", "--store", story).out


@pytest.mark.parametrize("which", ["zzzz", "99999", "@0", "abc"])
def test_explain_of_nothing_is_a_wrong_word(story: str, shell: Shell, which: str) -> None:
    ended = shell("explain", which, "--store", story)
    assert ended.status == 2
    assert "is no position of the journal, and no correction or break of it" in ended.err


def test_explain_reckons_money_at_a_rate(made: Callable[..., tuple[str, World]], shell: Shell) -> None:
    url, w = made(held("ACME", "1", price="10"), policy=Policy.adopt(instruments={"ACME": Instrument("shares")}))
    w.sees(row("ACME", "4", price="10"), times=2)
    position = len(w.journal()) - 1
    done(w)
    worth = shell("explain", f"@{position}", "--store", url, "--rate", "eur=0.5", "--json").json["worth"]
    assert (worth["amount"], worth["currency"]) == ("15", "EUR")
    for wrong in ("EUR", "=1", "EUR=", "EUR=x", "E R=1"):
        assert shell("explain", "1", "--store", url, "--rate", wrong).status == 2


def replied(w: World, rows: dict[str, str], raw: bytes, **more: object) -> None:
    """The broker lists these rows, in this reply."""
    listed = w.keyed([row(symbol, quantity, **more) for symbol, quantity in rows.items()])  # type: ignore[arg-type]
    w.answered(Answer(completeness="complete", positions=listed, raw=raw))


def test_explain_raw_shows_the_brokers_own_rows(made: Callable[..., tuple[str, World]], shell: Shell) -> None:
    url, w = made(held("EURUSD", "1", ticket="7"), mode="hedging")
    reply = {
        "status": "SUCCESS",
        "positions": [
            {"ticket": 7, "symbol": "EURUSD", "volume": 2.50, "note": ""},
            {"ticket": 8, "symbol": "EURUSD", "volume": 1.0},
            {"ticket": 77, "symbol": "GBPUSD", "volume": 7},
        ],
    }
    for _ in range(2):
        replied(w, {"EURUSD": "2.5"}, json.dumps(reply).encode(), ticket="7")
    position = next(one.position for one in reversed(w.journal()) if isinstance(one.event, BreakMoved))
    done(w)
    ended = shell("explain", f"@{position}", "--store", url, "--raw", "--json").json
    assert [one["rows"] for one in ended["raw_rows"]] == [[reply["positions"][0] | {"volume": "2.5"}]] * 2  # type: ignore[operator]
    shown = shell("explain", f"@{position}", "--store", url, "--raw").out
    assert "What the raw replies say of it" in shown
    assert shown.count('"ticket":7') == 2


def test_explain_raw_when_netting_goes_by_symbol_and_knows_suffixes(
    made: Callable[..., tuple[str, World]], shell: Shell
) -> None:
    url, w = made(held("EURUSD", "1"))
    reply = b'{"positions": [{"symbol": "EURUSD.m", "volume": 2}, {"symbol": "USDJPY", "volume": 2}]}'
    replied(w, {"EURUSD": "2"}, reply)
    replied(w, {"EURUSD": "2"}, b"no JSON at all")
    position = next(one.position for one in reversed(w.journal()) if isinstance(one.event, BreakMoved))
    done(w)
    rows = shell("explain", f"@{position}", "--store", url, "--raw", "--json").json["raw_rows"]
    assert [one["rows"] for one in rows] == [[{"symbol": "EURUSD.m", "volume": 2}], []]
    assert "  no row speaks of it" in shell("explain", f"@{position}", "--store", url, "--raw").out


def test_what_real_venues_call_it(made: Callable[..., tuple[str, World]], shell: Shell) -> None:
    """Rows as Bybit and Kraken gave them, in the lists that they came in: funding is no trade, a taker is no reason."""
    url, w = made(fill("x1", "LTCUSDT", "3"))
    w.deals()
    bybit = {
        "symbol": "LTCUSDT", "orderType": "UNKNOWN", "orderLinkId": "", "stopOrderType": "UNKNOWN",
        "execType": "Funding", "side": "Buy", "execId": "6dff7827-9774-4881-b275-d2b9eec1ce9b", "execQty": "1.2",
    }  # fmt: skip
    bust = bybit | {"execType": "BustTrade", "execId": "b1"}
    stopped = bybit | {"execType": "Trade", "stopOrderType": "StopLoss", "execId": "s1"}
    kraken = {"fill_id": "k1", "symbol": "PF_LTCUSD", "side": "buy", "fillType": "taker"}
    reply = {"result": {"category": "linear", "list": [bybit, bust, stopped]}, "fills": [kraken]}
    answer = Answer(completeness="partial", why="one page of several", raw=json.dumps(reply).encode())
    w.answered(answer, surface="fills")
    w.ledger.close()
    with open_reader(url, ACCOUNT) as reader:
        assert reasons_in(reader) == {bybit["execId"]: "payment", "b1": "liquidation", "s1": "stop"}
    w._reader.close()


def test_what_the_broker_says_of_a_deal_is_read_from_its_reply(
    made: Callable[..., tuple[str, World]], shell: Shell
) -> None:
    """L40: MetaTrader's reason 6 is "stop out", a liquidation; a comment says it where there is no reason."""
    url, w = made(fill("x1", "EURUSD", "3"))
    w.deals()
    rows = [
        {"deal": "d1", "symbol": "EURUSD", "reason": 6},
        {"deal": "d2", "symbol": "EURUSD", "comment": "[sl 0.9500]"},
        {"deal": "d3", "symbol": "EURUSD", "comment": "bored"},
        {"symbol": "EURUSD", "reason": 4},
    ]
    raw = json.dumps({"deals": rows}).encode()
    deals = tuple(deal(name, "EURUSD", "-1") for name in ("d1", "d2", "d3"))
    w.answered(Answer(completeness="complete", executions=deals, raw=raw), surface="fills")
    adopted = [one.position for one in w.journal() if isinstance(one.event, FillAdopted)]
    done(w)
    found = [shell("explain", f"@{at}", "--store", url, "--json").json["causes"][0] for at in adopted]
    assert [(one["cause"], one["strength"]) for one in found] == [
        ("liquidation", "certain"), ("stop_hit", "certain"), ("missed_fill", "possible"),
    ]  # fmt: skip


# -- breaks --explain --------------------------------------------------------------------------------------


def test_breaks_explain_adds_a_cause_to_each(
    made: Callable[..., tuple[str, World]], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, w = made(held("ACME", "100", price="200", stop="180"), held("EURUSD", "1"), policy=Policy.observe())
    w.sees(row("ACME", "200", price="100", stop="180"), row("EURUSD", "1.07"), times=2)
    head = len(w.journal())
    done(w)
    ended = shell("breaks", "--store", url, "--explain", "--json")
    assert ended.status == 1
    causes = {one["symbol"]: one["causes"][0]["cause"] for one in ended.json if one["field"] == "quantity"}
    assert causes == {"ACME": "split", "EURUSD": "unexplained"}
    shown = shell("breaks", "--store", url, "--explain").out
    assert "drift ACME: split (likely): the broker's 200 is exactly 2 for 1" in shown
    assert "drift EURUSD: unexplained: nothing that is known" in shown
    assert "causes" not in shell("breaks", "--store", url, "--json").json[0]
    earlier = shell("breaks", "--store", url, "--explain", "--position", head - 3, "--json").json
    assert earlier[0]["causes"]
    monkeypatch.setattr(command, "EXPLAINED_MAX", 1)
    assert EXPLAINED_MAX > 1
    assert "not looked into: `trueup explain` does" in shell("breaks", "--store", url, "--explain").out


def test_breaks_of_orders_are_listed_and_counted_too(made: Callable[..., tuple[str, World]], shell: Shell) -> None:
    url, w = made(held("EURUSD", "1"), orders=True)
    row_of = order_row("EURUSD", order_id="o7", limit="1.3")
    w.answered(Answer(completeness="complete", orders=(row_of,), raw=b"{}"), surface="open_orders")
    done(w)
    ended = shell("breaks", "--store", url, "--json")
    assert ended.status == 1
    assert [(one["of"], one["ticket"], one["kind"]) for one in ended.json] == [("order", "o7", "recovery")]
    assert "order" in shell("breaks", "--store", url).out
    assert "causes are sought for positions only" in shell("breaks", "--store", url, "--explain").out
    status = shell("status", "--store", url, "--json")
    assert (status.status, status.json["open_breaks"]) == (1, 1)


# -- timeline ----------------------------------------------------------------------------------------------


def test_timeline_draws_in_the_terminal_and_gives_points_to_a_program(story: str, shell: Shell) -> None:
    shown = shell("timeline", "EURUSD", "--store", story)
    assert shown.status == 0
    assert "EURUSD on mt5:5001: book against broker" in shown.out
    assert "book 1, broker 1" in shown.out
    found = shell("timeline", "EURUSD", "--store", story, "--json").json
    (leg,) = found["legs"]
    assert [one["quantity"] for one in leg["book"]] == ["0", "2.5", "2", "1"]
    assert [one["quantity"] for one in leg["broker"]] == [None, "2.5", "2", "1"]
    assert [one["kind"] for one in found["marks"]] == ["opened", "correction", "failed"]
    assert (found["first"], found["last"], found["cut_short"]) == (
        1,
        len(list(past_in(story, ACCOUNT).events())),
        False,
    )
    assert found["differs_ms"] > 0


def test_timeline_explains_its_corrections(
    made: Callable[..., tuple[str, World]], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, w = made(fill("x1", "EURUSD", "2", client_order_id="c1"))
    w.sees(row("EURUSD", "3"), times=2)
    w.record(fill("x2", "EURUSD", "1", client_order_id="c2"))
    w.sees(row("EURUSD", "3.7"), times=2)
    done(w)
    texts = [
        one["text"]
        for one in shell("timeline", "EURUSD", "--store", url, "--explain", "--json").json["marks"]
        if one["kind"] == "correction"
    ]
    assert "Cause: missed fill (certain): execution x2" in texts[0]
    assert texts[1].endswith("Cause: unexplained: nothing that is known is exactly the difference of +0.7")
    assert "Cause:" not in shell("timeline", "EURUSD", "--store", url).out
    monkeypatch.setattr("trueup_adapters.cli.timeline.EXPLAINED_MAX", 1)
    assert shell("timeline", "EURUSD", "--store", url, "--explain").out.count("Cause:") == 1


def test_timeline_writes_files_and_says_so(story: str, shell: Shell, tmp_path: Path) -> None:
    ended = shell("timeline", "EURUSD", "--store", story, "--html", tmp_path / "t.html", "--svg", tmp_path / "t.svg")
    assert ended.status == 0
    assert ended.out.count("drawn into") == 2
    assert (tmp_path / "t.html").read_text("utf-8").startswith("<!doctype html>")
    ET.fromstring((tmp_path / "t.svg").read_text("utf-8"))
    refused = shell("timeline", "EURUSD", "--store", story, "--svg", tmp_path / "no" / "t.svg")
    assert refused.status == 3
    assert "could not be written" in refused.err
    both = shell("timeline", "EURUSD", "--store", story, "--svg", tmp_path / "u.svg", "--json")
    assert both.json["symbol"] == "EURUSD"


def test_timeline_of_a_stretch_of_time(story: str, shell: Shell) -> None:
    span = ("--from", "2026-01-01T00:00:08Z", "--to", "2026-01-01T00:00:13Z")
    found = shell("timeline", "EURUSD", "--store", story, *span, "--json").json
    (leg,) = found["legs"]
    assert [one["quantity"] for one in leg["book"]] == ["2"]
    assert [one["quantity"] for one in leg["broker"]] == ["2", "1"]
    assert found["first"] > 1
    assert found["from"] > "2026-01-01T00:00:08Z"
    assert found["to"] <= "2026-01-01T00:00:13Z"
    assert shell("timeline", "EURUSD", "--store", story, "--from", span[3], "--to", span[1]).status == 2
    assert shell("timeline", "EURUSD", "--store", story, "--from", "yesterday").status == 2


def test_timeline_knows_other_spellings_and_says_what_there_is(story: str, shell: Shell) -> None:
    assert shell("timeline", "BTC/USD", "--store", story, "--json").json["symbol"] == "BTCUSD"
    ended = shell("timeline", "DOGE", "--store", story)
    assert ended.status == 3
    assert "neither side ever held DOGE in this time; at" in ended.err
    assert "there is BTCUSD, CADJPY, EURUSD, GBPUSD, USDJPY" in ended.err


# -- the pages ---------------------------------------------------------------------------------------------

PAGES = [ROOT / "docs" / "how-to" / "explain-a-correction.md", ROOT / "docs" / "explanation" / "causes.md"]


def test_the_examples_on_the_page_run_as_they_stand(
    story: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subject = ghost(story, shell)["subject"]
    correction = subject["id"]
    text = PAGES[0].read_text("utf-8")
    lines = re.findall(r"(?m)^trueup (.*)$", text)
    assert len(lines) == 8
    for line in lines:
        line = line.replace("sqlite:////var/lib/trueup/mt5.db", story).replace("5223a4bb1e94f25d", correction)
        line = line.replace("explain 37", f"explain {where(story, BreakMoved, 'AUDUSD')}")
        line = line.replace("5223 ", correction[:4] + " ").replace("2026-01-15T", "2026-01-01T")
        line = line.replace("#100005", f"#{subject['ticket'] or subject['symbol']}")
        line = line.replace("T21:00", "T00:00").replace("T22:00", "T01:00")
        ended = shell(*shlex.split(line))
        assert ended.status in (0, 1), (line, ended.err)
        assert ended.out
    assert (tmp_path / "friday.html").exists()
    for heading in re.findall(r"(?m)^\| ([A-Z][^|]+?) \|", text):
        assert heading in shell("explain", correction, "--store", story).out, heading


def test_the_page_names_every_cause_and_strength() -> None:
    text = PAGES[1].read_text("utf-8").lower()
    names = {"stop_hit": "stop hit", "take_profit_hit": "take-profit hit", "base_asset_fee": "fee in the base asset",
             "swap_or_funding": "swap or funding"}  # fmt: skip
    for cause in get_args(Cause):
        assert f"{names.get(cause, cause.replace('_', ' '))}" in text, cause
    for strength in get_args(Strength):
        assert strength == "none" or f"| {strength} |" in text
    assert {reason.lower() for reason in _REASONS.values()} <= set(re.findall(r"`(\w+)`", text))


def test_the_python_on_the_page_runs() -> None:
    text = PAGES[1].read_text("utf-8")
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```", text)
    names: dict[str, Any] = {}
    exec(block, names)
    assert (names["best"].cause, names["best"].strength, names["best"].executions) == ("stop_hit", "certain", ("812",))
    assert names["exit_reason"](names["facts"]).reason == "STOP_HIT"
