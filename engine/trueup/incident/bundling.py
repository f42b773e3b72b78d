"""How does an incident leave this house in one file that stands by itself?

The events with their chain, what the fold was before the first of them, the raw replies that they cite, a page for
people, and a manifest with the SHA-256 of every part. `trueup.journal.bundles` reads it again.
"""

from __future__ import annotations

import base64
import platform
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from trueup.decisions import Decision
from trueup.errors import InputError
from trueup.facts import Fact, WriterClaimed
from trueup.incident.exporting import ExportedEvent, exported, whole_file
from trueup.incident.report import report
from trueup.incident.secrets import secret_in
from trueup.journal import GENESIS, JournalReader
from trueup.journal.bundles import FORMAT, JOURNAL, MANIFEST, RAWS, SNAPSHOT, Manifest, Part, SavedFold
from trueup.journal.raw import CITING
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION, State
from trueup.replay.telling import plainly
from trueup.storage import rehydrate

AROUND_EVENTS: Final = 50
"""How many events before and after a break or correction belong to its story."""
SECRETS_NAMED_MAX: Final = 5
_IDS: Final = ("breaks", "compensates")
"""Fields that hold ids and are not called so."""
_PAGE: Final = 5_000
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every part: a bundle of the same events is the same file."""


class Bundled(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    account: str
    file: str
    first: int
    last: int
    digest: str
    """Of the last event."""
    raws: int
    raws_missing: int
    """Cited, and not kept in the store: lost to a crash, pruned, or never needed."""
    withheld: int
    """Raw replies left out because they hold what looks like a secret."""
    bytes: int
    sha256: str
    """Of the bundle itself."""


def around(reader: JournalReader, identity: str) -> tuple[int, int]:
    """The first and last position of the story of a break, a correction, or whatever else has an id: an order, an
    execution, an action. Raises InputError where nobody knows it."""
    events = reader.read(after=reader.begins_after)
    places = [recorded.position for recorded in events if _names(plainly(recorded.event), identity)]
    if not places:
        raise InputError(
            f"{reader.account}: no event names {identity!r}; `trueup breaks` and `audit --json` show ids of breaks and "
            "corrections"
        )
    head = reader.head().position
    return max(reader.begins_after + 1, places[0] - AROUND_EVENTS), min(head, places[-1] + AROUND_EVENTS)


def _names(value: object, identity: str, field: str = "") -> bool:
    """Whether a told event holds that id, under `id`, `break_id`, `execution_id`, `breaks`, whatever its class."""
    if isinstance(value, dict):
        return any(_names(one, identity, str(name)) for name, one in cast("dict[str, object]", value).items())
    if isinstance(value, list):
        return any(_names(one, identity, field) for one in cast("list[object]", value))
    return value == identity and (field.endswith("id") or field in _IDS)


def aligned(reader: JournalReader, first: int, last: int) -> tuple[int, int]:
    """The range, widened to whole turns: it begins with an input and ends with the last decision of one."""
    event = reader.event(first)
    if isinstance(event, Decision):
        first = max(reader.begins_after + 1, event.cause)
    for recorded in reader.read(after=last):
        if isinstance(recorded.event, Fact):
            break
        last = recorded.position
    return first, last


def write_bundle(reader: JournalReader, path: Path, *, first: int, last: int, with_secrets: bool = False) -> Bundled:
    """Write the events from `first` to `last` as a bundle at `path`, replacing what is there, whole or not at all.

    with_secrets   write it although there is what looks like a secret in it: events cannot be changed, the chain is
                   over every byte of them; raw replies can be left out, and are unless this is said

    Raises InputError where events hold what looks like a secret, TrueupError where it cannot be written, JournalError.
    """
    first, last = aligned(reader, first, last)
    before = rehydrate(reader.account, reader, upto=first - 1) if first > 1 else State(account=reader.account)
    if not with_secrets:
        _require_no_secrets(reader, first, last)
    with whole_file(path) as file:
        made = _Writing(file)
        counts = made.write(reader, before, first, last, with_secrets=with_secrets)
    with path.open("rb") as written:
        digest = file_digest(written, "sha256").hexdigest()
    manifest = made.manifest
    return Bundled(
        account=manifest.account,
        file=str(path),
        first=first,
        last=last,
        digest=manifest.digest,
        raws=counts[0],
        raws_missing=counts[1],
        withheld=len(manifest.withheld),
        bytes=path.stat().st_size,
        sha256=digest,
    )


def _require_no_secrets(reader: JournalReader, first: int, last: int) -> None:
    found: list[str] = []
    for event in exported(reader, after=first - 1, upto=last):
        what = secret_in(msgspec.json.encode(event.body).decode())
        if what is not None:
            found.append(f"event {event.position} ({event.name}) holds what looks like {what}")
        if len(found) >= SECRETS_NAMED_MAX:
            break
    if found:
        raise InputError(
            f"{reader.account}: {'; '.join(found)}. Events cannot be changed, because every byte of them is chained. "
            "Take another range, change that secret where it is used, or say --with-secrets"
        )


class _Writing:
    """One bundle being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._parts: list[Part] = []
        self.manifest = Manifest(format="", account="", first=1, last=1, previous="", digest="", versions={})

    def write(
        self, reader: JournalReader, before: State, first: int, last: int, *, with_secrets: bool
    ) -> tuple[int, int]:
        """All of it; how many raw replies are in it, and how many are not kept."""
        ends: list[ExportedEvent] = []
        cited: dict[bytes, None] = {}
        heading = [f"{reader.account}: events {first} to {last}", f"written by trueup {version('trueup')}"]
        page, after = report(before, reader.read(after=first - 1, upto=last), heading=heading)
        with zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED) as self._zip:
            self._add("readme.txt", [_README.encode()])
            self._add("report.txt", (line.encode() + b"\n" for line in page))
            self._add("policy.json", [_policies(before, after)])
            if first > 1:
                self._add(SNAPSHOT, [_saved(reader, before)])
            self._add(JOURNAL, _lines(exported(reader, after=first - 1, upto=last), ends, cited))
            kept, missing, withheld = 0, 0, list[str]()
            for digest in sorted(cited):
                raw = reader.raw(digest)
                if raw is None:
                    missing += 1
                elif not with_secrets and secret_in(raw.decode("latin-1")) is not None:
                    withheld.append(digest.hex())
                else:
                    kept += 1
                    self._add(RAWS + digest.hex(), [raw])
            self.manifest = Manifest(
                format=FORMAT,
                account=reader.account,
                first=first,
                last=last,
                previous=ends[0].previous,
                digest=ends[-1].digest,
                versions=_versions(reader, first),
                withheld=tuple(withheld),
                parts=tuple(self._parts),
            )
            self._add(MANIFEST, [msgspec.json.format(msgspec.json.encode(self.manifest)) + b"\n"])
        return kept, missing

    def _add(self, name: str, pieces: Iterable[bytes]) -> None:
        info = zipfile.ZipInfo(name, _EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        info.create_system = 3
        size, digest = 0, sha256()
        with self._zip.open(info, "w", force_zip64=True) as stream:
            for piece in pieces:
                stream.write(piece)
                size += len(piece)
                digest.update(piece)
        self._parts.append(Part(name, size, digest.hexdigest()))


def _decided(reader: JournalReader, first: int) -> int:
    """The version of the decider in whose epoch the first event lies, looked for backwards."""
    upto = first - 1
    while upto > reader.begins_after:
        after = max(reader.begins_after, upto - _PAGE)
        claims = [one.event for one in reader.read(after=after, upto=upto) if isinstance(one.event, WriterClaimed)]
        if claims:
            return claims[-1].decider_version
        upto = after
    return reader.decider_before or 0


def _versions(reader: JournalReader, first: int) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "trueup": version("trueup"),
        "python": platform.python_version(),
        "decider": DECIDER_VERSION,
        "fold": FOLD_VERSION,
    }
    return found if first == 1 else {**found, "decided": _decided(reader, first)}


