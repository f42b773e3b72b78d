"""`trueup ack`: how does an operator say that something is really so?

Through the inbox where a writer is alive, and then until the journal shows what it decided; with no writer alive by
taking the account's lock for a moment, under the policy that is in force there already.
"""

from __future__ import annotations

import getpass
import time
import uuid
from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
import typer

from trueup.audit import sentence
from trueup.changes import Command
from trueup.decisions import Decision, RecordRefused
from trueup.errors import InputError, WriterFenced
from trueup.facts import CommandGiven, InboxTaken
from trueup.journal import InboxItem, JournalReader, Recorded, open_inbox
from trueup.model import name_of
from trueup.reconciler import Reconciler
from trueup.reconciliation.state import State
from trueup_adapters.cli.exits import COULD_NOT, DONE, FOUND
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, say
from trueup_adapters.cli.stores import reading, state_at

COMMAND_WAIT_S: Final = 5
COMMAND_WAIT_S_MAX: Final = 3600
POLL_S: Final = 0.02
WHY_MAX: Final = 2_000


class Acknowledged(msgspec.Struct, frozen=True):
    """What became of it."""

    account: str
    what: str
    state: Literal["done", "refused", "queued"]
    inbox: int | None
    """Its position in the inbox; None where it was journalled without one."""
    decisions: tuple[str, ...]
    """What was decided, one sentence each."""


def ack(
    what: Annotated[
        Literal["mass-absence"], typer.Argument(metavar="WHAT", help="`mass-absence`: they are really gone.")
    ],
    store: Store,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is journalled.")],
    who: Annotated[
        str | None, typer.Option("--who", metavar="NAME", help="Who says so; without it the user of this machine.")
    ] = None,
    account: Account = None,
    wait_s: Annotated[
        int,
        typer.Option("--wait", metavar="S", min=0, max=COMMAND_WAIT_S_MAX, help="How long to wait for a live writer."),
    ] = COMMAND_WAIT_S,
    as_json: Json = False,
) -> int:
    """Acknowledge what trueup will not conclude by itself. 0 done, 1 refused, 3 queued for the writer."""
    name = name_of(getpass.getuser() if who is None else who, what="--who")
    if not why.strip() or len(why) > WHY_MAX or not why.isprintable():
        raise InputError(f"--why must be one line of 1 to {WHY_MAX} characters: it is what the journal will say")
    command = Command(name="ack", who=name, why=why, arguments={"what": what})
    with reading(store, account) as reader, busy("waiting for the writer"):
        state = state_at(reader, reader.head().position)
        found = _by_ourselves(store, reader, state, command) or _by_inbox(store, reader, state, command, wait_s)
    if as_json:
        give(found)
    else:
        _for_people(found)
    return {"done": DONE, "refused": FOUND, "queued": COULD_NOT}[found.state]


def _for_people(found: Acknowledged) -> None:
    if found.state == "queued":
        say(f"{found.account}: queued as inbox item {found.inbox}; the writer has not taken it yet", "yellow")
        return
    for line in found.decisions:
        say(f"{found.account}: {line}", "green" if found.state == "done" else "yellow")


def _by_ourselves(store: str, reader: JournalReader, state: State, command: Command) -> Acknowledged | None:
    """With no writer alive: take the lock, say it, let go. None where somebody holds the lock."""
    try:
        rec = _opened(store, state)
    except WriterFenced:
        return None
    with rec:
        before = rec.get_status().position
        rec.command(command)
    return _became(state.account, command, None, list(_caused(reader.read(after=before), command)))


def _became(account: str, command: Command, place: int | None, decided: list[Decision]) -> Acknowledged:
    refused = any(isinstance(one, RecordRefused) for one in decided)
    sentences = tuple(sentence(one) for one in decided)
    return Acknowledged(account, command.arguments["what"], "refused" if refused else "done", place, sentences)


def _opened(store: str, state: State) -> Reconciler:
    """As a writer that changes no rule: an operator's word adopts no policy."""
    policy = state.policy if state.policy_mark else None
    return Reconciler.open(store, account=state.account, policy=policy)


def _by_inbox(store: str, reader: JournalReader, state: State, command: Command, wait_s: int) -> Acknowledged:
    """Leave it for the live writer, and wait until the journal shows that it was taken."""
    item = InboxItem(uuid.uuid4().hex, command.who, time.time_ns(), command)
    with open_inbox(store, reader.account) as inbox:
        place = inbox.put(item)
    deadline_ns = time.monotonic_ns() + wait_s * 1_000_000_000
    reader.changed()  # from here on it tells what is new
    decided = _decided(reader, state.position, place, command)
    while decided is None and time.monotonic_ns() < deadline_ns:
        time.sleep(POLL_S)
        if reader.changed():
            decided = _decided(reader, state.position, place, command)
    if decided is None:
        decided = _after_its_death(store, reader, state, place, command)
    if decided is None:
        return Acknowledged(reader.account, command.arguments["what"], "queued", place, ())
    return _became(reader.account, command, place, decided)


def _after_its_death(
    store: str, reader: JournalReader, state: State, place: int, command: Command
) -> list[Decision] | None:
    """Where the writer has gone meanwhile, whoever opens the journal takes the inbox: we do."""
    try:
        _opened(store, state).close()
    except WriterFenced:
        return None
    return _decided(reader, state.position, place, command)


def _decided(reader: JournalReader, after: int, place: int, command: Command) -> list[Decision] | None:
    """What the journal decided on inbox item `place`; None while it was not taken."""
    events = reader.read(after=after)
    if not any(isinstance(one.event, InboxTaken) and one.event.inbox_position == place for one in events):
        return None
    return list(_caused(events, command))


def _caused(events: Iterator[Recorded], command: Command) -> Iterator[Decision]:
    """The decisions of that command, the first of its kind: they stand behind it in the same transaction."""
    cause: int | None = None
    for position, event, _ in events:
        if cause is None and isinstance(event, CommandGiven):
            cause = position if (event.who, event.why) == (command.who, command.why) else None
        elif isinstance(event, Decision) and event.cause == cause:
            yield event
