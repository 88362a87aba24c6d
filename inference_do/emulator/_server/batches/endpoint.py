"""`/v1/batches` and its neighbours, and the storage that files go to and come from."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from inference_do.emulator._http import ServerResponse, json_response, request_id

from .jobs import FINAL, RETENTION, BatchJob, date_of
from .lines import read_lines
from .storage import PATH as STORAGE
from .storage import Storage, StorageRefusal

if TYPE_CHECKING:
    from inference_do.emulator._server.records import Request

    from .lines import Answering

ROUTE = re.compile(r"/v1/batches(?:/(?P<id>[^/]+)(?:/(?P<action>results|cancel))?)?")
FILE_NAME = re.compile(r"(?i).+\.jsonl")
ENDPOINTS = ("/v1/chat/completions", "/v1/responses")
STATUSES = ("validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
SECONDS = 0.8
"""Seconds that a job takes if nothing else is said: it is done at a waiting client's second look."""


class BatchRefusal(Exception):  # noqa: N818 - it is the API's answer, not a defect
    """A request that is answered with an error, in the form that these endpoints have."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        id_ = request_id()
        body = {"id": name, "message": message, "request_id": id_[1]}
        self.response = json_response(body, status=status)


@dataclass(slots=True, kw_only=True)
class BatchJobs:
    """The batches of an emulator."""

    clock: Callable[[], float] = time.time
    seconds: float = SECONDS
    scheme: str = "http"
    keys_without: frozenset[str] = frozenset()
    """Keys that may not make batches."""
    jobs: dict[str, BatchJob] = field(default_factory=dict)
    storage: Storage = field(init=False)

    def __post_init__(self) -> None:
        self.storage = Storage(self.clock)

    def clear(self) -> None:
        """Forget all jobs and files."""
        self.jobs.clear()
        self.storage.awaited.clear()
        self.storage.files.clear()

    def expects(self, path: str) -> bool:
        """Return whether a file is about to be uploaded to a path."""
        return path.removeprefix(STORAGE) in self.storage.awaited

    def store(self, request: Request, answer: Answering) -> ServerResponse | None:
        """Answer what is asked of storage, which knows no keys; None for everything else."""
        if not request.path.startswith(STORAGE):
            return None
        try:
            if request.method == "PUT":
                return self.storage.put(request)
            return self._download(self.storage.check(request), answer)
        except StorageRefusal as refusal:
            return refusal.response

    def answer(self, request: Request, key: str, answer: Answering) -> ServerResponse | None:
        """Answer a request with a key that is taken; None where it is for another path."""
        if request.path != "/v1/batches/files" and not ROUTE.fullmatch(request.path):
            return None
        if key in self.keys_without:
            return BatchRefusal(403, "forbidden", "this key is not enabled for batch inference").response
        try:
            return self._route(request, answer)
        except BatchRefusal as refusal:
            return refusal.response

    def _route(self, request: Request, answer: Answering) -> ServerResponse:
        found = ROUTE.fullmatch(request.path)
        id_, action = (found["id"], found["action"]) if found else (None, None)
        match request.method, id_, action:
            case "POST", "files", None:
                return self._intent(request)
            case "POST", None, None:
                return self._create(_object(request.body), answer)
            case "GET", None, None:
                return self._list(request.query, answer)
            case "GET", str(), None:
                return self._shown(self._find(id_), answer)
            case "GET", str(), "results":
                return self._results(request, self._find(id_), answer)
            case "POST", str(), "cancel":
                return self._cancel(self._find(id_), answer)
        raise BatchRefusal(405, "method_not_allowed", f"{request.path} does not take {request.method}")

    def _intent(self, request: Request) -> ServerResponse:
        name = _object(request.body).get("file_name")
        if not isinstance(name, str) or len(name) < 7 or not FILE_NAME.fullmatch(name):
            raise BatchRefusal(
                422, "unprocessable_entity", "file_name must end in .jsonl and have 7 characters or more"
            )
        file_id = str(uuid.uuid4())
        self.storage.awaited.add(file_id)
        path, ends = self.storage.url("PUT", file_id)
        value = {"file_id": file_id, "upload_url": self._origin(request) + path, "expires_at": date_of(ends)}
        return json_response(value, status=201, tokens=0)

    def _create(self, body: Mapping[str, Any], answer: Answering) -> ServerResponse:
        given = _checked(body)
        for job in self.jobs.values():
            if job.given["request_id"] == given["request_id"]:
                if job.given != given:
                    message = "request_id was used for another batch"
                    raise BatchRefusal(409, "conflict", message)
                return self._shown(job, answer)
        file = given["file_id"]
        if file not in self.storage.files and file not in self.storage.awaited:
            raise BatchRefusal(404, "not_found", "file_id is not known")
        if file not in self.storage.files:
            raise BatchRefusal(400, "bad_request", "the input file has not been uploaded")
        lines, errors = read_lines(self.storage.files[file], given.get("endpoint"))
        id_ = str(uuid.uuid4())
        self.jobs[id_] = BatchJob(
            id=id_, given=given, created=self.clock(), seconds=self.seconds, lines=lines, errors=errors
        )
        return self._shown(self.jobs[id_], answer, status=201)

    def _list(self, query: str, answer: Answering) -> ServerResponse:
        given = {name: values[-1] for name, values in parse_qs(query).items()}
        limit, status, after = given.get("limit", "20"), given.get("status"), given.get("after")
        if not re.fullmatch(r"\d{1,3}", limit) or not 1 <= int(limit) <= 100:
            raise BatchRefusal(400, "bad_request", f"limit must be 1 to 100, not {limit[:20]!r}")
        if status is not None and status not in STATUSES:
            raise BatchRefusal(400, "bad_request", f"status must be one of {', '.join(STATUSES)}")
        now = self.clock()
        jobs = [job for job in reversed(self.jobs.values()) if now <= job.created + RETENTION]
        if after is not None:
            ids = [job.id for job in jobs]
            jobs = jobs[ids.index(after) + 1 :] if after in ids else []
        jobs = [job for job in jobs if status in {None, job.status(now)}]
        page = jobs[: int(limit)]
        for job in page:
            job.go_on(now, answer)
        value = {
            "object": "list",
            "data": [job.shown(now) for job in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(jobs) > len(page),
        }
        return json_response(value, tokens=0)

    def _find(self, id_: str | None) -> BatchJob:
        job = self.jobs.get(id_ or "")
        if job is None or self.clock() > job.created + RETENTION:
            raise BatchRefusal(404, "not_found", "batch not found")
        return job

    def _shown(self, job: BatchJob, answer: Answering, *, status: int = 200) -> ServerResponse:
        now = self.clock()
        job.go_on(now, answer)
        return json_response(job.shown(now), status=status, tokens=0)

    def _cancel(self, job: BatchJob, answer: Answering) -> ServerResponse:
        status = job.status(self.clock())
        if status in FINAL:
            raise BatchRefusal(409, "conflict", f"the batch is {status} and cannot be cancelled")
        if status == "validating":
            raise BatchRefusal(409, "conflict", "the batch has not been submitted to the provider yet")
        if job.cancelled is None:
            job.go_on(self.clock(), answer)
            job.cancelled = self.clock()
        return self._shown(job, answer)

    def _results(self, request: Request, job: BatchJob, answer: Answering) -> ServerResponse:
        now = self.clock()
        status = job.status(now)
        if status == "finalizing":  # one of the two ways to say that there is nothing yet
            return json_response({"batch_id": job.id, "result_available": False}, tokens=0)
        if status not in FINAL or status == "failed":
            raise BatchRefusal(412, "precondition_failed", "Batch results are not yet available.")
        job.go_on(now, answer)
        urls: dict[str, str | None] = {}
        for kind, data in zip(("output", "error"), job.files(now), strict=True):
            path, ends = self.storage.url("GET", f"{job.id}-{kind}.jsonl")
            urls[f"{kind}_file_url"] = self._origin(request) + path if data else None
        value = {"batch_id": job.id, "result_available": True, **urls, "expires_at": date_of(ends)}
        return json_response(value, tokens=0)

    def _origin(self, request: Request) -> str:
        return f"{self.scheme}://{request.headers.get('host', 'localhost')}"

    def _download(self, name: str, answer: Answering) -> ServerResponse:
        id_, _, kind = name.removesuffix(".jsonl").rpartition("-")
        job, now = self.jobs.get(id_), self.clock()
        if job is None:
            raise StorageRefusal(404, "NoSuchKey", "The specified key does not exist.")
        job.go_on(now, answer)
        data = job.files(now)[kind == "error"]
        pieces = tuple(data[start : start + 65536] for start in range(0, len(data), 65536))
        return ServerResponse(headers=(("content-type", "application/jsonl"), request_id()), pieces=pieces)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BatchRefusal(400, "bad_request", "the body must be a JSON object")
    return body


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request for a batch.

    Raises:
        BatchRefusal: It is wrong.
    """
    if unknown := body.keys() - {"file_id", "provider", "endpoint", "completion_window", "request_id", "metadata"}:
        raise BatchRefusal(422, "unprocessable_entity", f"unknown field {min(unknown)!r}")
    for name in ("file_id", "provider", "completion_window", "request_id"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise BatchRefusal(422, "unprocessable_entity", f"{name} is required")
    provider, endpoint = body["provider"], body.get("endpoint")
    if provider not in {"openai", "anthropic"}:
        raise BatchRefusal(422, "unprocessable_entity", "provider must be openai or anthropic")
    if provider == "openai" and endpoint not in ENDPOINTS:
        raise BatchRefusal(422, "unprocessable_entity", f"endpoint must be one of {', '.join(ENDPOINTS)}")
    if provider == "anthropic" and "endpoint" in body:
        raise BatchRefusal(422, "unprocessable_entity", "endpoint must be omitted for anthropic")
    if body["completion_window"] != "24h":
        raise BatchRefusal(422, "unprocessable_entity", "completion_window must be 24h")
    metadata = body.get("metadata")
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    ):
        raise BatchRefusal(422, "unprocessable_entity", "metadata must have text values")
    return dict(body)