def _lines(events: Iterable[ExportedEvent], ends: list[ExportedEvent], cited: dict[bytes, None]) -> Iterator[bytes]:
    """The events as lines; notes the first and last of them, and which raw replies they cite."""
    for event in events:
        digest = (event.body or {}).get("raw_digest") if event.name in CITING else None
        if digest:
            cited[bytes.fromhex(digest)] = None
        ends[1:] = [event] if ends else []
        if not ends:
            ends.append(event)
        yield msgspec.json.encode(event) + b"\n"


def _policies(before: State, after: State) -> bytes:
    """The policy in force before the first event, where there was one, and after the last."""
    both = {"before": plainly(before.policy) if before.policy_mark else None, "after": plainly(after.policy)}
    return msgspec.json.format(msgspec.json.encode(both)) + b"\n"


def _saved(reader: JournalReader, before: State) -> bytes:
    digest = reader.digest_at(before.position) or GENESIS
    state = base64.b64encode(save(before)).decode()
    return msgspec.json.encode(SavedFold(before.position, digest.hex(), FOLD_VERSION, state))


_README: Final = """\
This is a bundle of evidence that `trueup export --bundle` wrote.

report.txt     what happened, for people
journal.jsonl  every event, one a line, with the digest that binds it to the one before it
raw/           what the broker answered, byte for byte, under its SHA-256
policy.json    the rules that were in force, in words
snapshot.json  where the first event is not the journal's first: what was known before it
manifest.json  the SHA-256 of each of these

With trueup:     trueup verify --store bundle:///FILE.zip     and so positions, breaks, audit, replay
Without it:      journal.jsonl alone is enough to recompute the chain: `state` is base64 of the bytes of an event, and
                 digest = SHA-256(len|previous|len|account|position|len|name|len|state), every len and the position
                 being 8 bytes, big-endian. Only `state` is chained; `body` says the same in words.
"""
