"""What may stand beside a journal while a history is played, to be judged in the end?

Read models, for one (law 11). The engine knows none of them: whoever starts a campaign brings them along. They look at
the store as another process does, change nothing in it, and so leave the history as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias

from trueup.reconciliation.state import State

Found: TypeAlias = tuple[int, str]
"""One law that was broken, and what broke it."""
LOOKS_EVERY: Final = 15
"""Transactions between two looks; each start of a process and each power cut brings another."""


class Beside(Protocol):
    """Something that follows a store."""

    def look(self, chance: int) -> None:
        """Something was written, or a process was started, or a machine stopped.

        chance  0 to 999, of the seed: what this look does, and whether it goes on living
        """
        ...

    def stop(self) -> None:
        """The machine stopped: what was never written is gone, and it is started anew with the next look."""
        ...

    def judge(self, state: State) -> Iterable[Found]:
        """The history is over; `state` is what its journal folds to. What is wrong?"""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


Making: TypeAlias = Callable[[str, str], Beside]
"""Makes one for a store's address and an account. By its name importable, so that other processes can be given it."""
