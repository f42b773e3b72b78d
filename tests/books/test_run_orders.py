"""Is a bot with tables of positions and orders trued up by a configuration file and no code?"""

from __future__ import annotations

from pathlib import Path

import pytest

from books.order_tables import Orders
from books.tables import Table
from books.test_run import ACCOUNT, HEDGED, POLICY, SIGNED, fake, journal, once, shell
from cli.gateways import gateway
from cli.shell import Shell
from trueup.decisions import BreakMoved
from trueup.facts import BookRead, BookWriting, BookWritten, Observed, OrderRecorded
from trueup.testing.alpaca import FakeAlpaca

__all__ = ["fake", "shell"]
OURS = """[book.orders]
client_order_id = "cid"
order_id = "oid"
filled = "filled"
limit = "price"
"""
THEIRS = """[book.orders]
client_order_id = "cid"
order_id = "oid"
side = "direction"
buy = "B"
sell = "S"
type = "kind"
quantity = "qty"
status = "state"
filled = "done"
exit_reason = "reason"
closed_at = "ended"
only = {account = "main"}
added = {source = "trueup"}
[book.orders.statuses]
NEW = "pending"
OPEN = "accepted"
PART = "partially_filled"
DONE = "filled"
DEAD = "canceled"
"""
BOOKS = {"ours": OURS, "theirs": THEIRS}


class Bot:
    """One database with both tables."""

    def __init__(self, folder: Path, broker: str, convention: str = "ours", *, policy: str = "") -> None:
        self.positions = Table(folder)
        self.orders = Orders(folder, convention)
        self.config = folder / "trueup.toml"
        top = f'account = "{ACCOUNT}"\nbroker = "{broker}"\nstore = "sqlite:///{folder}/journal.db"\n'
        book = SIGNED.format(path=self.positions.path) + BOOKS[convention]
        self.config.write_text(top + book + POLICY + policy)


@pytest.mark.parametrize("convention", ["ours", "theirs"])
def test_a_table_of_orders_is_trued_up_by_a_file_alone(
    fake: FakeAlpaca, tmp_path: Path, shell: Shell, convention: str
) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}", convention)
    placed = {name: fake.control.place("AAPL", "buy", "limit", "10", price="100", client_id=name) for name in "abcd"}
    bot.orders.put("a", "accepted", order_id=placed["a"])
    bot.orders.put("b", "pending")
    bot.orders.put("c", "accepted", order_id=placed["c"])
    bot.orders.put("d", "filled", filled="10", order_id=placed["d"])
    fake.control.fill(placed["b"], "4", price="100")
    fake.control.cancel(placed["c"])
    fake.control.cancel(placed["d"])
    bot.positions.put("AAPL", "4", "100")
    ended, told = once(shell, bot.config)
    assert (ended.status, ended.err, told["status"]) == (0, "", "SUCCESS"), told
    assert bot.orders.held() == {
        "a": ("accepted", "0", placed["a"]),
        "b": ("partially_filled", "4", placed["b"]),
        "c": ("canceled", "0", placed["c"]),
        "d": ("filled", "10", placed["d"]),
    }
    if convention == "theirs":
        (said,) = bot.orders.do("SELECT state, reason, ended FROM orders WHERE cid = 'c'")
        assert said[:2] == ("DEAD", "CLOSED_EXTERNALLY")
        assert str(said[2]).startswith("20")
        assert bot.orders.do("SELECT reason, ended FROM orders WHERE cid = 'b'") == [(None, None)], "it works on"
    events = journal(tmp_path)
    kinds = [type(one) for one in events]
    assert kinds.index(BookRead) < kinds.index(OrderRecorded) < kinds.index(BookWriting) < kinds.index(BookWritten)
    assert not [one for one in events if isinstance(one, BookWritten) and (one.conflicts or one.failed)]
    assert not [step for one in events if isinstance(one, BreakMoved) for step in one.steps if step.kind == "recovery"]
    ended, told = once(shell, bot.config)  # again: nothing differs, nothing is written
    assert (ended.status, told["status"], told["corrections"]) == (0, "SUCCESS", [])
    assert sum(isinstance(one, BookWritten) for one in journal(tmp_path)) == sum(
        isinstance(one, BookWritten) for one in events
    )


def test_an_orphan_is_quarantined_until_the_table_lists_it(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}")
    placed = fake.control.place("AAPL", "buy", "limit", "10", price="100", client_id="x")
    _, told = once(shell, bot.config)
    assert (told["status"], told["gate"]) == ("PARTIAL", "reduce_only")
    bot.orders.put("x", "accepted", order_id=placed)
    ended, told = once(shell, bot.config)
    assert (ended.status, told["status"], told["gate"]) == (0, "SUCCESS", "open"), told


