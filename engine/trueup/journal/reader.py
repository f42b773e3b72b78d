"""How is one account's journal read?

`JournalReader` never locks and never writes. Positions are the stream's versions, 1, 2, 3, without gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, NamedTuple, Self

from trueup.errors import InputError, JournalCorrupt, JournalError
from trueup.events import DECODERS, Event, decode
from trueup.journal.application import Journal, open_journal
from trueup.journal.backend import Base, View
from trueup.journal.chain import GENESIS, OPENING, SEAL, BadFrame, Head
from trueup.journal.mapper import UNREADABLE, JournalMapper
from trueup.journal.raw import unpacked
from trueup.journal.snapshots import SNAPSHOTS_MAX, Snapshot, decode_snapshot
from trueup.journal.sqlite import missing_archive
from trueup.journal.urls import beside

INBOX: Final = "/inbox"
"""What an account's second stream is called after it; no account contains a slash."""


class Recorded(NamedTuple):
    """One event as it stands in the journal."""

    position: int
    event: Event
    digest: bytes


class Sealed(NamedTuple):
    """One event as it is stored: what its digest is over."""

    position: int
    name: str
    plain: bytes
    digest: bytes


class JournalReader:
    """Reads one account's journal. One object may be used by several threads."""

    def __init__(self, journal: Journal, url: str, account: str) -> None:
        self._journal = journal
        self._base = journal.rows.select_bases().get(account)
        self._earlier: JournalReader | None = None
        self.url = url
        self.account = account

    def head(self) -> Head:
        """Where the journal ends now. Raises JournalError."""
        return self._journal.stored_head(self.account)

    def read(self, *, after: int = 0, upto: int | None = None) -> Iterator[Recorded]:
        """Events in order, from `after` + 1 to `upto` (default: to the end, wherever that is by then).

        In pages, each a moment of its own; between them other connections may append. Raises JournalCorrupt,
        with the position, where an event is missing or does not decode. Digests are handed on; `verify`
        recomputes them. What was archived is read from the archive.
        """
        if self._base is not None and after < self._base.position:
            last = self._upto_base(upto)
            yield from self.earlier().read(after=after, upto=last)
            after = last
        unseal = self._journal.sealing.opener
        for page in self._pages(after, upto):
            for position, name, state in page:
                try:
                    plain, digest = unseal(state)
                    recorded = Recorded(position, decode(name, plain), digest)
                except UNREADABLE as error:
                    raise self._unreadable(position, name, error) from error
                yield recorded

    def events(self, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[int, Event]]:
        """As `read`, without the digests: what a fold needs, a hundred thousand times over."""
        if self._base is not None and after < self._base.position:
            last = self._upto_base(upto)
            yield from self.earlier().events(after=after, upto=last)
            after = last
        sealing = self._journal.sealing
        decoders, unseal = DECODERS, sealing.unseal
        bare = sealing.cipher is None and sealing.compressor is None
        for page in self._pages(after, upto):
            for position, name, state in page:
                try:
                    framed = bare and state[:1] == OPENING and state[-34:-32] == SEAL
                    event = decoders[name](state[1:-34] if framed else unseal(state)[0])
                except UNREADABLE as error:
                    raise self._unreadable(position, name, error) from error
                yield position, event

    def sealed(self, *, after: int = 0, upto: int | None = None) -> Iterator[Sealed]:
        """As `read`, and not decoded: for whoever hands events on with their digests. Raises as `read`."""
        if self._base is not None and after < self._base.position:
            last = self._upto_base(upto)
            yield from self.earlier().sealed(after=after, upto=last)
            after = last
        unseal = self._journal.sealing.opener
        for page in self._pages(after, upto):
            for position, name, state in page:
                try:
                    plain, digest = unseal(state)
                except UNREADABLE as error:
                    raise self._unreadable(position, name, error) from error
                yield Sealed(position, name, plain, digest)

    def _pages(self, after: int, upto: int | None) -> Iterator[list[tuple[int, str, bytes]]]:
        """What this store has of them: position, name, state. Raises JournalCorrupt behind the last before a gap."""
        expected = after + 1
        while upto is None or expected <= upto:
            with self._journal.telling("read events"):
                page = self._journal.rows.select_rows(self.account, after=expected - 1, upto=upto)
            if not page:
                return
            if page[-1][0] != expected + len(page) - 1:  # they ascend: where the last is right, all are
                for place, (position, _, _) in enumerate(page):
                    if position != expected + place:
                        yield page[:place]
                        raise self._missing(expected + place, position)
            yield page
            expected += len(page)

    def event(self, position: int) -> Event:
        """The event at `position`. Raises InputError when there is none, JournalCorrupt as `read`."""
        for recorded in self.read(after=position - 1, upto=position):
            return recorded.event
        raise InputError(f"{self.account}: there is no event {position}")

    def snapshot(self, *, fold_version: int, upto: int | None = None) -> Snapshot | None:
        """The newest usable snapshot at or before `upto`; None when there is none.

        Usable: written by this `fold_version`, whole, and chained to the very event that stands at its position
        (law 8). Any other is passed over: a snapshot saves time and proves nothing.
        """
        journal = self._journal
        before = upto
        for _ in range(SNAPSHOTS_MAX):
            with journal.telling("read a snapshot"):
                found = journal.snapshot_rows.select_events(self.account, lte=before, desc=True, limit=1)
            if not found:
                if self._base is None:
                    return None
                return self.earlier().snapshot(fold_version=fold_version, upto=self._upto_base(before))
            stored = found[0]
            before = stored.originator_version - 1
            try:
                plain, own = journal.sealing.unseal(stored.state)
                snapshot = decode_snapshot(self.account, stored.originator_version, plain, own)
            except UNREADABLE:
                continue
            if snapshot.fold_version == fold_version and self.digest_at(snapshot.position) == snapshot.digest:
                return snapshot
        return None

    # -- for `verify` --------------------------------------------------------------------------------------

    @property
    def mapper(self) -> JournalMapper:
        """What unseals stored states."""
        return self._journal.sealing

    @property
    def bases(self) -> dict[str, Base]:
        """Where journals of this store begin that do not begin at 1, by account."""
        return self._journal.rows.select_bases()

    def view(self) -> AbstractContextManager[View]:
        """Everything in the store as of one moment."""
        return self._journal.rows.view()

    def telling(self, what: str) -> AbstractContextManager[None]:
        """Turns what the database raises while doing `what` into our errors."""
        return self._journal.telling(what)

    @property
    def begins_after(self) -> int:
        """The last event that an excerpt leaves out; 0 for a journal that is whole, be it with archives."""
        return 0 if self.decider_before is None or self._base is None else self._base.position

    @property
    def decider_before(self) -> int | None:
        """Of an excerpt: the version that decided where it begins; None for a journal that is whole."""
        return None if self._base is None else self._base.decider_version

    def earlier(self) -> JournalReader:
        """A reader of the archive that this journal continues. Raises JournalError when it is not there."""
        if self._earlier is None:
            assert self._base is not None  # only then is it asked for
            if self._base.decider_version is not None:
                raise JournalError(
                    f"{self.account}: this is an excerpt that begins after {self._base.position}; what lies before is "
                    "not in it, and of what it begins with only this version's own fold can be read"
                )
            place = beside(self.url, self._base.file)
            if not place.path.exists():
                raise JournalError(f"{self.account}: {missing_archive(self._base, place.path)}")
            self._earlier = JournalReader(open_journal(place, "read"), place.url, self.account)
        return self._earlier

    def digest_at(self, position: int) -> bytes | None:
        """The chain's digest at a position, as stored; None where no event stands. Raises JournalCorrupt."""
        if position == 0:
            return GENESIS
        if self._base is not None and position <= self._base.position:
            return self._base.digest if position == self._base.position else self.earlier().digest_at(position)
        with self._journal.telling("read an event"):
            page = self._journal.rows.select_rows(self.account, after=position - 1, upto=position)
        return self._journal.digest_of(self.account, position, page[0][2]) if page else None

    def raw(self, digest: bytes) -> bytes | None:
        """The raw reply with that SHA-256; None when it is not kept. Raises JournalCorrupt when it is another."""
        with self._journal.telling("read a raw reply"):
            body = self._journal.rows.select_raw(digest)
        if body is None:
            return None if self._base is None or self.begins_after else self.earlier().raw(digest)
        try:
            return unpacked(digest, body)
        except ValueError as error:
            raise JournalCorrupt(f"{self.account}: {error}; run `trueup verify`") from error

    def changed(self) -> bool:
        """Whether any other connection has committed to the store since this was last asked; microseconds.

        Of the store, not of this account: look, and find nothing now and then.
        """
        with self._journal.telling("look for changes"):
            return self._journal.rows.changed()

    def size_bytes(self) -> int:
        """What the whole store occupies, all accounts together."""
        with self._journal.telling("measure the store"):
            return self._journal.rows.size_bytes()

    def close(self) -> None:
        """Let go of the store; again is harmless."""
        if self._earlier is not None:
            self._earlier.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _upto_base(self, upto: int | None) -> int:
        assert self._base is not None  # only then is it asked for
        return self._base.position if upto is None else min(upto, self._base.position)

    def _missing(self, expected: int, position: int) -> JournalCorrupt:
        return JournalCorrupt(
            f"{self.account}: event {expected} is missing; the next one is {position}. Run `trueup verify`"
        )

    def _unreadable(self, position: int, name: str, error: Exception) -> JournalCorrupt:
        if isinstance(error, KeyError):
            why = "this version knows no event of that name; a newer one may have written it"
        elif isinstance(error, BadFrame):
            why = str(error)
        else:
            why = f"its state does not decode ({error})"
        return JournalCorrupt(f"{self.account} at {position}: stored as {name!r}, {why}. Run `trueup verify`")
