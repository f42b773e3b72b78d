"""May the order that this request asks for be sent now?

An ASGI middleware in front of a service that places orders. It reads the request as an intent and asks the gate, before
the service sees it; what is refused is answered here. Whatever cannot be judged is refused as well (law 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from trueup.gate import GateRefusal, Intent, NeedsProof, Permit, Warned
from trueup.proving import AwaitableGate, BlockingGate, Proof
from trueup.report import iso
from trueup.shell import Status
from trueup.standing import quarantine_rows, scope_rows
from trueup_adapters.web.asgi import (
    App,
    Gone,
    Guarded,
    Receive,
    Scope,
    Send,
    Unreadable,
    answer,
    is_guarded,
    plain_path,
    replayed,
    whole_body,
)
from trueup_adapters.web.intents import intent_of_json
from trueup_adapters.web.operators import Commandable, Operator, take_command

RETRY_AFTER_S: Final = 5
PROVE_TIMEOUT_S: Final = 5


class Reconciling(Commandable, Protocol):
    """A `Reconciler` or an `AsyncReconciler`."""

    @property
    def gate(self) -> BlockingGate | AwaitableGate: ...
    def get_status(self) -> Status: ...


class GateMiddleware:
    """Wraps an ASGI application; guarded requests reach it only where the gate lets their order pass."""

    def __init__(
        self,
        app: App,
        rec: Reconciling,
        *,
        guarded: Guarded,
        intent: Callable[[Scope, bytes], Intent] | None = None,
        status_path: str | None = "/gate",
        commands_path: str | None = None,
        operator: Operator | None = None,
        prove_timeout_s: float = PROVE_TIMEOUT_S,
        retry_after_s: int = RETRY_AFTER_S,
    ) -> None:
        """
        guarded          paths to methods; what is not among them passes untouched
        intent           reads an intent from scope and body, and raises `Unreadable`; None: JSON fields by our names
        status_path      where GET says how things stand; None: nowhere
        commands_path    where POST takes operators' commands; needs `operator`
        operator         who the authenticated caller is, from what the service's own authentication left in the scope
        prove_timeout_s  how long a reducing order waits for proof of the live position
        retry_after_s    what a refusal says

        Raises ValueError where commands would be taken and nobody says from whom.
        """
        if commands_path is not None and operator is None:
            raise ValueError("commands_path needs operator, a callable that says who the authenticated caller is")
        self._app = app
        self._rec = rec
        self._guarded = {path: frozenset(method.upper() for method in methods) for path, methods in guarded.items()}
        self._intent = intent or intent_of_json()
        self._status_path = status_path
        self._commands_path = commands_path
        self._operator = operator
        self._prove_timeout_s = prove_timeout_s
        self._retry_after_s = retry_after_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection. What is no HTTP request (lifespan, websockets) passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._request(scope, receive, send)
        except Unreadable as error:
            await answer(send, error.status, {"error": str(error)})
        except Gone:
            return  # nobody is left to be answered

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = plain_path(str(scope["path"]))
        if path == self._status_path:
            await self._say(scope, send)
        elif path == self._commands_path and self._operator is not None:
            await take_command(self._rec, self._operator, scope, receive, send)
        elif is_guarded(self._guarded, scope):
            await self._judge(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _judge(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the gate; hand the request on, with its permit or warning in `scope["state"]`, or refuse it."""
        body = await whole_body(receive)
        intent = self._intent(scope, body)
        found = self._rec.gate.check(intent)
        proof: Proof | None = None
        if isinstance(found, NeedsProof):
            proof = await self._proof(intent)
        refused = found if isinstance(found, GateRefusal) else proof if isinstance(proof, GateRefusal) else None
        if refused is not None:
            await self._refuse(send, refused)
            return
        state = scope.setdefault("state", {})
        if isinstance(proof, Permit):
            state["trueup_permit"] = proof
        if isinstance(found, Warned):
            state["trueup_warning"] = found
        await self._app(scope, replayed(body, receive), send)

    async def _proof(self, intent: Intent) -> Proof:
        gate = self._rec.gate
        if isinstance(gate, AwaitableGate):
            return await gate.prove_reducing(intent, self._prove_timeout_s)
        return await asyncio.to_thread(gate.prove_reducing, intent, self._prove_timeout_s)

    async def _refuse(self, send: Send, refusal: GateRefusal) -> None:
        value = {
            "code": refusal.code,
            "scope": refusal.scope,
            "reason": refusal.reason,
            "since": iso(refusal.since_ns),
            "release": refusal.release,
        }
        await answer(send, refusal.code, value, {"retry-after": str(self._retry_after_s)})

    async def _say(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await answer(send, 405, {"error": "how things stand is asked with GET"}, {"allow": "GET, HEAD"})
            return
        status, state, gate = self._rec.get_status(), self._rec.ledger.state, self._rec.gate
        value = {
            "account": status.account,
            "gate": gate.status,
            "why": gate.why,
            "scopes": scope_rows(state),
            "quarantine": quarantine_rows(state),
            "overrides": status.overrides,
            "permits": status.permits,
            "verified_at": status.verified_at,
        }
        await answer(send, 200, value)
