"""Is an operator whoever the service authenticated, and never whoever a header or a body claims to be?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from trueup import Policy, Reconciler
from trueup.errors import JournalError
from trueup.events import Event
from trueup.facts import CommandGiven
from trueup.journal import Head
from trueup.ports import failed
from trueup.testing.broker import SimulatedBroker
from trueup_adapters.web import GateMiddleware
from trueup_adapters.web.asgi import Scope
from web.asking import JSON, Service, ask

_names = count()
OVERRIDE = {"name": "override", "why": "the feed is late", "arguments": {"scope": "account", "seconds": "60"}}
ORDER = {"symbol": "EURUSD", "side": "buy", "quantity": 1}


def authenticated(scope: Scope) -> str | None:
    """What an authentication middleware has left."""
    user: str | None = scope.get("state", {}).get("user")
    return user


@pytest.fixture
def rec() -> Iterator[Reconciler]:
    policy = Policy.adopt(operators={"ada": ["manage_reconciliation"]})
    broker = SimulatedBroker(position_mode="netting")
    with Reconciler.open(f"memory://cmd-{next(_names)}", account="sim:1", broker=broker, policy=policy) as one:
        yield one


@pytest.fixture
def app(rec: Reconciler) -> GateMiddleware:
    return GateMiddleware(
        Service(), rec, guarded={"/orders": ["POST"]}, commands_path="/commands", operator=authenticated
    )


def given(rec: Reconciler) -> list[CommandGiven]:
    return [one.event for one in rec.journal.read() if isinstance(one.event, CommandGiven)]


def say(app: GateMiddleware, who: str | None = "ada", body: object = None, **more: Any) -> Any:
    state = {} if who is None else {"user": who}
    return ask(app, "POST", "/commands", OVERRIDE if body is None else body, state=state, **more)


def test_a_command_of_an_authenticated_operator_is_done(app: GateMiddleware, rec: Reconciler) -> None:
    rec.ledger.observe("positions", failed("nobody is there"), rec.ledger.asking())
    found = say(app)
    assert found.status == 200
    assert (found.json["state"], found.json["who"]) == ("done", "ada")
    assert found.json["decisions"][0].startswith("override of the gate for account granted until ")
    assert found.json["position"] == rec.ledger.state.position
    (command,) = given(rec)
    assert (command.who, command.why) == ("ada", "the feed is late")
    assert ask(app, "POST", "/orders", ORDER).status == 201
    assert [one["who"] for one in ask(app, "GET", "/gate").json["overrides"]] == ["ada"]


FORGED = [
    (b"x-user", b"ada"), (b"x-forwarded-user", b"ada"), (b"remote-user", b"ada"), (b"x-remote-user", b"ada"),
    (b"authorization", b"Basic YWRhOmFkYQ=="), (b"cookie", b"user=ada"), (b"from", b"ada"), (b"who", b"ada"),
]  # fmt: skip


def test_a_forged_header_does_nothing(app: GateMiddleware, rec: Reconciler) -> None:
    """Every header that has ever carried a name: nobody is authenticated, and nothing is journalled."""
    found = say(app, None, headers=[JSON, *FORGED])
    assert (found.status, given(rec)) == (401, [])
    found = say(app, "eve", headers=[JSON, *FORGED])
    assert found.status == 403
    assert [one.who for one in given(rec)] == ["eve"], "whoever is authenticated is who it was"
    assert rec.get_status().overrides == ()


def test_a_name_in_the_body_is_refused(app: GateMiddleware, rec: Reconciler) -> None:
    for field in ("who", "user", "on_behalf_of"):
        found = say(app, "eve", OVERRIDE | {field: "ada"})
        assert (found.status, given(rec)) == (422, [])
        assert "and nothing else" in found.json["error"]


def test_whoever_may_not_is_journalled_and_refused(app: GateMiddleware, rec: Reconciler) -> None:
    found = say(app, "bob")
    assert (found.status, found.json["state"], found.json["who"]) == (403, "refused", "bob")
    assert "bob has no permission manage_reconciliation" in found.json["decisions"][0]


def test_what_cannot_be_done_is_refused_with_what_there_is(app: GateMiddleware) -> None:
    found = say(app, body={"name": "release", "why": "looked", "arguments": {"scope": "EURUSD"}})
    assert (found.status, found.json["state"]) == (409, "refused")
    assert "nothing is in quarantine" in found.json["decisions"][0]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"\xff", {"name": "override"}, {"name": "override", "why": " ", "arguments": {}},
        {"name": "override", "why": "a\nb"}, {"name": "override", "why": "x" * 2_001},
        {"name": "", "why": "x"}, {"name": "override", "why": "x", "arguments": {"seconds": 5}},
    ],
)  # fmt: skip
def test_words_that_are_no_command(body: object, app: GateMiddleware, rec: Reconciler) -> None:
    assert say(app, body=body).status == 422
    assert given(rec) == []


def test_only_json_posted_is_taken(app: GateMiddleware, rec: Reconciler) -> None:
    for headers in ([], [(b"content-type", b"text/plain")], [(b"accept", b"application/json")]):
        assert say(app, headers=headers).status == 415
    assert say(app, headers=[(b"Content-Type", b"Application/JSON; charset=utf-8")]).status == 409
    found = ask(app, "GET", "/commands", state={"user": "ada"})
    assert (found.status, found.headers["allow"]) == (405, "POST")


def test_a_journal_that_cannot_be_written_is_said(
    app: GateMiddleware, rec: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        raise JournalError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(rec.ledger._journal, "append", full)
        found = say(app)
    assert (found.status, found.json) == (503, {"error": "the disk is full"})


def test_commands_need_somebody_who_says_from_whom(rec: Reconciler) -> None:
    with pytest.raises(ValueError, match="commands_path needs operator"):
        GateMiddleware(Service(), rec, guarded={}, commands_path="/commands")
