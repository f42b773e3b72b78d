"""Do the pages about PostgreSQL, backups and archives say what works?"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from journal.databases import PostgresStore
from journal.samples import fills
from trueup.errors import JournalError
from trueup.journal import Snapshot, open_inbox, open_reader, open_writer, verify

DOCS = Path(__file__).parents[2] / "docs" / "how-to"
ACCOUNT = "mt5:5001"


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def test_the_roles_of_the_page_are_enough_and_no_more(postgres: PostgresStore) -> None:
    (setup,) = blocks("postgresql.md", "sql")
    (first,) = blocks("postgresql.md", "python")
    mine = {f"trueup_{role}": f"{postgres.schema}_{role}" for role in ("owner", "writer", "reader")}
    for name, own in mine.items():
        setup, first = setup.replace(name, own), first.replace(name, own)
    setup = re.sub(r"\bSCHEMA trueup\b", f"SCHEMA {postgres.schema}", setup)
    urls = {
        role: postgres.url.replace("postgresql://trueup@", f"postgresql://{postgres.schema}_{role}@")
        for role in ("owner", "writer", "reader")
    }
    with closing(psycopg.connect(postgres.server, autocommit=True)) as admin:
        admin.execute(setup.encode())
        try:
            with pytest.raises(JournalError, match=f"not allowed to .*schema {postgres.schema}"):
                open_writer(urls["writer"], ACCOUNT)
            assert f"postgresql://{postgres.schema}_owner@db.example/trade" in first
            exec(first.replace(f"postgresql://{postgres.schema}_owner@db.example/trade", urls["owner"]), {})
            with open_writer(urls["writer"], ACCOUNT) as writer, open_inbox(urls["writer"], ACCOUNT):
                head = writer.append(fills(1, 3))
                writer.save_snapshot(Snapshot(3, head.digest, 1, b"state"))
            with open_reader(urls["reader"], ACCOUNT) as reader:
                assert reader.head() == head
            assert verify(urls["reader"], ACCOUNT, head=head).ok
            with pytest.raises(JournalError, match="not allowed"), open_writer(urls["reader"], ACCOUNT) as writer:
                writer.append(fills(4, 4))
            with closing(postgres.connect()) as owner:
                owner.execute(f"SET ROLE {postgres.schema}_writer".encode())
                for statement in (b"DELETE FROM stored_events", b"UPDATE stored_events SET topic = 'x'"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        owner.execute(statement)
        finally:
            admin.execute(f"DROP SCHEMA {postgres.schema} CASCADE".encode())
            for own in mine.values():
                admin.execute(f"DROP OWNED BY {own}".encode())
                admin.execute(f"DROP ROLE {own}".encode())


def test_the_page_about_backups_and_archives_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "backup").mkdir()
    with open_writer("sqlite:///var/trueup.db", ACCOUNT) as writer:
        writer.append(fills(1, 10))
    copy, restore, pack = blocks("backup-and-archive.md", "python")
    said: dict[str, object] = {}
    exec(copy, said)
    assert said["heads"][ACCOUNT].position == 10  # type: ignore[index]
    assert (tmp_path / "backup" / "trueup-2026-01-02.db").is_file()
    assert 'bytes.fromhex("5cd6…")' in restore
    exec(restore.replace("5cd6…", "5c" * 32), said)
    said["writer"].close()  # type: ignore[attr-defined]
    assert "before=250_000" in pack
    exec(pack.replace("250_000", "5"), said)
    assert said["done"].file.name == "trueup.db.mt5_5001.1-4.archive"  # type: ignore[attr-defined]
    assert verify("sqlite:///var/trueup.db", ACCOUNT).events == 10
