"""How does a bundle of evidence, a zip file, become a store that everything reads and nothing writes?

Its parts are held against the manifest, and its events put into a store of their own in a temporary folder, which goes
with the process. Nothing is ever unpacked under a name that the file gives, nor to more than the manifest promises: a
bundle comes from somewhere else.
"""

from __future__ import annotations

import atexit
import base64
import os
import re
import shutil
import sqlite3
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from eventsourcing.persistence import StoredEvent

from trueup.errors import InputError, JournalCorrupt, JournalError
from trueup.journal.application import Journal, open_journal
from trueup.journal.backend import EXCERPT, Access, Durability
from trueup.journal.chain import frame
from trueup.journal.files import SQLiteFile
from trueup.journal.lock import AccountLock
from trueup.journal.mapper import Row
from trueup.journal.raw import RAW_BYTES_MAX, packed
from trueup.journal.snapshots import SNAPSHOT_NAME, Snapshot, encode_snapshot
from trueup.journal.sqlite import ARCHIVED_TABLE, LAYOUT_ARCHIVED
from trueup.journal.sqlite_errors import explained
from trueup.model import account_of

FORMAT: Final = "trueup-bundle/1"
MANIFEST: Final = "manifest.json"
JOURNAL: Final = "journal.jsonl"
SNAPSHOT: Final = "snapshot.json"
RAWS: Final = "raw/"

PARTS_MAX: Final = 200_000
MANIFEST_BYTES_MAX: Final = 67_108_864
LINE_BYTES_MAX: Final = 268_435_456
TOTAL_BYTES_MAX: Final = 8_589_934_592
"""What a bundle may be unpacked to (law 12); one that promises more, or holds more than it promises, is refused."""

UNPACKED_MAX: Final = 256
"""Bundles that one process keeps unpacked at a time; beyond that the oldest goes (law 12)."""

_NAME: Final = re.compile(r"(?:raw/[0-9a-f]{64}|[a-z]+\.[a-z]+)\Z")
_UNUSABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What the zip library raises for files that are none, are cut off, or want what we do not do (ciphers, codecs)."""
_PAGE: Final = 1_000
_T = TypeVar("_T")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a bundle."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds; fields that a newer version adds are ignored."""

    format: str
    account: str
    first: int
    """The first event in it."""
    last: int
    previous: str
    """The digest before the first, hex."""
    digest: str
    """The last event's."""
    versions: dict[str, str | int]
    """`trueup`, `python`, `decider` and `fold` of the program that wrote it; `decided` of the one that decided before
    the first event."""
    withheld: tuple[str, ...] = ()
    """Digests of raw replies that were left out because they hold what looks like a secret."""
    parts: tuple[Part, ...] = ()


class BundleLine(msgspec.Struct, frozen=True):
    """As much of an exported event as a store needs."""

    account: str
    position: int
    name: str
    previous: str
    digest: str
    state: str


class SavedFold(msgspec.Struct, frozen=True):
    """What an excerpt begins with."""

    position: int
    digest: str
    fold_version: int
    state: str
    """Base64."""


