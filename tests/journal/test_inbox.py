"""Does everything that is left in an inbox arrive, once and in order?"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec import UNSET

from journal.databases import Database
from journal.samples import ACCOUNT, OTHER, edit, fills, item
from trueup.changes import Command, Fill, OrderUpdate, PositionSet
from trueup.errors import InputError, JournalCorrupt, JournalError, JournalLocked
from trueup.journal import InboxItem, open_inbox, open_writer, verify
from trueup.journal import inbox as inbox_module
from trueup.journal.chain import EMPTY
from trueup.journal.items import ITEM_BYTES_MAX
from trueup.model import OrderStatus

NOON = datetime(2026, 1, 2, 12, 0, 0, 1, tzinfo=UTC)
BODIES = [
    Command(name="close", who="ada", why="the ghost is real", arguments={"key": "EURUSD"}),
    Fill(
        execution_id="e1",
        symbol="EURUSD",
        side="sell",
        quantity=Decimal("0.10"),
        price="1.0543",
        fee="-0.2",
        at=NOON,
    ),
    OrderUpdate(
        client_order_id="c1",
        symbol="EURUSD",
        side="buy",
        type="limit",
        quantity="1",
        status=OrderStatus.PENDING,
        limit="1.05",
        scheduled_for=NOON,
    ),
    OrderUpdate(client_order_id="c1", symbol="EURUSD", side="buy", type="x", quantity=1, status="odd word"),
    PositionSet(symbol="EURUSD", side="long", quantity="0", stop=None),
    PositionSet(symbol="EURUSD", side="short", quantity="12", stop="1.1", at=NOON),
    PositionSet(symbol="EURUSD", side="short", quantity="12"),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_an_item_comes_out_as_it_went_in(store_url: str, body: Command | Fill | OrderUpdate | PositionSet) -> None:
    left = InboxItem("id-1", "ada", 5, body)
    with open_inbox(store_url, ACCOUNT) as inbox:
        inbox.put(left)
        ((position, found, digest),) = inbox.read()
    assert (position, len(digest)) == (1, 32)
    assert found == left
    assert repr(found) == repr(left)  # 0.10 and 0.1 are equal, and not the same
    if isinstance(body, PositionSet):
        assert isinstance(found.body, PositionSet)
        assert (found.body.stop is UNSET, found.body.stop is None) == (body.stop is UNSET, body.stop is None)


def test_law_5_the_same_id_is_the_same_item(store_url: str) -> None:
    url = store_url
    with open_inbox(url, ACCOUNT) as one, open_inbox(url, ACCOUNT) as two:
        assert [one.put(item(1)), two.put(item(2)), one.put(item(2)), two.put(item(1))] == [1, 2, 2, 1]
    with open_inbox(url, ACCOUNT) as later:
        assert [later.put(item(2)), later.put(item(3))] == [2, 3]
        assert [found.id for _, found, _ in later.read(after=1)] == ["operator-2", "operator-3"]
    assert verify(url, ACCOUNT).ok


def test_law_12_ids_are_remembered_so_far_back_and_no_further(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "IDS_MAX", 3)
    url = store_url
    with open_inbox(url, ACCOUNT) as inbox:
        assert [inbox.put(item(n)) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]
        assert inbox.put(item(2)) == 2
        assert inbox.put(item(1)) == 5
        assert len(inbox._known) == 3
    with open_inbox(url, ACCOUNT) as later:
        asked: list[int] = []
        real = later.read

        def read(*, after: int = 0) -> list[tuple[int, InboxItem, bytes]]:
            asked.append(after)
            return real(after=after)

        monkeypatch.setattr(later, "read", read)
        assert [later.put(item(3)), later.put(item(2))] == [3, 6]
        assert min(asked) == 2  # a long inbox is not read from its beginning
    assert verify(url, ACCOUNT).ok


def test_law_12_items_and_attempts_are_bounded(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Command(name="x", who="ada", why="y", arguments={"text": "x" * ITEM_BYTES_MAX})
    with open_inbox(store_url, ACCOUNT) as inbox:
        with pytest.raises(InputError, match="at most 65,536"):
            inbox.put(InboxItem("1", "ada", 1, long))
        with pytest.raises(InputError, match="id"):
            inbox.put(InboxItem("", "ada", 1, Command(name="x", who="y", why="z")))
        inbox.put(item(1))
        tries: list[int] = []

        def blind() -> None:  # as if somebody were always faster
            tries.append(1)
            inbox._head = EMPTY

        monkeypatch.setattr(inbox, "_catch_up", blind)
        with pytest.raises(JournalLocked, match="others were faster 200 times"):
            inbox.put(item(2))
        assert len(tries) == 200


def test_inboxes_of_two_accounts_are_two(store_url: str) -> None:
    url = store_url
    with open_inbox(url, ACCOUNT) as one, open_inbox(url, OTHER) as two:
        assert [one.put(item(1)), two.put(item(1)), two.put(item(2))] == [1, 1, 2]
        assert [one.changed(), two.changed(), two.changed()] == [True, True, False]
        one.put(item(9))
        assert [two.changed(), one.changed()] == [False, True]


def test_a_writer_and_an_inbox_share_a_store(store_url: str) -> None:
    url = store_url
    with open_inbox(url, ACCOUNT) as inbox, open_writer(url, ACCOUNT) as writer:
        inbox.put(item(1))
        writer.append(fills(1, 2))
        inbox.put(item(2))
        assert [position for position, _, _ in inbox.read()] == [1, 2]
        assert writer.head().position == 2
        assert not inbox.changed() or not inbox.changed()


def test_an_item_that_is_missing_or_unreadable_is_named(database: Database) -> None:
    with open_inbox(database.url, ACCOUNT) as inbox, database.tampering() as connection:
        for n in (1, 2, 3):
            inbox.put(item(n))
        edit(connection, b"fill", b"pill", "originator_version=2")
        with pytest.raises(JournalCorrupt, match="inbox at 2"):
            inbox.read()
        connection.execute("DELETE FROM stored_events WHERE originator_version=2")
        with pytest.raises(JournalCorrupt, match="item 2 is missing"):
            inbox.read()


def test_an_inbox_that_is_closed_says_so(store_url: str) -> None:
    inbox = open_inbox(store_url, ACCOUNT)
    inbox.close()
    inbox.close()
    with pytest.raises(JournalError):
        inbox.put(item(1))
