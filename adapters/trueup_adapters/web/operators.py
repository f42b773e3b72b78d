"""What does an operator's command over HTTP become, and who is it from?

From whoever the service's own authentication says (`scope["user"]`, `scope["state"]`), read by a callable that the
service gives; never from a header or a field of the body, which anybody can write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import msgspec

from trueup.changes import Command
from trueup.errors import InputError, JournalError
from trueup.reconciliation.commands import MANAGE
from trueup.reconciliation.state import State
from trueup.shell import Commanded
from trueup_adapters.web.asgi import Receive, Scope, Send, Unreadable, answer, is_json, whole_body

Operator: TypeAlias = Callable[[Scope], str | None]
"""Who the authenticated caller is; None: nobody."""
WHY_MAX: Final = 2_000


class Ledgered(Protocol):
    """What is needed of the account's ledger."""

    @property
    def state(self) -> State: ...


class Commandable(Protocol):
    """What is needed of a reconciler."""

    @property
    def ledger(self) -> Ledgered: ...
    def commanded(self, command: Command) -> Commanded: ...


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    why: str
    arguments: dict[str, str] = {}


async def take_command(rec: Commandable, operator: Operator, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `POST /commands`: 200 done, 401 nobody, 403 not allowed, 409 refused, 415 and 422 unreadable, 503 not
    journalled."""
    if scope["method"] != "POST":
        await answer(send, 405, {"error": "commands are given with POST"}, {"allow": "POST"})
        return
    who = operator(scope)
    if not who:
        await answer(send, 401, {"error": "whoever gives a command must be authenticated"})
        return
    if not is_json(scope):
        raise Unreadable("a command is JSON: say content-type: application/json", 415)
    command = _command(await whole_body(receive), who)
    try:
        done = await asyncio.to_thread(rec.commanded, command)
    except JournalError as error:
        await answer(send, 503, {"error": str(error)})
        return
    status = 200
    if done.refused:
        status = 409 if rec.ledger.state.policy.allows(who, MANAGE) else 403
    state = "refused" if done.refused else "done"
    await answer(send, status, {"state": state, "who": who, "position": done.position, "decisions": done.decisions})


def _command(body: bytes, who: str) -> Command:
    try:
        given = msgspec.json.decode(body, type=_Body)
        if not given.why.strip() or len(given.why) > WHY_MAX or not given.why.isprintable():
            raise InputError(f"why must be one line of 1 to {WHY_MAX} characters: it is what the journal will say")
        return Command(name=given.name, who=who, why=given.why, arguments=given.arguments)
    except (msgspec.MsgspecError, UnicodeDecodeError, InputError) as error:
        raise Unreadable(f'a command is {{"name", "why", "arguments"}} and nothing else: {error}') from error
