"""Do orders in Firestore keep the contract, with Google's own client over real gRPC?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from google.cloud import firestore

from books.firestore_server import Server
from trueup.errors import InputError
from trueup.foreign import OrderName, OrderWrite
from trueup.model import BookOrder, OrderStatus, plain
from trueup.testing.order_book_contract import OrderBookContract
from trueup_adapters.books import OrderMapping
from trueup_adapters.books.firestore_orders import FirestoreOrders

MAPPINGS = {
    "text": OrderMapping(client_order_id="cid", order_id="oid", filled="filled", reduce_only="reduce"),
    "numbers": OrderMapping(
        client_order_id="cid", order_id="oid", filled="filled", floats="text", exit_reason="why", closed_at="ended",
        only={"account": "main"},
        statuses={
            "NEW": "pending", "OPEN": "accepted", "PART": "partially_filled", "DONE": "filled", "DEAD": "canceled",
        },
    ),
}  # fmt: skip


class Collection:
    """The bot's side, and trueup's book on it."""

    def __init__(self, server: Server, convention: str) -> None:
        self.server = server
        self.mapping = MAPPINGS[convention]
        self.words = {ours: word for word, ours in self.mapping.statuses.items()}
        self.bot = firestore.Client(project="demo")
        self.orders = FirestoreOrders.of("firestore://demo", "orders", self.mapping)

    def put(self, name: str, status: str, *, filled: str = "0", order_id: str | None = None, side: str = "buy") -> None:
        floats = self.mapping.floats == "text"
        self.bot.collection("orders").document(name).set({
            "cid": name, "oid": order_id, "symbol": "AAPL", "side": side, "type": "limit", "account": "main",
            "quantity": 10 if floats else "10", "filled": float(filled) if floats else filled,
            "status": self.words.get(status, status),
        })  # fmt: skip

    def drop(self, name: str) -> None:
        self.bot.collection("orders").document(name).delete()

    def held(self) -> dict[str, tuple[str, str, str | None]]:
        found = {}
        for document in self.bot.collection("orders").stream():
            said = document.to_dict()
            status = self.mapping.statuses.get(said["status"], said["status"])
            found[said["cid"]] = (status, plain(Decimal(str(said["filled"]))), said["oid"])
        return found

    def spoil(self, name: str) -> None:
        self.put(name, "parked")

    def silence(self) -> None:
        self.server.silent = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{running.port}")
    yield running
    running.stop()


class TestFirestoreOrders(OrderBookContract):
    @pytest.fixture(params=["text", "numbers"])
    def harness(self, server: Server, request: pytest.FixtureRequest) -> Iterator[Collection]:
        collection = Collection(server, request.param)
        yield collection
        collection.orders.close()
        collection.bot.close()


@pytest.fixture
def made(server: Server) -> Iterator[Collection]:
    collection = Collection(server, "numbers")
    yield collection
    collection.orders.close()
    collection.bot.close()


def ended(made: Collection, name: str) -> OrderWrite:
    (before,) = made.orders.read([OrderName(name)]).orders
    after = BookOrder(name, "AAPL", "buy", "limit", Decimal(10), OrderStatus.CANCELED)
    return OrderWrite(
        cursor=1, correction_id="a", before=before, after=after, fields=("status",), exit_reason="CLOSED_EXTERNALLY",
        at_ns=1_767_225_600_000_000_000,
    )  # fmt: skip


def test_the_server_refuses_what_was_changed_between_read_and_commit(made: Collection) -> None:
    made.put("a", "accepted")
    write = ended(made, "a")
    made.server.before_commit = lambda: made.put("a", "filled", filled="10")
    assert (made.orders.write(write).state, made.held()) == ("unknown", {"a": ("filled", "10", None)})


def test_an_order_that_ended_says_why_and_when(made: Collection) -> None:
    made.put("a", "accepted")
    assert made.orders.write(ended(made, "a")).state == "written"
    (document,) = [one.to_dict() for one in made.bot.collection("orders").stream()]
    assert (document["status"], document["why"]) == ("DEAD", "CLOSED_EXTERNALLY")
    assert document["ended"].isoformat() == "2026-01-01T00:00:00+00:00"


def test_more_names_than_one_query_takes_are_asked_for_in_several(made: Collection) -> None:
    for number in range(35):
        made.put(f"n{number}", "filled", filled="10", order_id=f"o{number}")
    found = made.orders.read([OrderName(f"n{number}", f"o{number}") for number in range(35)])
    assert (found.completeness, len(found.orders)) == ("complete", 35)


def test_l35_a_number_that_a_float_does_not_hold_is_not_written(made: Collection) -> None:
    after = BookOrder("a", "AAPL", "buy", "limit", Decimal("0.12345678901234567"), OrderStatus.ACCEPTED)
    wrote = made.orders.write(OrderWrite(cursor=1, before=None, after=after, correction_id="a"))
    assert (wrote.state, "a binary float does not hold" in wrote.why, made.held()) == ("conflict", True, {})


def test_reduce_only_is_firestores_own(server: Server) -> None:
    made = Collection(server, "text")
    after = BookOrder("a", "AAPL", "buy", "limit", Decimal(1), OrderStatus.ACCEPTED, reduce_only=True)
    assert made.orders.write(OrderWrite(cursor=1, before=None, after=after, correction_id="a")).state == "written"
    (document,) = [one.to_dict() for one in made.bot.collection("orders").stream()]
    assert document["reduce"] is True
    (row,) = made.orders.read([]).orders
    assert row.reduce_only is True
    made.bot.close()
    made.orders.close()


def test_what_cannot_be_meant_is_said(server: Server) -> None:
    many = {f"E{number}": "canceled" for number in range(10)} | {"DONE": "filled"}
    with pytest.raises(InputError, match="11 words for ends; Firestore leaves out 10 at most"):
        FirestoreOrders.of("firestore://demo", "orders", OrderMapping(order_id="oid", statuses=many))
    with pytest.raises(InputError, match="names no project"):
        FirestoreOrders.of("firestore://", "orders", OrderMapping(order_id="oid"))
