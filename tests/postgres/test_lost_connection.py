"""What becomes of a writer, and of an append without an answer, when its connection to the server is lost?"""

from __future__ import annotations

import os
import socket
from contextlib import closing
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from journal.databases import PostgresStore
from journal.samples import ACCOUNT, fill, fills, item, observed
from trueup.errors import JournalError, TenureLost, WriterFenced
from trueup.journal import JournalWriter, open_inbox, open_reader, open_writer, verify
from trueup.journal.postgres import PostgresJournalRecorder
from trueup.journal.postgres_session import Session


def session_of(handle: Any) -> Session:
    session: Session = handle._journal.rows.datastore.session
    return session


def cut(handle: Any, store: PostgresStore) -> None:
    """The server ends this handle's session, as an operator or a failing network box does."""
    connection = session_of(handle)._connection
    assert connection is not None
    with closing(store.connect()) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))


def tear(connection: psycopg.Connection[Any]) -> None:
    """The network between us and the server is gone."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def events(store: PostgresStore) -> list[object]:
    report = verify(store.url, ACCOUNT)
    assert report.ok, report.faults
    with open_reader(store.url, ACCOUNT) as reader:
        return [recorded.event for recorded in reader.read()]


def test_an_append_on_a_lost_connection_fails_at_once_and_the_next_ones_go_on(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        cut(writer, postgres)
        with pytest.raises(JournalError, match="the connection was lost"):
            writer.append(fills(3, 3))
        assert writer.interrupted
        with pytest.raises(TenureLost, match="claim a new epoch"):
            writer.append(fills(3, 3))
        assert writer.resume() is True
        assert writer.interrupted is False
        assert writer.resume() is False
        assert writer.append(fills(3, 4)).position == 4
        with pytest.raises(WriterFenced):
            open_writer(postgres.url, ACCOUNT)
    assert events(postgres) == fills(1, 4)


def test_a_lock_that_went_with_an_idle_connection_is_not_silently_taken_again(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        cut(writer, postgres)
        with pytest.raises(JournalError):
            list(writer.read())
        assert [recorded.position for recorded in writer.read()] == [1, 2]  # reading connects again
        with pytest.raises(TenureLost):  # and has not made us the writer again behind our back
            writer.append(fills(3, 3))
        with pytest.raises(WriterFenced):
            open_writer(postgres.url, ACCOUNT)
        assert writer.resume() is True
        assert writer.append(fills(3, 3)).position == 3
    assert events(postgres) == fills(1, 3)


@pytest.mark.parametrize("stored", [True, False])
def test_law_7_an_unanswered_commit_is_looked_up_by_version_and_digest(
    postgres: PostgresStore, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    real = PostgresJournalRecorder._commit

    def torn(self: PostgresJournalRecorder, connection: psycopg.Connection[Any]) -> None:
        if stored:
            real(self, connection)
        tear(connection)  # whatever the server answers, nobody hears it
        connection.execute("SELECT 1")

    with open_writer(postgres.url, ACCOUNT) as writer:
        before = writer.append(fills(1, 2))
        with monkeypatch.context() as patch:
            patch.setattr(PostgresJournalRecorder, "_commit", torn)
            with pytest.raises(JournalError):
                writer.append([observed(3, b"raw"), fill(4)], raws=[b"raw"])
        assert writer.resume() is True
        head = writer.head()
        assert head.position == (4 if stored else 2)
        assert (head == before) is not stored
        assert (writer.raw(sha256(b"raw").digest()) == b"raw") is stored
        again = [] if stored else [observed(3, b"raw"), fill(4)]
        assert writer.append([*again, fill(5)], raws=[b"raw"]).position == 5
    assert events(postgres) == [*fills(1, 2), observed(3, b"raw"), *fills(4, 5)]


def abandon(writer: JournalWriter) -> psycopg.Connection[Any]:
    """The network has lost our session, and the server has not noticed: it still holds the lock."""
    session = session_of(writer)
    connection, session._connection = session._connection, None
    assert connection is not None
    session._holds, session.interrupted = False, True
    return connection


def test_our_own_dead_session_is_ended_and_never_anothers(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer, open_reader(postgres.url, ACCOUNT) as other:
        writer.append(fills(1, 2))
        with closing(abandon(writer)) as dead:
            assert writer.resume() is True
            with pytest.raises(psycopg.OperationalError):
                dead.execute("SELECT 1")
        assert other.head().position == 2
        assert session_of(other).connections == 1
        assert writer.append(fills(3, 3)).position == 3


def test_law_12_a_lock_that_stays_taken_is_waited_for_so_long_and_no_longer(
    postgres: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        now = [1000.0]
        session_of(writer)._clock = lambda: now[0]
        session_of(writer)._backend = None  # the dead session cannot be told from another's: it is not ended
        with closing(abandon(writer)) as dead:
            with monkeypatch.context() as patch:
                patch.setattr("trueup.journal.postgres_session.RETAKE_S_MAX", 0)
                for seconds in (0, 30, 59):
                    now[0] = 1000.0 + seconds
                    with pytest.raises(JournalError, match="still held, perhaps by our own lost session") as raised:
                        writer.resume()
                    assert not isinstance(raised.value, WriterFenced)
            dead.close()
            assert writer.resume() is True
            assert writer.append(fills(3, 3)).position == 3
        with closing(abandon(writer)):
            session_of(writer)._backend = None
            monkeypatch.setattr("trueup.journal.postgres_session.RETAKE_S_MAX", 0)
            for seconds in (100, 160):
                now[0] = 1000.0 + seconds
                with pytest.raises(WriterFenced if seconds == 160 else JournalError):
                    writer.resume()
            with pytest.raises(WriterFenced, match="for 60 s"):
                writer.append(fills(4, 4))


def test_a_rival_that_holds_the_account_meanwhile_fences_us(postgres: PostgresStore) -> None:
    with open_writer(f"{postgres.url}&lock_wait_s_max=0", ACCOUNT) as writer:
        writer.append(fills(1, 2))
        cut(writer, postgres)
        with open_writer(postgres.url, ACCOUNT) as rival:
            with pytest.raises(JournalError):
                writer.append(fills(3, 3))
            with pytest.raises(WriterFenced, match="after a lost connection"):
                writer.resume()
            assert rival.append(fills(3, 3)).position == 3
        with pytest.raises(WriterFenced):  # once fenced, always fenced
            writer.resume()
    assert events(postgres) == fills(1, 3)


@pytest.mark.parametrize("noticed", ["by an append", "by reading"])
def test_a_rival_that_came_and_went_fences_us(postgres: PostgresStore, noticed: str) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        cut(writer, postgres)
        with open_writer(postgres.url, ACCOUNT) as rival:
            rival.append([fill(33)])
        notice = {"by an append": lambda: writer.append(fills(3, 3)), "by reading": lambda: list(writer.read())}
        with pytest.raises(JournalError):
            notice[noticed]()
        with pytest.raises(WriterFenced, match="ends at 3"):
            writer.resume()
        with pytest.raises(WriterFenced):
            writer.append(fills(3, 3))
    assert events(postgres) == [*fills(1, 2), fill(33)]


def test_readers_and_inboxes_connect_again_by_themselves(postgres: PostgresStore) -> None:
    with (
        open_writer(postgres.url, ACCOUNT) as writer,
        open_reader(postgres.url, ACCOUNT) as reader,
        open_inbox(postgres.url, ACCOUNT) as inbox,
    ):
        writer.append(fills(1, 2))
        inbox.put(item(1))
        assert [reader.changed(), reader.changed()] == [True, False]
        for handle in (reader, inbox):
            cut(handle, postgres)
            assert handle.changed() is (handle is inbox)  # of the item that was put
        writer.append(fills(3, 3))
        assert reader.changed()
        assert reader.head().position == 3
        assert [inbox.put(item(1)), inbox.put(item(2))] == [1, 2]
        assert writer.append(fills(4, 4)).position == 4


def test_law_5_an_item_whose_commit_had_no_answer_is_left_once(
    postgres: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PostgresJournalRecorder._commit

    def torn(self: PostgresJournalRecorder, connection: psycopg.Connection[Any]) -> None:
        real(self, connection)
        tear(connection)
        connection.execute("SELECT 1")

    with open_inbox(postgres.url, ACCOUNT) as inbox:
        with monkeypatch.context() as patch:
            patch.setattr(PostgresJournalRecorder, "_commit", torn)
            with pytest.raises(JournalError):
                inbox.put(item(1))
        assert [inbox.put(item(1)), inbox.put(item(2))] == [1, 2]
        assert [found.id for _, found, _ in inbox.read()] == ["operator-1", "operator-2"]


def test_law_12_attempts_to_connect_pause_longer_and_longer_up_to_a_limit() -> None:
    now = [0.0]
    session = Session({"host": "/nonexistent", "dbname": "x"}, clock=lambda: now[0])
    pauses: list[float] = []
    for _ in range(12):
        with pytest.raises(Exception, match="No such file or directory"):
            session.regain()
        with pytest.raises(Exception, match="the next attempt is in"):
            session.regain()
        pauses.append(session._not_before - now[0])
        now[0] = session._not_before
    assert pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[-1] == pytest.approx(5)
    assert max(pauses) == pytest.approx(5)


def test_a_connection_that_was_left_in_the_middle_of_something_is_not_used_again(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 1))
        session = session_of(writer)

        def interrupted() -> None:
            with session.use() as connection:
                connection.execute("BEGIN")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert writer.interrupted
        assert writer.resume() is True
        assert session.connections == 2
        assert writer.append(fills(2, 2)).position == 2
    assert events(postgres) == fills(1, 2)


def test_a_fork_leaves_its_parents_connection_alone(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer:
        writer.append(fills(1, 1))
        session = session_of(writer)
        session._process = writer._process = os.getpid() + 1
        with pytest.raises(JournalError, match="fork"):
            writer.append(fills(2, 2))
        with pytest.raises(JournalError, match="fork"):
            list(writer.read())
        connection = session._connection
        writer.close()
        assert connection is not None
        assert not connection.closed
        connection.close()