class Bundle:
    """An opened bundle whose parts are what its manifest says they are, as they are read."""

    def __init__(self, file: zipfile.ZipFile, path: Path) -> None:
        self._file = file
        self._path = path
        members = file.infolist()
        if len(members) > PARTS_MAX:
            raise self.broken(f"holds {len(members):,} parts; {PARTS_MAX:,} are the most that is read")
        self._members = {member.filename: member for member in members}
        if len(self._members) < len(members):
            raise self.broken("names a part twice")
        if MANIFEST not in self._members:
            raise self.broken("has no manifest: it is no bundle that `trueup export --bundle` wrote")
        self.manifest = self._manifest()
        self.parts = {part.name: part for part in self.manifest.parts}
        self._promises()

    def broken(self, why: str) -> JournalCorrupt:
        """What to raise of it."""
        return JournalCorrupt(f"{self._path}: {why}")

    def part(self, name: str) -> bytes:
        """A whole part. Raises JournalCorrupt when it is not the one of the manifest."""
        return b"".join(self.pieces(name, 1_048_576))

    def pieces(self, name: str, size: int) -> Iterator[bytes]:
        """A part in pieces; the last step raises JournalCorrupt when it was not the one of the manifest."""
        part = self.parts[name]
        with self._opened(name) as stream:
            left, digest = part.bytes, sha256()
            while left > 0 and (piece := stream.read(min(size, left))):
                left -= len(piece)
                digest.update(piece)
                yield piece
        if left or digest.hexdigest() != part.sha256:
            raise self.broken(f"{name} is not the part that the manifest describes; it was changed or cut off")

    def lines(self) -> Iterator[BundleLine]:
        """The events. Raises JournalCorrupt."""
        rest, count = b"", 0
        decode = msgspec.json.Decoder(BundleLine).decode
        for piece in self.pieces(JOURNAL, 1_048_576):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                raise self.broken(f"{JOURNAL}: a line is longer than {LINE_BYTES_MAX:,} bytes")
            for line in lines:
                count += 1
                try:
                    yield decode(line)
                except msgspec.MsgspecError as error:
                    raise self.broken(f"{JOURNAL} line {count}: {error}") from error
        if rest:
            raise self.broken(f"{JOURNAL} ends within a line")

    @contextmanager
    def _opened(self, name: str) -> Generator[zipfile.ZipExtFile]:
        try:
            with self._file.open(self._members[name]) as stream:
                yield stream  # type: ignore[misc]
        except _UNUSABLE as error:
            raise self.broken(f"{name} cannot be unpacked ({error})") from error

    def _manifest(self) -> Manifest:
        with self._opened(MANIFEST) as stream:
            raw = stream.read(MANIFEST_BYTES_MAX + 1)
        if len(raw) > MANIFEST_BYTES_MAX:
            raise self.broken(f"its manifest is longer than {MANIFEST_BYTES_MAX:,} bytes")
        try:
            manifest = msgspec.json.decode(raw, type=Manifest)
            if manifest.format != FORMAT:
                raise self.broken(f"is a bundle of the form {manifest.format!r}; this version reads {FORMAT}")
            account_of(manifest.account)
            if manifest.first > 1 and not isinstance(manifest.versions.get("decided"), int):
                raise ValueError("it does not say which version decided before its first event")
            if len(bytes.fromhex(manifest.previous)) != 32 or not 1 <= manifest.first <= manifest.last:
                raise ValueError("it does not say where its events begin")
        except (InputError, ValueError) as error:
            raise self.broken(f"its manifest cannot be meant: {error}") from error
        return manifest

    def _promises(self) -> None:
        """Names, sizes and the list itself are sound before anything is unpacked."""
        names = set(self._members) - {MANIFEST}
        if names != set(self.parts) or len(self.parts) != len(self.manifest.parts):
            raise self.broken("its parts are not those that its manifest lists")
        if JOURNAL not in names:
            raise self.broken(f"has no {JOURNAL}")
        total = 0
        for name, part in self.parts.items():
            if not _NAME.match(name):
                raise self.broken(f"holds a part of the name {name[:80]!r}, which no bundle has")
            longest = RAW_BYTES_MAX if name.startswith(RAWS) else TOTAL_BYTES_MAX
            if not 0 <= part.bytes <= longest or self._members[name].file_size != part.bytes:
                raise self.broken(f"{name} is not of the length that the manifest says, or longer than any may be")
            total += part.bytes
        if total > TOTAL_BYTES_MAX:
            raise self.broken(f"unpacks to {total:,} bytes; {TOTAL_BYTES_MAX:,} are the most that is read")


@contextmanager
def open_bundle(path: Path) -> Generator[Bundle]:
    """A bundle, looked through from outside. Raises InputError where there is no file, JournalCorrupt."""
    if not path.is_file():
        raise InputError(f"there is no bundle at {path.absolute()}")
    try:
        file = zipfile.ZipFile(path)
    except _UNUSABLE as error:
        raise JournalCorrupt(f"{path}: is no zip file that can be read ({error})") from error
    with file:
        yield Bundle(file, path)


# -- as a store --------------------------------------------------------------------------------------------


class BundleStore:
    """The store that a bundle unpacks to, as a `Location`; read, and never written."""

    def __init__(self, url: str, path: Path) -> None:
        self._url = url
        store = unpacked_store(path)
        self._store = SQLiteFile(f"sqlite:///{store}", str(store))

    @property
    def url(self) -> str:
        return self._url

    def prepare(self, access: Access) -> None:
        if access != "read":
            raise self._refused()
        self._store.prepare(access)

    def settings(self, access: Access, durability: Durability) -> dict[str, str]:
        return self._store.settings(access, durability)

    def lock(self, account: str) -> AccountLock:
        raise self._refused()

    def explain(self, error: Exception, what: str) -> JournalError:
        return explained(error, what, self._url)

    def _refused(self) -> InputError:
        return InputError(f"{self._url}: a bundle is evidence; it is read, and never written")


_guard = threading.Lock()
_unpacked: dict[tuple[str, int, int], Path] = {}


