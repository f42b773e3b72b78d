"""How is every event written out so that anybody can read it, and check the chain without any of our code?

One line of JSON an event, or one row of a Parquet file. `state` holds the very bytes that the digest is over, `body`
the same in words. The digest follows from `previous`, account, position, name and state alone (see `journal.chain`).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from trueup.errors import TrueupError
from trueup.events import decode
from trueup.facts import Fact
from trueup.journal import GENESIS, JournalReader, Sealed
from trueup.replay.telling import plainly
from trueup.report import iso

PARQUET_ROWS: Final = 5_000
"""Rows of one batch: what is held in memory at most."""


class ExportedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, with all that its digest follows from."""

    account: str
    position: int
    name: str
    at: str | None
    """When its input reached us, ISO 8601, UTC, to the microsecond; None where this version cannot read the event."""
    previous: str
    """The digest before it, hex; of the first event of a journal 64 zeros."""
    digest: str
    body: dict[str, Any] | None
    """Its fields by name; None where this version cannot read it."""
    state: str
    """Base64 of the plain state."""


def exported(reader: JournalReader, *, after: int = 0, upto: int | None = None) -> Iterator[ExportedEvent]:
    """The events of a journal from `after` + 1 to `upto`, in order. Raises JournalCorrupt, JournalError as `read`."""
    previous = reader.digest_at(after) if after else GENESIS
    assert previous is not None  # whoever asks has looked where the journal ends
    for sealed in reader.sealed(after=after, upto=upto):
        yield _exported(reader.account, previous, sealed)
        previous = sealed.digest


def _exported(account: str, previous: bytes, sealed: Sealed) -> ExportedEvent:
    at, body = _readable(sealed)
    return ExportedEvent(
        account=account,
        position=sealed.position,
        name=sealed.name,
        at=at,
        previous=previous.hex(),
        digest=sealed.digest.hex(),
        body=body,
        state=base64.b64encode(sealed.plain).decode(),
    )


def _readable(sealed: Sealed) -> tuple[str | None, dict[str, Any] | None]:
    """When, and what; nothing of an event that only a newer version can read: its state is handed on as it is."""
    try:
        event = decode(sealed.name, sealed.plain)
    except (KeyError, msgspec.MsgspecError):
        return None, None
    return iso(event.at.at_ns if isinstance(event, Fact) else event.at_ns), plainly(event)


def write_jsonl(events: Iterable[ExportedEvent], file: BinaryIO) -> None:
    """One line an event."""
    encode = msgspec.json.Encoder(decimal_format="string").encode
    for event in events:
        file.write(encode(event) + b"\n")


def write_parquet(events: Iterable[ExportedEvent], file: BinaryIO) -> None:
    """One row an event: digests and state as bytes, the body as JSON text.

    Raises TrueupError where `trueup[parquet]` is not installed.
    """
    try:
        arrow: Any = import_module("pyarrow")  # it has no types of its own
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise TrueupError(f'writing Parquet needs pyarrow ({error}); pip install "trueup[parquet]"') from error
    kinds: dict[str, Any] = {
        "account": arrow.string(),
        "position": arrow.int64(),
        "name": arrow.string(),
        "at": arrow.string(),
        "previous": arrow.binary(),
        "digest": arrow.binary(),
        "body": arrow.string(),
        "state": arrow.binary(),
    }
    schema = arrow.schema(list(kinds.items()))
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(events):
            writer.write_table(arrow.Table.from_pylist(batch, schema=schema))


def _batches(events: Iterable[ExportedEvent]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for event in events:
        row = msgspec.structs.asdict(event)
        row["previous"], row["digest"] = bytes.fromhex(event.previous), bytes.fromhex(event.digest)
        row["state"] = base64.b64decode(event.state)
        row["body"] = None if event.body is None else msgspec.json.encode(event.body).decode()
        batch.append(row)
        if len(batch) >= PARQUET_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def whole_file(path: Path) -> Generator[BinaryIO]:
    """A file that appears under its name only when it is whole: half an export would be taken for a journal.

    Raises TrueupError where it cannot be written.
    """
    draft = path.with_name(path.name + ".draft")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        raise TrueupError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
