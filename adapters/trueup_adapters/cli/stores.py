"""Which account of a store is meant, and which moment of it? Readers never lock, and never write."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from trueup.errors import InputError, StoreUrlError
from trueup.facts import Fact
from trueup.journal import JournalReader, accounts, open_reader
from trueup.model import account_of
from trueup.reconciliation.state import State
from trueup.report import iso
from trueup.storage import rehydrate
from trueup_adapters.cli.exits import CouldNot
from trueup_adapters.cli.output import busy

NAMED_MAX: Final = 20
"""How many accounts a message names."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def account_in(store: str, account: str | None) -> str:
    """The account that is meant. Raises InputError where that is not clear, CouldNot where there is no store."""
    if account is not None:
        account_of(account)
    try:
        found = accounts(store)
    except StoreUrlError:
        raise
    except InputError as error:
        maker = "trueup export --bundle" if store.startswith("bundle:") else "trueup run"
        raise CouldNot(f"{error}; `{maker}` makes one") from error
    if account is None and len(found) == 1:
        return found[0]
    if not found:
        raise CouldNot(f"{store}: the store holds no account yet; `trueup run` makes one")
    names = ", ".join(found[:NAMED_MAX]) + (f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else "")
    if account is None:
        raise InputError(f"{store} holds several accounts, say which with --account: {names}")
    if account not in found:
        raise InputError(f"{store} holds no account {account}; it holds {names}")
    return account


@contextmanager
def reading(store: str, account: str | None) -> Generator[JournalReader]:
    """The journal of the account that is meant."""
    with open_reader(store, account_in(store, account)) as reader:
        yield reader


class Moment(msgspec.Struct, frozen=True):
    """A position in the journal, and what one should know of how it was chosen."""

    position: int
    note: str | None = None


def moment_of(reader: JournalReader, as_of: str | None, position: int | None) -> Moment:
    """The position that `--as-of` or `--position` means; the head without either. Raises InputError."""
    if as_of is not None and position is not None:
        raise InputError("--as-of and --position both say when; give one of them")
    head = reader.head().position
    if position is not None:
        if not reader.begins_after <= position <= head:
            least = reader.begins_after
            raise InputError(f"{reader.account}: there is no position {position}; the journal has {least} to {head}")
        return Moment(position)
    if as_of is None:
        return Moment(head)
    with busy("looking for that moment"):
        return _before(reader, microseconds(as_of), as_of, head)


def state_at(reader: JournalReader, position: int) -> State:
    """The fold at a position."""
    with busy("reading the journal"):
        return rehydrate(reader.account, reader, upto=position)


def _before(reader: JournalReader, limit_us: int, as_of: str, head: int) -> Moment:
    """The last position before the first input with `at` beyond the limit, both to the microsecond, as they print.

    Decisions carry their input's time, and go with it. A later input with an earlier time means that the clock was
    set back in between: which of the two is meant cannot be told, and that is said.
    """
    cut: int | None = None
    for recorded in reader.read(after=reader.begins_after, upto=head):
        if not isinstance(recorded.event, Fact):
            continue
        at_ns = recorded.event.at.at_ns
        if at_ns // 1000 > limit_us:
            cut = recorded.position - 1 if cut is None else cut
        elif cut is not None:
            return Moment(
                cut,
                f"{reader.account}: {as_of} is ambiguous: the clock was set back, and input {recorded.position} "
                f"({iso(at_ns)}) came after position {cut}, which is shown; --position is exact",
            )
    return Moment(head if cut is None else cut)


def microseconds(text: str) -> int:
    """Microseconds since 1970. Raises InputError for what is no time, or does not say in which zone it is.

    A time with another offset than UTC's is one exact moment too, and is taken as it says: whoever copies it from a
    log of another zone must not be led to put a Z behind it and look hours beside the incident.
    """
    try:
        when = datetime.fromisoformat(text.upper())  # RFC 3339 writes `t` and `z` as well
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no time; write ISO 8601 in UTC, like 2026-01-15T09:30:00Z") from error
    if when.tzinfo is None:
        raise InputError(
            f"{text[:40]!r} does not say in which zone it is; end it with Z where it is in UTC, like "
            "2026-01-15T09:30:00Z, else with its offset, like +02:00"
        )
    return (when - _EPOCH) // timedelta(microseconds=1)
