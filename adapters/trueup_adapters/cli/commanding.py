"""How does an operator's command reach an account, and what became of it?

Through the inbox where a writer is alive, and then until the journal shows what it decided; with no writer alive by
taking the account's lock for a moment, under the policy that is in force there already. Who gives it is what the
channel authenticates (the operating system, PostgreSQL), and nothing that anybody claims.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import typer

from trueup.audit import sentence
from trueup.changes import Command
from trueup.decisions import Decision, RecordRefused
from trueup.errors import InputError, WriterFenced
from trueup.facts import CommandGiven, InboxTaken
from trueup.journal import InboxItem, JournalReader, Recorded, open_inbox, store_user
from trueup.model import name_of
from trueup.reconciler import Reconciler
from trueup.reconciliation.state import State
from trueup_adapters.cli.exits import COULD_NOT, DONE, FOUND
from trueup_adapters.cli.output import busy, give, say
from trueup_adapters.cli.stores import reading, state_at

COMMAND_WAIT_S: Final = 5
COMMAND_WAIT_S_MAX: Final = 3600
POLL_S: Final = 0.02
WHY_MAX: Final = 2_000

Why: TypeAlias = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is journalled.")]
Who: TypeAlias = Annotated[
    str | None,
    typer.Option("--who", metavar="NAME", help="On whose behalf: a note beside the authenticated user, no identity."),
]
Wait: TypeAlias = Annotated[
    int, typer.Option("--wait", metavar="S", min=0, max=COMMAND_WAIT_S_MAX, help="How long to wait for a live writer.")
]


class Became(msgspec.Struct, frozen=True):
    """What became of a command."""

    account: str
    what: str
    state: Literal["done", "refused", "queued"]
    inbox: int | None
    """Its position in the inbox; None where it was journalled without one."""
    decisions: tuple[str, ...]
    """What was decided, one sentence each."""
    who: str = ""
    """Who gave it, as the channel authenticates it."""


def give_command(
    name: str,
    arguments: dict[str, str],
    *,
    store: str,
    account: str | None,
    why: str,
    who: str | None,
    wait_s: int,
    as_json: bool,
) -> int:
    """Give a command, wait for what becomes of it, and say so. 0 done, 1 refused, 3 queued for the writer.

    who  a note on whose behalf it is; the identity is the channel's
    """
    if not why.strip() or len(why) > WHY_MAX or not why.isprintable():
        raise InputError(f"--why must be one line of 1 to {WHY_MAX} characters: it is what the journal will say")
    noted = {} if who is None else {"on_behalf_of": name_of(who, what="--who")}
    with reading(store, account) as reader, busy("waiting for the writer"):
        command = Command(name=name, who=store_user(store), why=why, arguments=arguments | noted)
        state = state_at(reader, reader.head().position)
        found = _by_ourselves(store, reader, state, command) or _by_inbox(store, reader, state, command, wait_s)
    if as_json:
        give(found)
    else:
        _for_people(found)
    return {"done": DONE, "refused": FOUND, "queued": COULD_NOT}[found.state]


def _for_people(found: Became) -> None:
    if found.state == "queued":
        say(f"{found.account}: queued as inbox item {found.inbox}; the writer has not taken it yet", "yellow")
        return
    for line in found.decisions:
        say(f"{found.account}: {line}", "green" if found.state == "done" else "yellow")


def _by_ourselves(store: str, reader: JournalReader, state: State, command: Command) -> Became | None:
    """With no writer alive: take the lock, say it, let go. None where somebody holds the lock."""
    try:
        rec = _opened(store, state)
    except WriterFenced:
        return None
    with rec:
        found = rec.commanded(command)
    return _said(state.account, command, None, refused=found.refused, sentences=found.decisions)


def _became(account: str, command: Command, place: int | None, decided: list[Decision]) -> Became:
    refused = any(isinstance(one, RecordRefused) for one in decided)
    return _said(account, command, place, refused=refused, sentences=tuple(sentence(one) for one in decided))


def _said(account: str, command: Command, place: int | None, *, refused: bool, sentences: tuple[str, ...]) -> Became:
    what = " ".join(value for name, value in command.arguments.items() if name in ("what", "target", "scope"))
    return Became(account, what, "refused" if refused else "done", place, sentences, command.who)


def _opened(store: str, state: State) -> Reconciler:
    """As a writer that changes no rule: an operator's word adopts no policy."""
    policy = state.policy if state.policy_mark else None
    return Reconciler.open(store, account=state.account, policy=policy)


def _by_inbox(store: str, reader: JournalReader, state: State, command: Command, wait_s: int) -> Became:
    """Leave it for the live writer, and wait until the journal shows that it was taken."""
    item = InboxItem(uuid.uuid4().hex, command.who, time.time_ns(), command)
    with open_inbox(store, reader.account) as inbox:
        place = inbox.put(item)
    deadline_ns = time.monotonic_ns() + wait_s * 1_000_000_000
    reader.changed()  # from here on it tells what is new
    decided = _decided(reader, state.position, place)
    while decided is None and time.monotonic_ns() < deadline_ns:
        time.sleep(POLL_S)
        if reader.changed():
            decided = _decided(reader, state.position, place)
    if decided is None:
        decided = _after_its_death(store, reader, state, place)
    if decided is None:
        return msgspec.structs.replace(_became(reader.account, command, place, []), state="queued")
    return _became(reader.account, command, place, decided)


def _after_its_death(store: str, reader: JournalReader, state: State, place: int) -> list[Decision] | None:
    """Where the writer has gone meanwhile, whoever opens the journal takes the inbox: we do."""
    try:
        _opened(store, state).close()
    except WriterFenced:
        return None
    return _decided(reader, state.position, place)


def _decided(reader: JournalReader, after: int, place: int) -> list[Decision] | None:
    """What the journal decided on inbox item `place`; None while it was not taken."""
    events = list(reader.read(after=after))
    if not any(isinstance(one.event, InboxTaken) and one.event.inbox_position == place for one in events):
        return None
    return caused(events, place)


def caused(events: Iterable[Recorded], place: int) -> list[Decision]:
    """The decisions of the command of inbox item `place`: they stand behind it in the same transaction, and name it."""
    cause: int | None = None
    due = False
    found: list[Decision] = []
    for position, event, _ in events:
        if isinstance(event, InboxTaken):
            due = due or event.inbox_position == place
        elif due and cause is None and isinstance(event, CommandGiven):
            cause = position
        elif isinstance(event, Decision) and cause is not None and event.cause == cause:
            found.append(event)
    return found
