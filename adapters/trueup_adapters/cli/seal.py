"""`trueup verify` and `head`: is what stands in the journal what was written (law 8)?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from msgspec.structs import replace

from trueup.errors import InputError, JournalCorrupt
from trueup.journal import Head, Recorded, accounts, new_key, open_reader, require_signature, sign_head
from trueup.journal import verify as verify_journal
from trueup.model import account_of
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION, State
from trueup_adapters.cli.exits import DONE, FOUND, CouldNot
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, note, say, table
from trueup_adapters.cli.stores import account_in, reading

HEAD_BYTES_MAX: Final = 10_000


class ExportedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a journal ended, to be kept where its writer cannot reach."""

    account: str
    position: int
    digest: str
    """64 hexadecimal digits."""
    signature: str | None = None
    """Ed25519 over `trueup.journal.signed_bytes`, 128 hexadecimal digits; None: not signed."""
    key: str | None = None
    """SHA-256 of the public key that fits it; a hint, no proof."""


class HeadShown(msgspec.Struct, frozen=True):
    """The last event up to which everything chains."""

    position: int
    digest: str


class FaultShown(msgspec.Struct, frozen=True):
    """One thing that is not as it was written."""

    position: int
    why: str


class Verified(msgspec.Struct, frozen=True):
    """What `verify` found."""

    ok: bool
    events: int
    head: HeadShown
    faults: tuple[FaultShown, ...]
    raw_missing: int
    """Raw replies lost to a crash or pruned: no fault."""


