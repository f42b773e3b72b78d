"""Is what stands in the journal what was written (law 8)?

Everything is read in one transaction, beside a live writer, and recomputed. What is wrong becomes a fault, a
position and a sentence; an exception is only for a file that is no database at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from trueup.decisions import Decision
from trueup.errors import InputError, JournalCorrupt, JournalError
from trueup.events import decode
from trueup.facts import Observed
from trueup.journal.backend import View
from trueup.journal.chain import EMPTY, GENESIS, BadFrame, Head, link, prefixed
from trueup.journal.items import InboxItem
from trueup.journal.mapper import UNREADABLE, decoded
from trueup.journal.raw import CITING, cited_by, slack_in, unpacked
from trueup.journal.reader import INBOX, JournalReader, Recorded
from trueup.journal.snapshots import SNAPSHOT_NAME, Snapshot, decode_snapshot
from trueup.journal.store import open_reader
from trueup.model import account_of

FAULTS_MAX: Final = 1_000
"""A report names at most so many faults (law 12)."""

Refold = Callable[[Iterable[Recorded], int], bytes]
"""Folds events from the first up to a position, and gives the state as a snapshot would hold it."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that is not as it was written."""

    position: int
    """Where, in the stream that `why` names (by default the account's journal); 0 when nowhere in particular."""
    why: str


class VerifyReport(msgspec.Struct, frozen=True):
    """What `verify` found."""

    ok: bool
    events: int
    """Events in the account's journal."""
    head: Head
    """The last event up to which everything chains."""
    faults: tuple[Fault, ...]
    raw_missing: int
    """Raw replies that should be there (the answer was incomplete, or a decision rests on it) and are not: lost
    to a crash, or pruned. No fault."""


def verify(
    url: str,
    account: str,
    *,
    head: Head | None = None,
    refold: Refold | None = None,
    fold_version: int | None = None,
) -> VerifyReport:
    """Recompute everything that is kept of `account`: journal, inbox, snapshots, raw replies.

    head           one exported earlier: a tail cut off since, and a history recomputed since, show against it
    refold         with `fold_version`: every snapshot of that version is folded again and compared, byte by byte

    Archives that the journal continues are recomputed too, and must hold the event that it begins after. Finds any
    gap, reorder, splice, edit, and event moved to another account of the store. Without `head` it cannot find a
    truncated tail, nor an edit that was recomputed to the end. Raises InputError when there is no store,
    JournalCorrupt when the file cannot be read as a database at all.
    """
    account_of(account)
    with open_reader(url, account) as reader:
        return verify_opened(reader, head=head, refold=refold, fold_version=fold_version)


def verify_opened(
    reader: JournalReader,
    *,
    head: Head | None = None,
    refold: Refold | None = None,
    fold_version: int | None = None,
    archives: bool = True,
) -> VerifyReport:
    """As `verify`, of a journal that is open; without its archives when somebody is just making one."""
    with reader.telling("verify it"), reader.view() as view:
        inspection = _Inspection(view, reader)
        inspection.inspect(head, refold, fold_version, archives=archives)
        return inspection.report()


