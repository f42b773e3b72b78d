"""Which rights does a role need, and is what it lacks said clearly?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from journal.databases import PostgresStore
from journal.samples import ACCOUNT, OTHER, fill, fills, item
from trueup.errors import InputError, JournalError, StoreUrlError
from trueup.journal import Snapshot, accounts, open_inbox, open_reader, open_writer, store_user, verify


class Role:
    """A role without any rights but those that a test grants."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.name = f"{store.schema}_role"
        self.url = store.url.replace("trueup@", f"{self.name}@")
        assert self.url != store.url
        self._run(f"CREATE ROLE {self.name} LOGIN")

    def may(self, *rights: str) -> None:
        """Each like `SELECT, INSERT ON ALL TABLES IN SCHEMA`; the schema's name is added."""
        for right in rights:
            self._run(f"GRANT {right} {self._store.schema} TO {self.name}")

    def drop(self) -> None:
        self._run(f"DROP OWNED BY {self.name}", f"DROP ROLE {self.name}")

    def _run(self, *statements: str) -> None:
        with closing(self._store.connect()) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture
def role(postgres: PostgresStore) -> Iterator[Role]:
    one = Role(postgres)
    yield one
    one.drop()


def test_who_an_operator_is_is_what_the_server_authenticated(postgres: PostgresStore, role: Role) -> None:
    """Whoever the session is of, and no environment variable; a store need not be there yet."""
    assert store_user(role.url) == role.name
    with pytest.raises(JournalError, match="could not ask who we are"):
        store_user(role.url.replace(f"{role.name}@", "nobody_of_that_name@"))


WRITER = ("USAGE ON SCHEMA", "SELECT, INSERT ON ALL TABLES IN SCHEMA", "USAGE ON ALL SEQUENCES IN SCHEMA")


def test_a_role_that_may_only_insert_and_select_is_a_whole_writer(postgres: PostgresStore, role: Role) -> None:
    open_writer(postgres.url, ACCOUNT).close()  # its owner makes the store, once
    role.may(*WRITER)
    with open_writer(role.url, ACCOUNT) as writer, open_inbox(role.url, ACCOUNT) as inbox:
        for n in (1, 2, 3):
            head = writer.append([fill(n)])
            writer.save_snapshot(Snapshot(head.position, head.digest, 1, b"state"))
            writer.save_snapshot(Snapshot(head.position, head.digest, 1, b"again"))
        writer.keep_raws([])
        inbox.put(item(1))
        assert writer.changed()
        writer.maintain()
        assert writer.size_bytes() > 0
        snapshot = writer.snapshot(fold_version=1)
        assert snapshot is not None
        assert snapshot.state == b"state"  # it may not replace the first one
        with open_reader(role.url, ACCOUNT) as reader:
            assert [recorded.event for recorded in reader.read()] == fills(1, 3)
    assert verify(role.url, ACCOUNT).ok
    assert accounts(role.url) == [ACCOUNT]
    for statement in ("UPDATE stored_events SET topic = 'x'", "DELETE FROM stored_events", "TRUNCATE stored_events"):
        with closing(psycopg.connect(postgres.server.replace("trueup@", f"{role.name}@"), autocommit=True)) as own:
            own.execute(f"SET search_path = {postgres.schema}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement.encode())


def test_a_role_that_may_only_select_reads_and_verifies(postgres: PostgresStore, role: Role) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
    role.may("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA")
    with open_reader(role.url, ACCOUNT) as reader:
        assert reader.head().position == 2
        assert not reader.changed()
    assert verify(role.url, ACCOUNT).ok
    with (
        open_writer(role.url, OTHER) as writer,
        pytest.raises(JournalError, match=r"not allowed to .*permission denied"),
    ):
        writer.append(fills(1, 1))


def test_a_role_without_rights_is_told_so(postgres: PostgresStore, role: Role) -> None:
    with pytest.raises(JournalError, match="could not open it: this role is not allowed to"):
        open_writer(role.url, ACCOUNT)  # there is nothing, and it may not make it
    with pytest.raises(InputError, match="there is no journal in schema"):
        open_reader(role.url, ACCOUNT)
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
    for opener in (open_reader, open_writer, open_inbox):
        with pytest.raises((JournalError, InputError), match=r"not allowed|no journal|permission"):
            opener(role.url, ACCOUNT)


def test_the_database_itself_refuses_its_owner_to_change_events(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
    taken = "INSERT INTO stored_events VALUES ('mt5:5001', 1, 'x', '') ON CONFLICT (originator_id, originator_version)"
    with closing(postgres.connect()) as owner:
        for statement in (
            "UPDATE stored_events SET topic = 'x'",
            "DELETE FROM stored_events",
            "TRUNCATE stored_events",
            f"{taken} DO UPDATE SET topic = 'x'",
        ):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="stored events are never changed"):
                owner.execute(statement.encode())
    assert verify(postgres.url, ACCOUNT).ok


def test_a_schema_of_something_else_and_a_newer_layout_are_refused(postgres: PostgresStore) -> None:
    with closing(postgres.connect()) as owner:
        owner.execute(f"CREATE SCHEMA {postgres.schema}".encode())
        owner.execute(b"CREATE TABLE stored_events (originator_id uuid)")
        with pytest.raises(StoreUrlError, match="events of something else"):
            open_writer(postgres.url, ACCOUNT)
        owner.execute(b"DROP TABLE stored_events")
        open_writer(postgres.url, ACCOUNT).close()
        owner.execute(b"COMMENT ON TABLE raw_replies IS 'trueup journal, layout 2'")
        for opener in (open_writer, open_reader, open_inbox):
            with pytest.raises(JournalError, match="newer trueup"):
                opener(postgres.url, ACCOUNT)


def test_no_error_of_a_server_repeats_a_password(postgres: PostgresStore) -> None:
    for url in (
        "postgresql://ada:hunter2@127.0.0.1:1/db",
        postgres.server.replace("trueup@", "nobody:hunter2@"),
        postgres.server.replace("/postgres?", "/nowhere?password=hunter2&"),
    ):
        with pytest.raises(JournalError) as raised:
            open_writer(url, ACCOUNT)
        said: BaseException | None = raised.value
        while said is not None:
            assert "hunter2" not in str(said)
            said = said.__cause__


def test_durability_is_what_was_asked_for(postgres: PostgresStore) -> None:
    for durability, expected in (("full", "on"), ("normal", "local")):
        with open_writer(postgres.url, ACCOUNT, durability=durability) as writer:  # type: ignore[arg-type]
            connection = writer._journal.rows.datastore.session._connection  # type: ignore[attr-defined]
            assert connection.execute("SHOW synchronous_commit").fetchone() == {"synchronous_commit": expected}
            assert connection.execute("SHOW search_path").fetchone() == {"search_path": "pg_catalog"}