def unpacked_store(path: Path) -> Path:
    """The store of a bundle, made once in this process as long as the file stays the same.

    Raises InputError where there is no file, JournalCorrupt where it is not what it says, JournalError where it cannot
    be unpacked.
    """
    with _guard:
        try:
            found = path.stat()
            identity = (str(path.resolve()), found.st_mtime_ns, found.st_size)
        except OSError as error:
            raise InputError(f"there is no bundle at {path.absolute()} ({error.strerror})") from error
        if identity not in _unpacked:
            while len(_unpacked) >= UNPACKED_MAX:
                _remove(_unpacked.pop(next(iter(_unpacked))).parent, os.getpid())
            _unpacked[identity] = _unpack(path)
        return _unpacked[identity]


def _remove(folder: Path, owner: int) -> None:
    """By the process that made it: a fork that ends must not take its parent's store away."""
    if owner == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(path: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="trueup-bundle-"))
    atexit.register(_remove, folder, os.getpid())
    store = folder / "bundle.db"
    try:
        with open_bundle(path) as bundle:
            journal = open_journal(SQLiteFile(f"sqlite:///{store}", str(store)), "write", "normal")
            try:
                with journal.telling("unpack the bundle"):
                    _fill(journal, bundle)
            finally:
                journal.close()
            _say_where_it_begins(store, bundle.manifest)
    except OSError as error:
        raise JournalError(f"{path}: cannot be unpacked into {folder} ({error.strerror or error})") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return store


def _fill(journal: Journal, bundle: Bundle) -> None:
    manifest = bundle.manifest
    for page in _pages(_rows(bundle)):
        journal.rows.insert_rows(page, ())
    for name in bundle.parts:
        if name.startswith(RAWS):
            raw = bundle.part(name)
            (kept,) = packed([raw])
            if kept[0].hex() != name.removeprefix(RAWS):
                raise bundle.broken(f"{name} is not the reply whose digest it is named after")
            journal.rows.insert_raws([kept])
    if SNAPSHOT in bundle.parts:
        try:
            saved = msgspec.json.decode(bundle.part(SNAPSHOT), type=SavedFold)
            state, digest = base64.b64decode(saved.state, validate=True), bytes.fromhex(saved.digest)
        except ValueError as error:
            raise bundle.broken(f"{SNAPSHOT}: {error}") from error
        if (saved.position, saved.digest) != (manifest.first - 1, manifest.previous):
            raise bundle.broken(f"{SNAPSHOT} is not of the event before the first")
        plain, own = encode_snapshot(manifest.account, Snapshot(saved.position, digest, saved.fold_version, state))
        stored = StoredEvent(manifest.account, saved.position, SNAPSHOT_NAME, journal.sealing.seal(plain, own))
        journal.snapshot_rows.replace(stored, kept_max=1)


def _rows(bundle: Bundle) -> Iterator[Row]:
    """The events as they were stored. Whether they chain is for `verify` to say."""
    manifest = bundle.manifest
    expected = manifest.first
    for line in bundle.lines():
        if (line.account, line.position) != (manifest.account, expected):
            raise bundle.broken(f"{JOURNAL}: {line.account} {line.position} stands where {expected} must")
        if expected == manifest.first and line.previous != manifest.previous:
            raise bundle.broken(f"{JOURNAL}: does not begin behind the digest of the manifest")
        try:
            digest = bytes.fromhex(line.digest)
            state = frame(base64.b64decode(line.state, validate=True), digest)
        except ValueError as error:
            raise bundle.broken(f"{JOURNAL}: event {expected}: {error}") from error
        if len(digest) != 32:
            raise bundle.broken(f"{JOURNAL}: event {expected}: its digest is not 64 hexadecimal digits")
        yield line.account, line.position, line.name, state
        expected += 1
    if expected != manifest.last + 1:
        raise bundle.broken(f"{JOURNAL}: ends at {expected - 1}, and the manifest says {manifest.last}")


def _pages(rows: Iterator[_T]) -> Iterator[list[_T]]:
    page: list[_T] = []
    for row in rows:
        page.append(row)
        if len(page) >= _PAGE:
            yield page
            page = []
    if page:
        yield page


def _say_where_it_begins(store: Path, manifest: Manifest) -> None:
    """An excerpt is a journal that goes on from one that is not here: an archive without a file."""
    if manifest.first == 1:
        return
    decided = manifest.versions.get("decided")
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute(ARCHIVED_TABLE)
        connection.execute(
            "INSERT INTO archived VALUES (?,?,?,?,?)",
            (manifest.account, manifest.first - 1, bytes.fromhex(manifest.previous), f"{EXCERPT}{decided}", 0),
        )
        connection.execute(f"PRAGMA user_version={LAYOUT_ARCHIVED}")