class _Inspection:
    """One pass over one view of the store."""

    def __init__(self, view: View, reader: JournalReader) -> None:
        self._view = view
        self._reader = reader
        self._mapper = reader.mapper
        self._account = reader.account
        self._bases = reader.bases
        base = self._bases.get(self._account)
        self._base = EMPTY if base is None else Head(base.position, base.digest)
        self._faults: list[Fault] = []
        self._is_excerpt = base is not None and base.decider_version is not None
        self._events = 0 if self._is_excerpt else self._base.position
        self._head = self._base
        self._cited: dict[int, bytes] = {}
        self._needed: set[bytes] = set()
        self._wanted: dict[int, bytes | None] = {0: GENESIS, self._base.position: self._base.digest}

    def inspect(
        self, head: Head | None, refold: Refold | None, fold_version: int | None, *, archives: bool = True
    ) -> None:
        """Look at everything; a part that cannot be read on is a fault, and the others are still looked at."""
        if self._base.position and archives and not self._is_excerpt:
            self._archive(head, refold, fold_version)
        if head is not None and head.position < self._base.position:
            if self._is_excerpt:
                self._fault(head.position, f"cannot be told: the excerpt begins after {self._base.position} only")
            head = None  # the archive was held against it
        snapshots: list[Snapshot] = []
        self._carefully(lambda: snapshots.extend(self._snapshots(keep_states=refold is not None)))
        for snapshot in snapshots:
            self._wanted.setdefault(snapshot.position, None)
        if head is not None:
            self._wanted.setdefault(head.position, None)
        self._carefully(lambda: self._stream(self._account))
        chained = not self._faults
        self._carefully(lambda: self._stream(self._account + INBOX))
        self._carefully(self._other_streams)
        self._carefully(self._places)
        if head is not None:
            self._against(head)
        for snapshot in snapshots:
            self._placed(snapshot)
            if refold is not None and chained and not self._is_excerpt and snapshot.fold_version == fold_version:
                self._refolded(snapshot, refold)
        self._carefully(self._raws)
        self._carefully(self._damage)

    def report(self) -> VerifyReport:
        faults = tuple(self._faults)
        if len(faults) > FAULTS_MAX:
            faults = (*faults[:FAULTS_MAX], Fault(0, f"and {len(faults) - FAULTS_MAX:,} more faults"))
        return VerifyReport(
            ok=not faults,
            events=self._events,
            head=self._head,
            faults=faults,
            raw_missing=len(self._needed),
        )

    def _fault(self, position: int, why: str) -> None:
        self._faults.append(Fault(position, why))

    def _carefully(self, look: Callable[[], object]) -> None:
        try:
            look()
        except JournalCorrupt as error:
            self._fault(0, str(error))

    def _damage(self) -> None:
        for line in self._view.damage():
            self._fault(0, f"the file itself is damaged: {line}")

    def _archive(self, head: Head | None, refold: Refold | None, fold_version: int | None) -> None:
        """What went before lies in another store: it must be whole, and go on where we begin."""
        file = self._bases[self._account].file
        try:
            earlier = self._reader.earlier()
            with earlier.view() as view:
                ids = view.ids()
            if ids is not None and ids[2] != self._bases[self._account].last_id:
                self._fault(0, f"archive {file}: ends at {ids[2]!r}, not where it was sealed; followers go by that")
            report = verify_opened(earlier, head=self._base, refold=refold, fold_version=fold_version)
            below = head is not None and head.position < self._base.position
            if head is not None and below and earlier.digest_at(head.position) != head.digest:
                self._fault(head.position, f"archive {file}: recomputed: not the event of the head that was given")
        except (JournalError, InputError) as error:
            self._fault(0, f"archive {file}: {error}")
            return
        for fault in report.faults:
            self._fault(fault.position, f"archive {file}: {fault.why}")

    # -- the chains ----------------------------------------------------------------------------------------

    def _stream(self, stream: str) -> None:
        """Recompute one of the account's two chains from its first event."""
        of = "" if stream == self._account else "inbox: "
        stream_part = prefixed(stream)
        base = EMPTY if of else self._base
        expected, id_before = base.position + 1, 0
        trusted: bytes | None = base.digest
        whole = True
        for id, version, name, state in self._view.rows(stream):
            self._events += not of
            faults_before = len(self._faults)
            if not isinstance(version, int) or version < expected:
                self._fault(expected, f"{of}an event is stored at the impossible position {version!r}")
                continue
            if version > expected:
                self._fault(expected, f"{of}missing: events {expected} to {version - 1} are not there")
                trusted = None
            if id <= id_before:
                self._fault(version, f"{of}out of order: it was stored before the event that it follows")
            id_before = id
            trusted = self._event(of, stream_part, trusted, version, name, state)
            if not of:
                if version in self._wanted:
                    self._wanted[version] = self._wanted[version] or trusted or b""
                whole = whole and len(self._faults) == faults_before
                if whole and trusted is not None:
                    self._head = Head(version, trusted)
            expected = version + 1

    def _event(
        self, of: str, stream: bytes, trusted: bytes | None, version: int, name: object, state: object
    ) -> bytes | None:
        """Check one event against the digest before it; its own digest, None when that cannot be read."""
        if not isinstance(name, str) or not isinstance(state, bytes):
            self._fault(version, f"{of}changed: its name or state is not of the kind that is stored")
            return None
        try:
            plain, digest = self._mapper.unseal(state)
        except (BadFrame, *UNREADABLE) as error:
            self._fault(version, f"{of}changed: {error}")
            return None
        if trusted is not None and link(trusted, stream, version, prefixed(name), plain) != digest:
            self._fault(version, f"{of}changed: its digest does not follow from its contents and the event before it")
        try:
            event = decoded(name, plain)
        except UNREADABLE as error:
            self._fault(version, f"{of}unreadable: stored as {name[:80]!r}, its state does not decode ({error})")
            return digest
        if isinstance(event, InboxItem) is not bool(of):
            self._fault(version, f"{of}out of place: {name} does not belong into this stream")
        elif not isinstance(event, InboxItem) and (cited := cited_by(event)):
            self._cited[version] = cited
            if isinstance(event, Observed) and event.completeness != "complete":
                self._needed.add(cited)
        elif isinstance(event, Decision) and event.cause in self._cited:
            self._needed.add(self._cited[event.cause])
        return digest

    def _other_streams(self) -> None:
        """Is any event of this account hiding under another name? Every other stream must be one in its own right.

        Its ends are recomputed, not its middle: `verify` of that account does that.
        """
        for name, count, least, greatest in self._view.streams():
            if name in (self._account, self._account + INBOX):
                continue
            if not isinstance(name, str) or not _is_stream(name):
                self._fault(0, f"events stand under {name!r}, which is no account")
            elif (
                not isinstance(least, int)
                or not isinstance(greatest, int)
                or least != self._begins(name)
                or count != greatest - least + 1
            ):
                self._fault(0, f"{name}: has {count} events from {least!r} to {greatest!r}; some were moved or removed")
            else:
                for version in {least, greatest}:
                    if not self._follows(name, version):
                        self._fault(0, f"{name}: its event {version} was changed, or belongs to another stream")

    def _places(self) -> None:
        """Where ids are given out without gaps, one that is missing was an event's, or an event's was changed."""
        ids = self._view.ids()
        if ids is None:
            return
        count, least, greatest = ids
        away = sum(base.position for base in self._bases.values() if base.decider_version is None)
        if count and (not isinstance(least, int) or least < 1 or greatest != count + away):
            self._fault(
                0, f"events are numbered {least!r} to {greatest!r}, and there are {count + away}: some were moved"
            )

    def _begins(self, stream: str) -> int:
        base = self._bases.get(stream)
        return 1 if base is None else base.position + 1

    def _follows(self, stream: str, version: int) -> bool:
        base = self._bases.get(stream)
        if version == self._begins(stream):
            previous = GENESIS if base is None else base.digest
        else:
            previous = self._opened(stream, version - 1)[2]
        name, plain, digest = self._opened(stream, version)
        return link(previous, prefixed(stream), version, prefixed(name), plain) == digest

    def _opened(self, stream: str, version: int) -> tuple[str, bytes, bytes]:
        row = self._view.row(stream, version)
        if row is None or not isinstance(row[2], str) or not isinstance(row[3], bytes):
            return "", b"", b""
        try:
            return (row[2], *self._mapper.unseal(row[3]))
        except UNREADABLE:
            return "", b"", b""

    # -- what rests on the chain ---------------------------------------------------------------------------

    def _against(self, head: Head) -> None:
        found = self._wanted.get(head.position)
        if found is None:
            self._fault(
                self._head.position + 1,
                f"truncated: the head that was given stands at {head.position}, beyond the end",
            )
        elif found != head.digest:
            self._fault(
                head.position, "recomputed: the event at the head that was given is not the one that stood there"
            )

    def _snapshots(self, *, keep_states: bool) -> Iterator[Snapshot]:
        """The account's snapshots that are whole in themselves; a fault for any of the store that is not."""
        streams = {name for name, *_ in self._view.streams()}
        for stream, version, name, state in self._view.snapshots():
            at = version if isinstance(version, int) else 0
            if not isinstance(stream, str) or not isinstance(version, int) or not isinstance(state, bytes):
                self._fault(at, "a snapshot was changed: its account, position or state is of another kind")
                continue
            try:
                if name != SNAPSHOT_NAME:
                    raise ValueError(f"it is called {name!r}")
                plain, own = self._mapper.unseal(state)
                snapshot = decode_snapshot(stream, version, plain, own)
            except UNREADABLE as error:
                self._fault(at, f"a snapshot of {stream!r} was changed: {error}")
                continue
            if stream not in streams:
                self._fault(at, f"a snapshot stands under {stream!r}, which has no journal here")
            elif stream == self._account:
                yield snapshot if keep_states else msgspec.structs.replace(snapshot, state=b"")

    def _placed(self, snapshot: Snapshot) -> None:
        found = self._wanted.get(snapshot.position)
        if found is None:
            self._fault(snapshot.position, "a snapshot stands beyond the end of the journal")
        elif found != snapshot.digest:
            self._fault(snapshot.position, "a snapshot was not taken of the event that stands at its position")

    def _refolded(self, snapshot: Snapshot, refold: Refold) -> None:
        try:
            state = refold(self._replayed(snapshot.position), snapshot.position)
        except Exception as error:  # noqa: BLE001  (the caller's fold: whatever it raises is a finding, not our end)
            self._fault(snapshot.position, f"folding again up to a snapshot failed: {error!r}")
            return
        if state != snapshot.state:
            self._fault(snapshot.position, "a snapshot differs from the state that folding again gives")

    def _replayed(self, upto: int) -> Iterator[Recorded]:
        if self._base.position:
            yield from self._reader.earlier().read(upto=self._base.position)
        for _, version, name, state in self._view.rows(self._account):
            assert isinstance(version, int)  # as all below: it was found to chain
            assert isinstance(name, str)
            assert isinstance(state, bytes)
            if version > upto:
                return
            plain, digest = self._mapper.unseal(state)
            yield Recorded(version, decode(name, plain), digest)

    def _raws(self) -> None:
        """Every kept reply is the one that some event cites."""
        cited = set(self._cited.values())
        elsewhere: set[bytes] = set()
        for digest, body in self._view.raws():
            if not isinstance(digest, bytes) or not isinstance(body, bytes):
                self._fault(0, "a raw reply was changed: its digest or body is of another kind")
                continue
            try:
                if slack_in(body, unpacked(digest, body)):
                    raise ValueError("the raw reply is packed otherwise than it was written")
            except ValueError as error:
                self._fault(0, f"raw reply {digest.hex()[:16]}: {error}")
            self._needed.discard(digest)
            if digest not in cited:
                elsewhere.add(digest)
        if elsewhere:
            elsewhere -= set(self._cited_anywhere())
        for digest in sorted(elsewhere):
            self._fault(0, f"raw reply {digest.hex()[:16]}: no event cites it")

    def _cited_anywhere(self) -> Iterator[bytes]:
        for name in CITING:
            for state in self._view.states(name):
                try:
                    event = decoded(name, self._mapper.unseal(state)[0]) if isinstance(state, bytes) else None
                except UNREADABLE:
                    continue  # its own account's verify says so
                if not isinstance(event, InboxItem):
                    yield cited_by(event)


def _is_stream(name: str) -> bool:
    try:
        account_of(name.removesuffix(INBOX))
    except InputError:
        return False
    return True
