"""What can go wrong, and whose move it is.

TrueupError                  everything trueup raises on purpose
    InputError               the caller's input is wrong: correct it; nothing was recorded
        BadNumber            not an exact, finite number within bounds
        PolicyError          a policy or its file does not say what it must
        StoreUrlError        a store address that names no store we know
    StartupFailed            the start-up pass could not verify the book, and the caller required it
    JournalError             our own store failed: stop; nothing was decided, nothing is half-recorded
        JournalLocked        somebody else is using the file just now: try again
        JournalCorrupt       what is stored is not what was written: stop and run `trueup verify`
        TenureLost           the connection that held the account's lock was lost: claim a new epoch
        WriterFenced         another process writes this account: step down
InvariantBroken              our own bug; never caught inside trueup

Failures of the broker are not in this tree: a broker that does not answer is a fact (an observation
that failed, law 4), not an exception.
"""

from __future__ import annotations


class TrueupError(Exception):
    """Everything that trueup raises on purpose; the message says what, where, and what to do."""


class InputError(TrueupError):
    """What the caller gave cannot be used; nothing was recorded of it."""


class BadNumber(InputError):
    """A quantity or price that is not an exact, finite decimal within bounds (L35, L43)."""


class PolicyError(InputError):
    """A policy, or the file it was read from, holds something that cannot be meant."""


class StoreUrlError(InputError):
    """A store address of an unknown kind, or one that lacks its path."""


class StartupFailed(TrueupError):
    """The start-up pass ended without a verified book, and the caller had asked to be stopped then."""


class JournalError(TrueupError):
    """The journal could not be read or appended to; the input at hand was not recorded."""


class JournalLocked(JournalError):
    """Another connection holds the store for longer than we wait; nothing is wrong with the data."""


class JournalCorrupt(JournalError):
    """Stored events do not decode, or do not chain, as they were written (law 8)."""


class TenureLost(JournalError):
    """The connection that held this account's lock was lost. Nothing was tried: `JournalWriter.resume` takes the
    lock again, and a new epoch begins, with its start-up pass."""


class WriterFenced(JournalError):
    """Another process holds or has appended to this account; ours must stop deciding for it."""

    def __init__(self, *, account: str, why: str) -> None:
        super().__init__(
            f"{account}: {why}. One account has one writer: stop the other process, or use `trueup ack` "
            "and the inbox to leave something for it, or give this process another account."
        )
        self.account = account
        self.why = why


class InvariantBroken(BaseException):
    """A law of ours was broken by our own code. Not an `Exception`: no handler of ours may swallow it."""
