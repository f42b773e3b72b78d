"""Is a journal at least as long as it once was, and the same up to there?

A head that was exported, and kept elsewhere, shows what nothing inside the store can show: a backup that was put
back too early in time, a tail that was cut off, a history that was recomputed to its end (law 8).
"""

from __future__ import annotations

from typing import Protocol

from trueup.errors import JournalCorrupt, JournalError
from trueup.journal.chain import Head


class Headed(Protocol):
    """What is held against a head; `JournalReader` and `JournalWriter` are it."""

    account: str

    def head(self) -> Head: ...
    def digest_at(self, position: int) -> bytes | None: ...


def require_head(reader: Headed, head: Head, *, restored: bool = False) -> bool:
    """Hold a journal against a head that was exported earlier; whether the journal is behind it.

    restored   somebody knows that this is a restored backup: being behind is then no error, but the gate has to
               stay closed until all orders and fills since were looked up

    Raises JournalError when the journal ends before that head and `restored` was not said, JournalCorrupt when it
    holds another event there: a recomputed history, or another journal altogether (law 8).
    """
    own = reader.head()
    if own.position < head.position:
        if restored:
            return True
        raise JournalError(
            f"{reader.account}: the journal ends at {own.position}, and a head exported earlier stands at "
            f"{head.position}: this is a restored backup, or its tail was cut off. What was recorded since is not in "
            "it; if you mean to go on from here, say so (restored, --restored)"
        )
    if head.position and reader.digest_at(head.position) != head.digest:
        raise JournalCorrupt(
            f"{reader.account} at {head.position}: not the event that stood there when the head was exported; its "
            "history was recomputed, or this is another journal. Run `trueup verify --head`"
        )
    return False
