"""Where does everything that happened stand, for ever and in one order?

The only package that imports the event-sourcing library, and nothing outside it knows which database is used.
Read in this order: `chain` digests · `items` and `mapper` events to bytes · `snapshots` · `raw` kept replies ·
`backend` what a database must offer · `lock` one writer · `files`, `sqlite_errors`, `sqlite_connection`, `sqlite` the
one that does in a file · `postgres_errors`, `postgres_session`, `postgres_tables`, `postgres`, `postgres_view`,
`postgres_url` the one that does on a server · `urls` which store · `users` who uses it · `application` the library's
application · `reader` · `heads` what was exported · `store` append · `inbox` for everybody else · `verify` · `follow`
for read models · `backups`, `archiving`, `bundles` copies, archives, evidence.
"""

from trueup.journal.archiving import Archived, archive
from trueup.journal.backend import Durability
from trueup.journal.backups import backup
from trueup.journal.chain import GENESIS, Head
from trueup.journal.follow import Followed, Follower, Overtaken, Page, TrackedFile, open_follower, path_of_store
from trueup.journal.heads import new_key, require_head, require_signature, sign_head, signed_bytes
from trueup.journal.inbox import Inbox, open_inbox
from trueup.journal.items import InboxItem
from trueup.journal.reader import JournalReader, Recorded, Sealed
from trueup.journal.snapshots import Snapshot
from trueup.journal.store import (
    JournalWriter,
    accounts,
    open_reader,
    open_writer,
)
from trueup.journal.users import store_user, system_user
from trueup.journal.verify import Fault, VerifyReport, verify

__all__ = [
    "GENESIS",
    "Archived",
    "Durability",
    "Fault",
    "Followed",
    "Follower",
    "Head",
    "Inbox",
    "InboxItem",
    "JournalReader",
    "JournalWriter",
    "Overtaken",
    "Page",
    "Recorded",
    "Sealed",
    "Snapshot",
    "TrackedFile",
    "VerifyReport",
    "accounts",
    "archive",
    "backup",
    "new_key",
    "open_follower",
    "open_inbox",
    "open_reader",
    "open_writer",
    "path_of_store",
    "require_head",
    "require_signature",
    "sign_head",
    "signed_bytes",
    "store_user",
    "system_user",
    "verify",
]
