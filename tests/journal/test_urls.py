"""Does a store's URL, and nothing else, say where the journal is?"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

import trueup.journal
from journal.samples import ACCOUNT, fills, tampering, url_of
from trueup.errors import StoreUrlError
from trueup.journal import open_reader, open_writer
from trueup.journal.urls import location


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "not a store address"),
        ("journal.db", "not a store address"),
        ("mysql://host/db", "no kind of store we know; known are sqlite, memory, postgresql"),
        ("postgres://host/db?nonsense=1", "libpq cannot read this address"),
        ("postgresql://host:port/db", "libpq cannot read this address"),
        ("postgresql://host/db?schema=", "a schema's name"),
        ("postgresql://host/db?schema=" + "x" * 64, "a schema's name"),
        ("postgresql://host/db?lock_wait_s_max=soon", "number of seconds"),
        ("sqlite://journal.db", "has no host; write sqlite:///relative.db"),
        ("sqlite:///", "path of a file"),
        ("sqlite:///a.db?mode=memory", "path of a file"),
        ("memory://", "has a name"),
        ("memory://a/b", "has a name"),
        ("memory://x?mode=ro", "has a name"),
    ],
)
def test_an_address_that_names_no_store_is_refused(url: str, why: str) -> None:
    with pytest.raises(StoreUrlError, match=why):
        open_writer(url, ACCOUNT)


def test_addresses_follow_sqlalchemy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///relative.db", "sqlite:///sub/relative.db", f"sqlite:///{tmp_path}/absolute.db"):
        with open_writer(url, ACCOUNT) as writer:
            writer.append(fills(1, 1))
            assert (writer.url, writer.account) == (url, ACCOUNT)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.db")} == {
        "relative.db",
        "sub/relative.db",
        "absolute.db",
    }


@pytest.mark.parametrize("name", ["with space.db", "50%.db", "é.db", "a#b.db", ":memory:.db", "mode=memory.db"])
def test_any_file_name_is_a_file(tmp_path: Path, name: str) -> None:
    with open_writer(url_of(tmp_path / name), ACCOUNT) as writer:
        writer.append(fills(1, 1))
    assert (tmp_path / name).is_file()
    with open_reader(url_of(tmp_path / name), ACCOUNT) as reader:
        assert reader.head().position == 1


def test_the_embedding_process_may_use_the_library_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {
        "PERSISTENCE_MODULE": "eventsourcing.popo",
        "TRUEUP_PERSISTENCE_MODULE": "eventsourcing.popo",
        "SQLITE_DBNAME": str(tmp_path / "theirs.db"),
        "TRUEUP_SQLITE_DBNAME": str(tmp_path / "theirs.db"),
        "COMPRESSOR_TOPIC": "zlib",
        "CIPHER_TOPIC": "no.such:Cipher",
        "CIPHER_KEY": "not a key",
        "MAPPER_TOPIC": "no.such:Mapper",
        "TRANSCODER_TOPIC": "no.such:Transcoder",
        "APPLICATION_RECORDER_TOPIC": "no.such:Recorder",
        "IS_SNAPSHOTTING_ENABLED": "n",
        "CREATE_TABLE": "n",
        "ORIGINATOR_ID_TYPE": "uuid",
        "AGGREGATE_CACHE_MAXSIZE": "garbage",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with open_writer(url_of(tmp_path / "ours.db"), ACCOUNT) as writer:
        writer.append(fills(1, 2))
    assert dict(os.environ) == before
    assert not (tmp_path / "theirs.db").exists()
    with tampering(tmp_path / "ours.db") as connection:
        states = [state for (state,) in connection.execute("SELECT state FROM stored_events")]
    assert [state[:1] for state in states] == [b"\x92", b"\x92"]  # neither compressed nor encrypted


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@host:port/db",
        "postgresql://ada:hunter2@host/db?nonsense=1",
        "postgresql://ada:hunter@2@host/db?lock_wait_s_max=x",
        "postgresql://host/db?password=hunter2&lock_wait_s_max=x",
        "postgresql://ada:hunter/2@host/db",
        "mysql://ada:hunter2@host/db",
        "://ada:hunter2@host/db",
    ],
)
def test_no_error_repeats_a_password(url: str) -> None:
    with pytest.raises(StoreUrlError) as raised:
        location(url)
    assert "hunter" not in "".join(traceback.format_exception(raised.value))
    assert "***" in str(raised.value)


def test_a_postgresql_url_goes_to_libpq_without_our_own_parameters() -> None:
    place = location(
        "postgresql://a:b%40c@h1:1,h2:2/db?schema=my%20own&sslmode=require&options=-c%20x%3D1&lock_wait_s_max=7"
    )
    settings = place.settings("write", "full")
    assert conninfo_to_dict(settings["POSTGRES_CONNINFO"]) == {
        "user": "a",
        "password": "b@c",
        "host": "h1,h2",
        "port": "1,2",
        "dbname": "db",
        "sslmode": "require",
        "options": "-c x=1",
    }
    assert (settings["POSTGRES_SCHEMA"], settings["POSTGRES_LOCK_WAIT_S_MAX"]) == ("my own", "7")
    assert location("postgres://h/db").settings("read", "normal")["POSTGRES_SCHEMA"] == "trueup"


def test_postgresql_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trueup.journal.postgres_url", None)
    with pytest.raises(StoreUrlError, match=r"pip install 'trueup\[postgres\]'"):
        location("postgresql://h/db")


def test_a_url_says_what_it_was_given() -> None:
    assert location("sqlite:///x.db").url == "sqlite:///x.db"
    assert location("memory://x").url == "memory://x"


def test_the_door() -> None:
    assert trueup.journal.__all__ == sorted(trueup.journal.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n))
    for name in trueup.journal.__all__:
        assert hasattr(trueup.journal, name)
