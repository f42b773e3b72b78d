"""Does no order reach the service that the gate would not let pass, and does everything else? (law 9)"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from itertools import count

import pytest

from trueup import AsyncReconciler, Intent, OrderUpdate, Permit, Policy, Reconciler, Warned
from trueup.errors import InputError
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker
from trueup_adapters.web import GateMiddleware, Unreadable, intent_of_json
from trueup_adapters.web.asgi import BODY_BYTES_MAX, Scope
from web.asking import Service, ask, exchange, messages, scope_of

_names = count()
BUY = {"symbol": "EURUSD", "side": "buy", "quantity": "0.1"}
SELL = {"symbol": "EURUSD", "side": "sell", "quantity": 1, "reduce_only": True}


def simulated() -> SimulatedBroker:
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
    broker.open("EURUSD", "long", "1", price="1.1")
    return broker


@pytest.fixture
def rec() -> Iterator[Reconciler]:
    """An account of which nothing is verified yet."""
    with Reconciler.open(f"memory://web-{next(_names)}", account="sim:1", broker=simulated()) as one:
        yield one


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def app(rec: Reconciler, service: Service) -> GateMiddleware:
    return GateMiddleware(service, rec, guarded={"/orders": ["post"], "/accounts/*/orders": ["POST", "PUT"]})


def test_a_refused_order_never_reaches_the_service(app: GateMiddleware, rec: Reconciler, service: Service) -> None:
    found = ask(app, "POST", "/orders", BUY)
    assert (found.status, found.headers["retry-after"], found.headers["content-type"]) == (503, "5", "application/json")
    assert found.headers["cache-control"] == "no-store"
    assert found.headers["content-length"] == str(len(found.body))
    refusal = found.json
    assert set(refusal) == {"code", "scope", "reason", "since", "release"}
    assert (refusal["code"], refusal["scope"], refusal["reason"]) == (503, "account", "no start-up pass yet")
    assert refusal["since"].endswith("Z")
    assert service.bodies == []
    rec.startup_recovery()
    found = ask(app, "POST", "/orders", BUY)
    assert (found.status, found.body) == (201, b"placed")
    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/orders/7"), ("DELETE", "/orders"), ("GET", "/orders"), ("POST", "/orders/7/cancel"), ("POST", "/")],
)
def test_what_is_not_guarded_passes_untouched(method: str, path: str, app: GateMiddleware, service: Service) -> None:
    assert ask(app, method, path, b"anything").status == 201
    assert service.bodies == [b"anything"]
    assert "state" not in service.scopes[0]


@pytest.mark.parametrize("path", ["/orders", "/orders/", "//orders", "/orders//", "orders", "/accounts/7/orders/"])
def test_law_9_no_spelling_of_a_guarded_path_goes_round_it(path: str, app: GateMiddleware, service: Service) -> None:
    assert ask(app, "POST", path, BUY).status == 503
    assert ask(app, "post", path, BUY).status == 503
    assert service.bodies == []


def test_a_cancel_passes_whatever_the_gate_says(rec: Reconciler, service: Service) -> None:
    app = GateMiddleware(service, rec, guarded={"/orders": ["POST"]}, intent=intent_of_json({"kind": "what"}))
    assert ask(app, "POST", "/orders", BUY | {"what": "cancel"}).status == 201
    assert ask(app, "POST", "/orders", BUY | {"what": "order"}).status == 503
    assert ask(app, "POST", "/orders", BUY | {"what": "joke"}).status == 422
    assert ask(app, "POST", "/orders", BUY | {"kind": "cancel"}).status == 503


def test_law_9_an_order_that_calls_itself_a_cancel_is_an_order(app: GateMiddleware, service: Service) -> None:
    """The service may not know the field and place the order."""
    assert ask(app, "POST", "/orders", BUY | {"kind": "cancel"}).status == 503
    assert service.bodies == []


def test_a_reducing_order_is_proven_and_its_permit_handed_on(
    app: GateMiddleware, rec: Reconciler, service: Service
) -> None:
    assert ask(app, "POST", "/orders", SELL | {"client_order_id": "x1"}).status == 201
    permit = service.scopes[0]["state"]["trueup_permit"]
    assert isinstance(permit, Permit)
    assert (permit.quantity, permit.client_order_id) == (Decimal(1), "x1")
    second = ask(app, "POST", "/orders", SELL)
    assert (second.status, second.json["scope"]) == (503, "EURUSD")
    assert "0 of 1 is left" in second.json["reason"]
    assert [one["client_order_id"] for one in ask(app, "GET", "/gate").json["permits"]] == ["x1"]
    order = OrderUpdate(
        client_order_id="x1", symbol="EURUSD", side="sell", type="market", quantity=1, status="pending"
    )  # fmt: skip
    rec.record(order)
    assert ask(app, "GET", "/gate").json["permits"] == []


def test_a_warning_is_handed_on() -> None:
    service, policy = Service(), Policy.adopt(unverified="warn")
    with Reconciler.open(f"memory://web-{next(_names)}", account="sim:1", broker=simulated(), policy=policy) as rec:
        app = GateMiddleware(service, rec, guarded={"/orders": ["POST"]})
        assert ask(app, "POST", "/orders", BUY, state={"theirs": 1}).status == 201
    state = service.scopes[0]["state"]
    assert state["theirs"] == 1
    assert isinstance(state["trueup_warning"], Warned)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`"),
        (b"\xff", "no order that the gate can judge"),
        (b'{"side": "buy", "quantity": 1}', "missing required field `symbol`"),
        (b'{"symbol": "EURUSD", "side": "long", "quantity": 1}', "side is 'long'; it must be buy or sell"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": 0}', "it must be greater than 0"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": "-1"}', "it must be greater than 0"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": "NaN"}', "not a finite number"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": 1e400}', "beyond 34 digits"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": true}', "Expected `decimal`"),
        (b'{"symbol": "EUR\\nUSD", "side": "buy", "quantity": 1}', "symbol is"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": 1, "reduce_only": "yes"}', "Expected `bool`"),
        (b'{"symbol": "EURUSD", "side": "buy", "quantity": 1, "strategy": ""}', "strategy is"),
    ],
)
def test_law_9_what_cannot_be_judged_does_not_pass(
    body: bytes, said: str, app: GateMiddleware, rec: Reconciler, service: Service
) -> None:
    rec.startup_recovery()
    found = ask(app, "POST", "/orders", body)
    assert found.status == 422
    assert said in found.json["error"]
    assert service.bodies == []


def test_l35_a_quantity_is_read_from_its_text(rec: Reconciler) -> None:
    read = intent_of_json()
    body = b'{"symbol": "X", "side": "buy", "quantity": 0.100000000000000005, "ticket": 12345678901234567890}'
    intent = read({}, body)
    assert (intent.quantity, intent.ticket) == (Decimal("0.100000000000000005"), "12345678901234567890")


def test_fields_by_other_names_and_intents_of_ones_own(rec: Reconciler, service: Service) -> None:
    read = intent_of_json({"symbol": "instrument", "quantity": "qty", "strategy": "tag"})
    body = b'{"instrument": "EURUSD", "side": "sell", "qty": "2", "tag": "trend", "symbol": "GBPUSD"}'
    assert read({}, body) == Intent(symbol="EURUSD", side="sell", quantity=Decimal(2), strategy="trend")
    with pytest.raises(InputError, match="names has 'volume'"):
        intent_of_json({"volume": "qty"})

    def own(scope: Scope, body: bytes) -> Intent:
        if not body:
            raise Unreadable("say how many", 400)
        return Intent(symbol=scope["path"].split("/")[-1], side="buy", quantity=body.decode())

    app = GateMiddleware(service, rec, guarded={"/buy/*": ["POST"]}, intent=own, retry_after_s=30)
    assert ask(app, "POST", "/buy/EURUSD", b"").json == {"error": "say how many"}
    found = ask(app, "POST", "/buy/EURUSD", b"3")
    assert (found.status, found.headers["retry-after"]) == (503, "30")


# -- ASGI ----------------------------------------------------------------------------------------------------


def test_a_body_in_parts_arrives_whole(app: GateMiddleware, rec: Reconciler, service: Service) -> None:
    rec.startup_recovery()
    parts = [b'{"symbol": "EURUSD", ', b"", b'"side": "buy", "quantity": 1}']
    found = asyncio.run(exchange(app, scope_of("POST", "/orders"), messages(parts)))
    assert found.status == 201
    assert service.bodies == [b"".join(parts)]


def test_what_comes_after_the_body_reaches_the_service(rec: Reconciler) -> None:
    after: list[str] = []

    async def waits(scope: Scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await receive()
        after.append((await receive())["type"])

    rec.startup_recovery()
    app = GateMiddleware(waits, rec, guarded={"/orders": ["POST"]})
    ask(app, "POST", "/orders", BUY)
    assert after == ["http.disconnect"]


def test_law_12_a_body_that_is_too_long_is_not_read_on(app: GateMiddleware, service: Service) -> None:
    given = messages([b"x" * BODY_BYTES_MAX, b"x", b"never read"])
    found = asyncio.run(exchange(app, scope_of("POST", "/orders"), given))
    assert found.status == 413
    assert len(given) == 1


def test_whoever_hangs_up_is_not_answered(app: GateMiddleware, service: Service) -> None:
    given = messages([b"half", b"an order"], hangs_up=True)
    assert asyncio.run(exchange(app, scope_of("POST", "/orders"), given)).status == 0
    assert service.bodies == []


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_passes_untouched(kind: str, app: GateMiddleware, service: Service) -> None:
    asyncio.run(exchange(app, {"type": kind}, []))
    assert [one["type"] for one in service.scopes] == [kind]


# -- how things stand ----------------------------------------------------------------------------------------


def test_the_gate_says_how_it_stands(app: GateMiddleware, rec: Reconciler) -> None:
    found = ask(app, "GET", "/gate").json
    assert set(found) == {"account", "gate", "why", "scopes", "quarantine", "overrides", "permits", "verified_at"}
    assert (found["account"], found["gate"], found["why"]) == ("sim:1", "closed", "no start-up pass yet")
    rec.startup_recovery()
    assert ask(app, "GET", "/gate/").json["gate"] == "open"
    assert ask(app, "HEAD", "/gate").status == 200
    refused = ask(app, "POST", "/gate")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_it_says_nothing_where_it_is_left_out(rec: Reconciler, service: Service) -> None:
    app = GateMiddleware(service, rec, guarded={}, status_path=None)
    assert ask(app, "GET", "/gate").status == 201
    assert ask(app, "POST", "/commands", b"{}").status == 201, "no commands either, unless they are opened"


def test_an_async_reconciler_awaits_the_proof() -> None:
    async def story() -> list[int]:
        service = Service()
        async with AsyncReconciler.open(f"memory://web-{next(_names)}", account="sim:1", broker=simulated()) as rec:
            app = GateMiddleware(service, rec, guarded={"/orders": ["POST"]})
            body = b'{"symbol": "EURUSD", "side": "sell", "quantity": 1, "reduce_only": true}'
            found = [await exchange(app, scope_of("POST", "/orders"), messages([body])) for _ in range(2)]
            return [one.status for one in found]

    assert asyncio.run(story()) == [201, 503]
