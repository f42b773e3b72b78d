"""Does a book in Firestore keep the contract, with Google's own client over real gRPC?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from google.cloud import firestore

from books.firestore_server import Server
from cli.shell import Shell
from trueup.errors import InputError
from trueup.foreign import BookWrite
from trueup.model import Holding, plain
from trueup.testing.alpaca import FakeAlpaca
from trueup.testing.book_contract import BookContract
from trueup_adapters.books import Mapping
from trueup_adapters.books.firestore import FirestoreBook

MAPPINGS = {
    "deleted": Mapping(price="price"),
    "status": Mapping(
        quantity="qty", side="side", price="avg", closed="status", status="status", exit_reason="exit_reason",
        closed_at="closed_at", only={"account": "main"},
    ),
    "floats": Mapping(price="price", floats="text"),
}  # fmt: skip


class Collection:
    """The bot's side, and trueup's book on it."""

    def __init__(self, server: Server, convention: str = "deleted") -> None:
        self.server = server
        self.convention = convention
        self.mapping = MAPPINGS[convention]
        self.bot = firestore.Client(project="demo")
        self.book = FirestoreBook.of("firestore://demo", "positions", self.mapping, position_mode="netting")

    def put(self, symbol: str, quantity: str, price: str) -> None:
        number: object = quantity if self.convention != "floats" else json.loads(quantity)
        cost: object = price if self.convention != "floats" else json.loads(price)
        document = {"symbol": symbol, "quantity": number, "price": cost}
        if self.convention == "status":
            side = "short" if quantity.startswith("-") else "long"
            document = {
                "symbol": symbol, "qty": quantity.lstrip("-"), "side": side, "avg": price, "status": "open",
                "account": "main",
            }  # fmt: skip
        self.bot.collection("positions").document(symbol.replace("/", "-")).set(document)

    def drop(self, symbol: str) -> None:
        document = self.bot.collection("positions").document(symbol.replace("/", "-"))
        if self.convention == "status":
            document.update({"status": "closed"})
        else:
            document.delete()

    def held(self) -> dict[str, str]:
        found = {}
        for document in self.bot.collection("positions").stream():
            said = document.to_dict()
            if self.convention == "status":
                if said["status"] == "open":
                    found[said["symbol"]] = ("-" if said["side"] == "short" else "") + said["qty"]
            else:
                found[said["symbol"]] = plain(Decimal(str(said["quantity"])))
        return found

    def spoil(self, symbol: str) -> None:
        broken = {"symbol": symbol, "quantity": 0.5, "qty": 0.5, "status": "open", "account": "main"}
        if self.convention == "floats":
            broken["quantity"] = "much"
        self.bot.collection("positions").document(symbol).set(broken)

    def silence(self) -> None:
        self.server.silent = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{running.port}")
    yield running
    running.stop()


@pytest.fixture
def made(server: Server) -> Iterator[Collection]:
    collection = Collection(server)
    yield collection
    collection.book.close()
    collection.bot.close()


class TestFirestoreBook(BookContract):
    @pytest.fixture(params=["deleted", "status", "floats"])
    def harness(self, server: Server, request: pytest.FixtureRequest) -> Iterator[Collection]:
        collection = Collection(server, request.param)
        yield collection
        collection.book.close()
        collection.bot.close()


def test_the_server_refuses_what_was_changed_between_read_and_commit(made: Collection) -> None:
    made.put("AAPL", "3", "10")
    (before,) = made.book.read().positions
    made.server.before_commit = lambda: made.put("AAPL", "7", "10")
    after = Holding("AAPL", Decimal(5), price=Decimal(10))
    wrote = made.book.write(BookWrite(cursor=1, correction_id="a", before=before, after=after))
    assert (wrote.state, made.held()) == ("unknown", {"AAPL": "7"})
    made.server.before_commit = lambda: made.put("MSFT", "7", "10")
    wrote = made.book.write(
        BookWrite(cursor=1, correction_id="a", before=None, after=Holding("MSFT", Decimal(5), price=Decimal(10)))
    )
    assert (wrote.state, made.held()) == ("unknown", {"AAPL": "7", "MSFT": "7"})


def test_l35_a_number_that_a_float_does_not_hold_is_not_written(server: Server) -> None:
    collection = Collection(server, "floats")
    after = Holding("BTC/USD", Decimal("0.12345678901234567"), price=Decimal(10))
    wrote = collection.book.write(BookWrite(cursor=1, correction_id="a", before=None, after=after))
    assert wrote.state == "conflict"
    assert "a binary float does not hold" in wrote.why
    assert collection.held() == {}


def test_a_closed_document_says_why_and_when(server: Server) -> None:
    collection = Collection(server, "status")
    collection.put("AAPL", "3", "10")
    (before,) = collection.book.read().positions
    write = BookWrite(cursor=1, correction_id="a", before=before, after=None, at_ns=1_767_225_600_000_000_000)
    assert collection.book.write(write).state == "written"
    said = collection.bot.collection("positions").document("AAPL").get
    (document,) = [one.to_dict() for one in collection.bot.collection("positions").stream()]
    assert said is not None
    assert (document["status"], document["exit_reason"]) == ("closed", "CLOSED_EXTERNALLY")
    assert document["closed_at"].isoformat() == "2026-01-01T00:00:00+00:00"


def test_what_cannot_be_meant_is_said(server: Server) -> None:
    with pytest.raises(InputError, match="names no project"):
        FirestoreBook.of("firestore://", "positions", Mapping(), position_mode="netting")
    with pytest.raises(InputError, match="map ticket"):
        FirestoreBook.of("firestore://demo", "positions", Mapping(), position_mode="hedging")


def test_a_collection_is_trued_up_by_a_file_alone(
    made: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made.put("AAPL", "3", "190.5")
    made.put("TSLA", "1", "200")
    with FakeAlpaca() as fake:
        monkeypatch.setenv("APCA_API_KEY_ID", fake.key_id)
        monkeypatch.setenv("APCA_API_SECRET_KEY", fake.secret)
        fake.control.open("AAPL", "long", "2", price="190.5")
        fake.control.open("NVDA", "short", "2", price="900")
        config = tmp_path / "trueup.toml"
        config.write_text(
            f'account = "alpaca:PA3FAKE00001"\nbroker = "alpaca+{fake.url}"\nstore = "sqlite:///{tmp_path}/j.db"\n'
            "lag_ms_max = {positions = 20, fills = 20, open_orders = 20, order = 20}\nconfirm_interval_ms = 10\n"
            "startup_timeout_s = 3\nretries_max = 0\ntotal_absence_s = 0\nconfirmations_total = 2\n"
            '[book]\nurl = "firestore://demo"\nprice = "price"\n'
        )
        ended = Shell(capsys)("run", "--config", config, "--once", "--json", "--no-views")
    assert (ended.status, ended.err) == (0, "")
    assert made.held() == {"AAPL": "2", "NVDA": "-2"}
