"""Is there one writer of an account, and do its threads share it safely?"""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from journal.samples import ACCOUNT, OTHER, fill, fills, tampering, url_of
from trueup.errors import JournalError, WriterFenced
from trueup.journal import JournalReader, JournalWriter, open_reader, open_writer, verify


def test_a_second_writer_in_one_process_is_fenced_and_the_first_untouched(url: str) -> None:
    with open_writer(url, ACCOUNT) as writer:
        with pytest.raises(WriterFenced, match="another writer"):
            open_writer(url, ACCOUNT)
        with pytest.raises(WriterFenced):
            open_writer(url, ACCOUNT, wait_s=0.05)
        with open_writer(url, OTHER) as other:
            other.append(fills(1, 1))
        assert writer.append(fills(1, 1)).position == 1
    with open_writer(url, ACCOUNT):
        pass


def test_two_names_of_one_file_are_one_store(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        writer.append(fills(1, 1))
        for other in (tmp_path / "link.db", tmp_path / "folder" / "a.db"):
            with pytest.raises(WriterFenced):
                open_writer(url_of(other), ACCOUNT)
            with open_reader(url_of(other), ACCOUNT) as reader:
                assert reader.head() == writer.head()


def test_accounts_whose_lock_names_look_alike_do_not_share_a_lock(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, "a:b@c"), open_writer(url, "a:b_c"):
        pass


def test_the_stream_version_is_the_second_defence(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 1))
        (lock,) = tmp_path.glob("*.lock")
        lock.unlink()  # somebody tidied up: a second writer gets in
        with open_writer(url, ACCOUNT) as rival:
            rival.append(fills(2, 2))
            with pytest.raises(WriterFenced, match="expected to append after 1, found 2"):
                writer.append(fills(2, 2))
            assert rival.append(fills(3, 3)).position == 3
    assert verify(url, ACCOUNT).ok


def test_a_fork_of_the_writer_does_not_write(url: str) -> None:
    with open_writer(url, ACCOUNT) as writer:
        writer._process = os.getpid() + 1
        with pytest.raises(WriterFenced, match="fork"):
            writer.append(fills(1, 1))
        writer._process = os.getpid()


def test_a_write_holds_the_store_from_its_beginning(tmp_path: Path) -> None:
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer, tampering(tmp_path / "a.db") as rival:
        rival.execute("PRAGMA busy_timeout=0")
        with (
            writer._journal.rows._store.transaction(commit=True),  # type: ignore[attr-defined]
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            rival.execute("BEGIN IMMEDIATE")


def test_a_closed_writer_says_so(url: str) -> None:
    writer = open_writer(url, ACCOUNT)
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="closed"):
        writer.append(fills(1, 1))


def test_threads_share_a_writer(tmp_path: Path) -> None:
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        heads: list[int] = []

        def work() -> None:
            for n in range(25):
                heads.append(writer.append([fill(n)]).position)
                writer.event(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(heads) == list(range(1, 101))
    assert verify(url_of(tmp_path / "a.db"), ACCOUNT).ok


def test_closing_beside_threads_that_read_and_write_is_an_error_of_theirs_not_a_crash(tmp_path: Path) -> None:
    for n in range(20):
        url = url_of(tmp_path / f"{n}.db")
        writer, reader = open_writer(url, ACCOUNT), open_reader(url, ACCOUNT)
        writer.append(fills(1, 500))
        acknowledged = [500]
        why: list[str] = []

        def write(writer: JournalWriter = writer, acknowledged: list[int] = acknowledged, why: list[str] = why) -> None:
            try:
                while True:
                    acknowledged[0] = writer.append(fills(1, 20)).position
            except JournalError as error:
                why.append(str(error))

        def read(reader: JournalReader = reader, why: list[str] = why) -> None:
            try:
                while True:
                    list(reader.read())
                    reader.changed()
            except JournalError as error:
                why.append(str(error))

        threads = [threading.Thread(target=target) for target in (write, read, read)]
        for thread in threads:
            thread.start()
        while acknowledged[0] == 500:
            pass
        writer.close()
        reader.close()
        for thread in threads:
            thread.join()
        assert len(why) == 3
        assert all("closed" in sentence for sentence in why), why
        assert verify(url, ACCOUNT).events >= acknowledged[0]