def test_an_orphan_that_is_adopted_becomes_a_row(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}", "theirs", policy='on_orphan_order = "adopt"\n')
    placed = fake.control.place("AAPL", "sell", "limit", "3", price="100", client_id="x")
    ended, told = once(shell, bot.config)
    assert (ended.status, told["status"]) == (0, "SUCCESS"), told
    assert bot.orders.do("SELECT account, cid, oid, symbol, direction, kind, qty, done, state, source FROM orders") == [
        ("main", "x", placed, "AAPL", "S", "limit", 3, 0, "OPEN", "trueup")
    ]


def test_l01_orders_that_cannot_be_read_are_no_answer_and_positions_go_on(
    fake: FakeAlpaca, tmp_path: Path, shell: Shell
) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}")
    bot.orders.do("ALTER TABLE orders RENAME TO gone")
    fake.control.open("AAPL", "long", "3", price="100")
    ended, told = once(shell, bot.config)
    assert (ended.status, told["status"]) == (3, "DEGRADED")
    assert bot.positions.held() == {"AAPL": "3"}
    assert "there is no table orders; the broker was not asked" in told["errors"][0]
    assert "there is no table orders" in ended.err
    told = shell("doctor", "--config", bot.config, "--json").json
    (found,) = [one for one in told["findings"] if one["part"] == "book" and one["state"] == "wrong"]
    assert "there is no table orders" in found["what"]


def test_doctor_reads_the_orders_and_says_what_a_word_needs(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}", "theirs")
    bot.orders.put("a", "accepted")
    told = shell("doctor", "--config", bot.config, "--json").json
    assert [one["what"] for one in told["findings"] if one["part"] == "book"][1].endswith("holds 1 working order")
    bot.orders.put("b", "parked")
    told = shell("doctor", "--config", bot.config, "--json").json
    (found,) = [one for one in told["findings"] if one["part"] == "book" and one["state"] == "wrong"]
    assert "state is 'parked', which is none of NEW, OPEN, PART, DONE, DEAD" in found["what"]
    assert "[book.orders.statuses]" in found["do"]


def test_l04_orders_that_are_known_by_the_brokers_number_alone_are_looked_up_by_it(
    tmp_path: Path, shell: Shell
) -> None:
    """A table beside an MT5 terminal: whole numbers, and no client id anywhere."""
    table = Table(tmp_path, "hedged", position_mode="hedging")
    table.do("CREATE TABLE pending (number INTEGER PRIMARY KEY, symbol TEXT, type TEXT, way TEXT, volume TEXT, "
             "done TEXT, price TEXT, state TEXT)")  # fmt: skip
    with gateway() as (url, control):
        placed = [control.place("EURUSD", "buy", "limit", "0.10", price="1.01") for _ in range(3)]
        for number in placed[:2]:
            table.do(
                "INSERT INTO pending VALUES (?, 'EURUSD', 'limit', 'buy', '0.10', NULL, '1.01', 'open')", int(number)
            )
        control.cancel(placed[1])
        config = tmp_path / "trueup.toml"
        config.write_text(
            f'account = "mt5:5001"\nbroker = "{url}"\nstore = "sqlite:///{tmp_path}/journal.db"\n'
            + HEDGED.format(path=table.path)
            + '[book.orders]\ntable = "pending"\norder_id = "number"\nside = "way"\nquantity = "volume"\n'
            'filled = "done"\nlimit = "price"\nstatus = "state"\n[book.orders.statuses]\nopen = "accepted"\n'
            'done = "filled"\ngone = "canceled"\n' + POLICY + 'on_orphan_order = "adopt"\naction_queue_s_max = 0\n'
        )
        ended, told = once(shell, config)
        assert (ended.status, told["status"]) == (0, "SUCCESS"), (ended, told)
    rows = table.do("SELECT number, way, volume, state FROM pending ORDER BY number")
    assert rows == [
        (int(placed[0]), "buy", "0.10", "open"), (int(placed[1]), "buy", "0.10", "gone"),
        (int(placed[2]), "buy", "0.1", "open"),
    ]  # fmt: skip
    observed = [one for one in journal(tmp_path, "mt5:5001") if isinstance(one, Observed) and one.sought is not None]
    assert {(one.sought.client_order_id, one.sought.order_id) for one in observed if one.sought} == {
        (None, str(placed[1]))
    }


def test_once_waits_no_longer_than_it_may_until_the_bot_had_its_time(
    fake: FakeAlpaca, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup_adapters.cli.companions.WRITING_S_MAX", 0)
    bot = Bot(tmp_path, f"alpaca+{fake.url}")
    bot.config.write_text(bot.config.read_text().replace("order = 20", "order = 60000"))
    fake.control.place("AAPL", "buy", "limit", "10", price="100", client_id="a")
    bot.orders.put("a", "pending")
    ended, told = once(shell, bot.config)
    assert (ended.status, told["status"]) == (0, "SUCCESS")
    assert bot.orders.held() == {"a": ("pending", "0", None)}, "its own process may still write it"
    assert not [one for one in journal(tmp_path) if isinstance(one, BookWriting)]
