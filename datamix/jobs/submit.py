"""Jobs: send a run to a cluster, look how jobs fare, wait for one."""

from __future__ import annotations

import secrets
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from datamix.errors import JobError
from datamix.jobs.book import Job, JobBook
from datamix.jobs.cluster import Cluster, Clusters
from datamix.spec.project import ProjectFile
from datamix.storage.store import Store

POLL_S = 2.0


def run_command(file: ProjectFile, arguments: Sequence[str] = ()) -> str:
    """Return the shell command of a job: `datamix run` of a project on the cluster that runs the job.

    Interpreter and project are absolute paths: the cluster's nodes share this machine's file system.
    """
    command = [sys.executable, "-m", "datamix", "run", "-C", str(file.root.resolve()), "--engine", "ray", "--json"]
    return shlex.join([*command, *arguments])


def submit_run(file: ProjectFile, address: str, arguments: Sequence[str]) -> Job:
    """Send a run to a cluster, and record it.

    Args:
        file: the project.
        address: the cluster.
        arguments: further ones of `datamix run`.

    Raises:
        JobError: the cluster does not answer, or did not take the job.
    """
    cluster = Clusters()[address]
    book = JobBook(Store.create(file.store_folder))
    now = datetime.now(UTC)
    name = f"dm-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    job = Job(name, "submitting", address, run_command(file, arguments), submitted=now)
    with book.lock():
        job = send(book, cluster, job)
    book.publish()
    return job


def send(book: JobBook, cluster: Cluster, job: Job) -> Job:
    """Record that a job is about to be sent, send it, and record what became of it. Under the book's lock.

    Killed in between, the entry `submitting` stays, and under the same id the job can be looked up or sent again.
    """
    book.write(job)
    job = cluster.submit(job)
    book.write(job)
    return job


def refresh(book: JobBook, clusters: Clusters, overtaken: Sequence[Job] = ()) -> tuple[list[Job], list[str]]:
    """Look up every job that may still run, and record what changed. Under the book's lock.

    Args:
        book: the store's jobs.
        clusters: where they run.
        overtaken: scheduled jobs that a killed tick left as `submitting`, and that no tick will send any more: found
            on the cluster, or missed. Other such jobs are left to the next tick.

    Returns:
        The jobs that changed, and a sentence for each cluster that does not answer.
    """
    left = {job.job for job in overtaken}
    by_address: dict[str, list[Job]] = {}
    for job in book.jobs():
        waits_for_tick = job.status == "submitting" and job.schedule is not None and job.job not in left
        if job.open and job.address is not None and not waits_for_tick:
            by_address.setdefault(job.address, []).append(job)
    changed: list[Job] = []
    silent: list[str] = []
    for address, jobs in by_address.items():
        try:
            known = clusters[address].look_up(jobs)
        except JobError as error:
            silent.append(str(error))
            continue
        now = [_missed(known[job.job]) if job.job in left else known[job.job] for job in jobs]
        changed += [job for job, before in zip(now, jobs, strict=True) if job != before]
    for job in changed:
        book.write(job)
    return changed, silent


def _missed(job: Job) -> Job:
    if job.status != "lost":
        return job
    return replace(job, status="missed", message="its tick was killed before the cluster took it")


def refresh_jobs(file: ProjectFile) -> tuple[list[Job], list[str]]:
    """Look up every job of a project's store that may still run; see `refresh`."""
    book = JobBook(Store.open(file.store_folder))
    with book.lock():
        changed, silent = refresh(book, Clusters())
    if changed:
        book.publish()
    return changed, silent


def wait(file: ProjectFile, job: Job, tell: Callable[[Job], None]) -> Job:
    """Wait until a job ends, and record how.

    Args:
        file: the project.
        job: as it was submitted.
        tell: is called with the job whenever its status changes.

    Raises:
        JobError: the cluster stopped answering.
    """
    book = JobBook(Store.open(file.store_folder))
    cluster = Clusters()[str(job.address)]
    tell(job)
    while job.open:
        time.sleep(POLL_S)
        now = cluster.look_up([job])[job.job]
        if now.status != job.status:
            tell(now)
        if now != job:
            with book.lock():
                book.write(now)
        job = now
    book.publish()
    return job