def verify(
    store: Store,
    account: Account = None,
    head: Annotated[
        Path | None,
        typer.Option("--head", metavar="FILE", help="One that `trueup head` wrote: finds a cut tail, a new history."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The public key, PEM, that the head must be signed with."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Recompute the whole journal: every gap, edit, splice and reorder shows. 1 where something does."""
    if key is not None and head is None:
        raise InputError("--key says who must have signed a head; give that head with --head")
    given = None if head is None else read_head(head)
    name = _whose(store, account or (None if given is None else given.account))
    exported = None if head is None else head_of(head, name)

    folded = State(account=name)

    def refold(recorded: Iterable[Recorded], upto: int) -> bytes:
        nonlocal folded
        if folded.position > upto:
            folded = State(account=name)
        after = folded.position  # from our own fold up to the snapshot before: sixteen of them are no sixteen folds
        folded = fold(folded, ((one.position, one.event) for one in recorded if one.position > after))
        return save(folded)

    with busy(f"recomputing the journal of {name}"):
        found = verify_journal(store, name, head=exported, refold=refold, fold_version=FOLD_VERSION)
    faults = [FaultShown(fault.position, fault.why) for fault in found.faults]
    if key is not None and given is not None and exported is not None:
        signature = None if given.signature is None else bytes.fromhex(given.signature)
        if (why := require_signature(given.account, exported, signature, key)) is not None:
            faults.append(FaultShown(given.position, why))
    shown = Verified(
        not faults,
        found.events,
        HeadShown(found.head.position, found.head.digest.hex()),
        tuple(faults),
        found.raw_missing,
    )
    if as_json:
        give(shown)
    else:
        _for_people(name, shown, against=given)
        if given is not None and given.signature is not None and key is None:
            note("the head is signed, and nobody looked by whom; --key FILE does")
    return DONE if shown.ok else FOUND


def _whose(store: str, account: str | None) -> str:
    """The account that is meant. One event that was moved under another name makes no second account: it is a fault
    to be found, and no reason to ask which of the two is meant (law 8)."""
    try:
        return account_in(store, account)
    except InputError:
        if account is not None:
            raise
        named = [name for name in accounts(store) if _is_account(name)]
        begun = [name for name in named if _begins(store, name)] or named
        if len(begun) != 1:
            raise
        return begun[0]


def _is_account(name: str) -> bool:
    try:
        account_of(name)
    except InputError:
        return False
    return True


def _begins(store: str, name: str) -> bool:
    """Whether a journal begins under this name."""
    with open_reader(store, name) as reader:
        first = reader.begins_after
        try:
            return any(reader.read(after=first, upto=first + 1))
        except JournalCorrupt:
            return False


def _for_people(name: str, shown: Verified, *, against: ExportedHead | None) -> None:
    if shown.faults:
        table(("position", "why"), ((str(one.position), one.why) for one in shown.faults), right=("position",))
        say(
            f"{name}: {len(shown.faults)} faults in {shown.events:,} events; whole up to {shown.head.position}",
            "bold red",
        )
        return
    what = "" if against is None else f", and stand behind the head of {against.position} that was given"
    say(f"{name}: {shown.events:,} events are as they were written{what}; head {shown.head.digest[:16]}", "green")
    if shown.raw_missing:
        say(f"{shown.raw_missing} raw replies are not kept (lost to a crash, or pruned); no event depends on them")


def head(
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Where the journal is; not needed for --new-key.")
    ] = None,
    account: Account = None,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead.")] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="FILE", help="Sign it with this private key, Ed25519 in PEM.")
    ] = None,
    new: Annotated[
        Path | None,
        typer.Option(
            "--new-key", metavar="FILE", help="Make a key pair instead: FILE to sign with, FILE.pub to check."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Where the journal ends, as JSON: keep it elsewhere, and `trueup verify --head` finds what was cut since."""
    if new is not None:
        return _made_key(new, as_json)
    if store is None:
        raise InputError("which journal's head? Give --store")
    with reading(store, account) as reader:
        end = reader.head()
        exported = ExportedHead(reader.account, end.position, end.digest.hex())
    if sign is not None:
        signature, key = sign_head(exported.account, end, sign)
        exported = replace(exported, signature=signature.hex(), key=key)
    if file is None:
        give(exported)
        return DONE
    _write(file, msgspec.json.encode(exported) + b"\n")
    if as_json:
        give(exported)
    else:
        how = "" if exported.key is None else f", signed with the key {exported.key[:16]}"
        say(f"{exported.account}: the head at {exported.position} is in {file}{how}", "green")
    return DONE


class KeyMade(msgspec.Struct, frozen=True):
    """A new key pair."""

    private: str
    public: str
    key: str
    """SHA-256 of the public key."""


def _made_key(path: Path, as_json: bool) -> int:
    public, key = new_key(path)
    if as_json:
        give(KeyMade(str(path), str(public), key))
        return DONE
    say(f"{path} signs, and belongs to whoever may speak for the journal; keep it where its writer cannot read it")
    say(f"{public} checks, and may be given to anybody; its fingerprint is {key}")
    return DONE


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all: half a head would accuse a good journal."""
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_bytes(body)
        os.replace(draft, path)
    except OSError as error:
        raise CouldNot(f"{path}: cannot be written: {error.strerror or error}") from error


def head_of(path: Path, account: str | None) -> Head:
    """The head in a file that `trueup head` wrote. Raises InputError when it is another account's."""
    given = read_head(path)
    if account is not None and given.account != account:
        raise InputError(f"{path} is the head of {given.account}, not of {account}; give the one of {account}")
    return Head(given.position, bytes.fromhex(given.digest))


def read_head(path: Path) -> ExportedHead:
    """What `trueup head` wrote. Raises CouldNot."""
    try:
        with path.open("rb") as file:
            raw = file.read(HEAD_BYTES_MAX)
        exported = msgspec.json.decode(raw, type=ExportedHead)
        account_of(exported.account)
        if exported.position < 0 or len(bytes.fromhex(exported.digest)) != 32:
            raise ValueError("its digest is not 64 hexadecimal digits")
        if exported.signature is not None and len(bytes.fromhex(exported.signature)) != 64:
            raise ValueError("its signature is not 128 hexadecimal digits")
    except OSError as error:
        raise CouldNot(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, InputError) as error:  # msgspec's own are ValueErrors
        raise CouldNot(f"{path}: is no head that `trueup head` wrote: {error}") from error
    return exported
