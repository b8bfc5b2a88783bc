"""A Ray cluster that takes jobs: the one place that talks to Ray's job server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from datamix.engine.token import ensure_token
from datamix.errors import JobError
from datamix.jobs.book import Job, Status
from datamix.jobs.log import hide_secrets, log_tail

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0  # for the first question, which a healthy cluster answers at once
REQUEST_TIMEOUT_S = 60.0
MESSAGE_LENGTH = 500

_ADDRESS_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


def cluster_address(given: str | None) -> str:
    """Return the address to submit to: the one given, else RAY_API_SERVER_ADDRESS, RAY_ADDRESS, or this machine's."""
    found = (os.environ.get(variable) for variable in _ADDRESS_VARIABLES)
    return (given or next((address for address in found if address), None) or DEFAULT_ADDRESS).rstrip("/")


class Cluster:
    """A connection to the job server of a Ray cluster, with Ray's token.

    Args:
        address: `http://host:8265`, or what RAY_ADDRESS may hold: `host:6379`, `ray://host:10001`, `auto`.

    Raises:
        JobError: it does not answer within 15 seconds, or refuses the token.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        with self._errors("does not answer", self._how_to_start()):
            _probe(address)
            self._client = _connect(address)

    def submit(self, job: Job) -> Job:
        """Send a job, unless one with its id is there already; return it as the cluster knows it.

        Raises:
            JobError: the cluster did not take it.
        """
        try:
            with self._errors("did not take the job", "see its dashboard, then submit again"):
                self._client.submit_job(entrypoint=job.command, submission_id=job.job)
        except JobError:
            known = self.look_up([job])[job.job]
            if known.status == "lost":
                raise
            return known
        return self.look_up([job])[job.job]

    def look_up(self, jobs: list[Job]) -> dict[str, Job]:
        """Return the jobs by id, as the cluster knows them now; those that it does not know are `lost`.

        Raises:
            JobError: the cluster does not answer.
        """
        with self._errors("does not answer", "wait until it does, then run `datamix jobs refresh`"):
            known = {details.submission_id: details for details in self._client.list_jobs()}
        return {job.job: self._update(job, known.get(job.job)) for job in jobs}

    def _update(self, job: Job, details: JobDetails | None) -> Job:
        if details is None:
            message = f"the cluster at {self.address} does not know this job; it restarted, or never got it"
            return replace(job, status="lost", message=message)
        status = cast("Status", details.status.value.lower())
        updated = replace(
            job,
            status=status,
            address=self.address,
            submitted=_moment(details.start_time) or job.submitted,
            ended=_moment(details.end_time),
            exit_code=details.driver_exit_code,
            # Ray appends the log to the message of a job that failed.
            message=_first_line((details.message or "").partition(", last available logs")[0]) or None,
        )
        return updated if updated.open else replace(updated, log_tail=self._log_tail(job.job))

    def _log_tail(self, job: str) -> str | None:
        try:
            return log_tail(self._client.get_job_logs(job))
        except (OSError, RuntimeError):  # its node has gone, and the log with it
            return None

    def _how_to_start(self) -> str:
        return "start one on this machine with `ray start --head`, or name another with --address"

    @contextmanager
    def _errors(self, what: str, then: str) -> Iterator[None]:
        """Turn what Ray raises into a sentence."""
        from ray.exceptions import AuthenticationError, RayError

        try:
            yield
        except AuthenticationError:
            raise JobError(
                f"the Ray cluster at {self.address} refuses this token; let RAY_AUTH_TOKEN_PATH name a file with the "
                "token that the cluster was started with"
            ) from None
        except (OSError, RuntimeError, ValueError, RayError) as error:
            reason = _first_line(str(error)).rstrip(".") or type(error).__name__
            raise JobError(f"the Ray cluster at {self.address} {what} ({reason}); {then}") from None


def _probe(address: str) -> None:
    """Open and close a connection: Ray itself waits minutes for an address where nobody listens."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is not None and parts.port is not None:
        socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_TIMEOUT_S).close()


def _connect(address: str) -> JobSubmissionClient:
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):
        """Ray's client, which by itself waits for an answer without limit."""

        def _do_request(
            self,
            method: str,
            endpoint: str,
            *,
            data: bytes | None = None,
            json_data: dict[Any, Any] | None = None,
            **options: Any,
        ) -> Any:
            options["timeout"] = (
                CONNECT_TIMEOUT_S,
                ANSWER_TIMEOUT_S if endpoint == "/api/version" else REQUEST_TIMEOUT_S,
            )
            return super()._do_request(method, endpoint, data=data, json_data=json_data, **options)

    # The environment's address overrides the argument, so the argument goes there.
    before = os.environ.get(_ADDRESS_VARIABLES[0])
    os.environ[_ADDRESS_VARIABLES[0]] = address
    try:
        return Client(address)
    finally:
        if before is None:
            del os.environ[_ADDRESS_VARIABLES[0]]
        else:
            os.environ[_ADDRESS_VARIABLES[0]] = before


class Clusters:
    """Clusters by address, connected when they are first asked for."""

    def __init__(self) -> None:
        self._connected: dict[str, Cluster] = {}

    def __getitem__(self, address: str) -> Cluster:
        """Return the cluster at an address.

        Raises:
            JobError: it does not answer.
        """
        if address not in self._connected:
            ensure_token()  # before ray is imported, which reads it once
            self._connected[address] = Cluster(address)
        return self._connected[address]


def _first_line(text: str) -> str:
    return hide_secrets(text.strip().partition("\n")[0])[:MESSAGE_LENGTH]


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
