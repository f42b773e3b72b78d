"""`trueup export`: how does a journal leave this house, for analysis or as evidence?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec
import typer

from trueup.errors import InputError
from trueup.incident import around, exported, whole_file, write_bundle, write_jsonl, write_parquet
from trueup.journal import JournalReader, accounts
from trueup_adapters.cli.exits import DONE, CouldNot
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, say
from trueup_adapters.cli.stores import reading


class ExportWritten(msgspec.Struct, frozen=True):
    """One account's events in one file."""

    account: str
    file: str
    first: int
    last: int
    digest: str
    """Of the last event: what `trueup head` would have said then."""


def export(
    store: Store,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="A file, a folder (a file for each account), or `-`."),
    ] = None,
    account: Account = None,
    form: Annotated[
        Literal["jsonl", "parquet"], typer.Option("--format", help="Lines of JSON, or a Parquet file.")
    ] = "jsonl",
    first: Annotated[
        int | None, typer.Option("--from", metavar="P", min=1, help="The first position; without it the first of all.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", metavar="P", min=1, help="The last position; without it the journal's end.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="Or one zip file that stands by itself as evidence.")
    ] = None,
    story: Annotated[
        str | None,
        typer.Option("--around", metavar="ID", help="Only the story of this break, correction, order or fill."),
    ] = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Bundle it although it holds what looks like a secret.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Every event with its digest and its very bytes, so that anybody can check the chain from the export alone."""
    if (out is None) == (bundle is None):
        raise InputError("where to? Give --out FILE, a folder, or - for standard output; or --bundle FILE")
    if story is not None and (first is not None or last is not None):
        raise InputError("--around and --from, --to both say which events; give one of them")
    if bundle is not None or out is None:
        return _bundle(store, account, Path(bundle or ""), (story, first, last), with_secrets, as_json)
    if with_secrets or story is not None:
        raise InputError("--around and --with-secrets are of --bundle; an export holds every event as it is")
    if out == "-":
        if as_json:
            raise InputError("--out - and --json both mean standard output; give one of them")
        with reading(store, account) as reader:
            _write(reader, sys.stdout.buffer, form, first, last)
        sys.stdout.buffer.flush()
        return DONE
    folder = Path(out) if out.endswith("/") or Path(out).is_dir() else None
    wanted = [account] if folder is None or account is not None else accounts(store)
    written = [_one(store, name, folder, Path(out), form, first, last) for name in wanted]
    if as_json:
        give(written)
    else:
        for one in written:
            say(f"{one.account}: events {one.first} to {one.last} are in {one.file}; the last digest is {one.digest}")
    return DONE


def _bundle(
    store: str,
    account: str | None,
    path: Path,
    which: tuple[str | None, int | None, int | None],
    with_secrets: bool,
    as_json: bool,
) -> int:
    story, first, last = which
    with reading(store, account) as reader, busy(f"bundling {reader.account}"):
        begin, end = span(reader, first, last) if story is None else around(reader, story)
        made = write_bundle(reader, path, first=begin, last=end, with_secrets=with_secrets)
    if as_json:
        give(made)
        return DONE
    say(f"{made.account}: events {made.first} to {made.last} are in {made.file}, with {made.raws} raw replies", "green")
    if made.withheld:
        say(f"{made.withheld} raw replies hold what looks like a secret, and were left out", "yellow")
    if made.raws_missing:
        why = "those of unchanged answers are not kept, nor those lost to a crash"
        say(f"{made.raws_missing} raw replies that events cite are not in the store: {why}")
    say(f"its SHA-256 is {made.sha256}; read it with --store bundle:///{made.file}")
    return DONE


def _one(
    store: str, account: str | None, folder: Path | None, out: Path, form: str, first: int | None, last: int | None
) -> ExportWritten:
    with reading(store, account) as reader:
        path = out if folder is None else folder / f"{reader.account.replace(':', '=')}.{form}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CouldNot(f"{path.parent}: the folder cannot be made: {error.strerror or error}") from error
        with busy(f"exporting {reader.account}"), whole_file(path) as file:
            begin, end = _write(reader, file, form, first, last)
        digest = reader.digest_at(end)
        return ExportWritten(reader.account, str(path), begin, end, "" if digest is None else digest.hex())


def _write(reader: JournalReader, file: BinaryIO, form: str, first: int | None, last: int | None) -> tuple[int, int]:
    begin, end = span(reader, first, last)
    events = exported(reader, after=begin - 1, upto=end)
    (write_parquet if form == "parquet" else write_jsonl)(events, file)
    return begin, end


def span(reader: JournalReader, first: int | None, last: int | None) -> tuple[int, int]:
    """The first and last position that are meant. Raises InputError where the journal does not have them."""
    begins, head = reader.begins_after + 1, reader.head().position
    begin, end = first or begins, last or head
    if head < begins:
        raise InputError(f"{reader.account}: the journal is empty")
    if not begins <= begin <= end <= head:
        raise InputError(f"{reader.account}: has events {begins} to {head}, and {begin} to {end} were asked for")
    return begin, end
