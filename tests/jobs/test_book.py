from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datamix.errors import StoreError
from datamix.jobs import book as book_module
from datamix.jobs.book import Job, JobBook, Sight
from datamix.storage.store import Store

DUE = datetime(2026, 3, 29, 1, 0, 0, 250_000, tzinfo=UTC)
JOB = Job(
    "dm-k0-nightly-20260329T010000Z", "failed", "http://head:8265", "datamix run", "nightly", DUE, "30 2 * * *",
    "Europe/Malta", DUE, DUE, 2, "it failed", "the end of the log",
)  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> JobBook:
    return JobBook(Store.create(tmp_path))


def test_jobs_come_back_as_they_were_written_the_latest_first(book: JobBook):
    manual = Job("dm-20260401T000000Z-00", "pending", None, "datamix run", submitted=datetime(2026, 4, 1, tzinfo=UTC))
    book.write(JOB)
    book.write(manual)
    assert book.jobs() == [manual, JOB]


def test_sights_come_back_until_they_are_forgotten(book: JobBook):
    sight = Sight("nightly", "30 2 * * *", "Europe/Malta", DUE, "k0")
    book.write_sight(sight)
    assert book.sights() == {"nightly": sight}
    book.forget("nightly")
    assert book.sights() == {}


def test_another_process_waits_for_the_lock_but_not_for_a_run(book: JobBook, monkeypatch: pytest.MonkeyPatch):
    hold = (
        "import sys; from pathlib import Path; from datamix.jobs.book import JobBook; "
        "from datamix.storage.store import Store\n"
        "with JobBook(Store(Path(sys.argv[1]))).lock(): print('held', flush=True); sys.stdin.read()"
    )
    monkeypatch.setattr(book_module, "LOCK_TIMEOUT_S", 0.2)
    with book.store.lock():
        other = subprocess.Popen(
            [sys.executable, "-c", hold, str(book.store.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(StoreError, match="another process has been submitting jobs"), book.lock():
                pass
        finally:
            other.communicate()
        with book.lock():
            pass


def test_without_a_catalog_nothing_is_published(book: JobBook):
    book.write(JOB)
    assert book.publish() is False
    assert not book.store.catalog_file.exists()
