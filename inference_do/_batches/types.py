"""What batches hand out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, BinaryIO, Self

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError

from inference_do._provider_ids import BatchProvider
from inference_do.errors import InferenceError
from inference_do.pricing import Cost, estimate_cost
from inference_do.types import ChatCompletion, Count, Items, Reply, Text, Usage, Wire

__all__ = [
    "ANSWER",
    "FINAL",
    "Batch",
    "BatchFile",
    "BatchResult",
    "BatchesPage",
    "LineError",
    "RequestCounts",
    "ResultFiles",
    "UploadIntent",
]

FINAL = frozenset({"completed", "failed", "expired", "cancelled"})
"""States that a batch does not leave."""

ANSWER = "structured_answer_"
"""How a schema's name begins that Anthropic's models are asked for by a tool: its call is the answer's text, also for
who has the results alone."""

_DATES = TypeAdapter(datetime)


def _date(value: Any) -> datetime | None:
    """Read a date that nothing depends on."""
    try:
        date = _DATES.validate_python(value)
    except ValidationError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


Date = Annotated[datetime | None, BeforeValidator(_date)]


class RequestCounts(Wire):
    """How many requests of a batch there are, and what became of them so far."""

    total: Count = 0
    completed: Count = 0
    failed: Count = 0

    @property
    def ended(self) -> int:
        """Those that have an answer or an error."""
        return self.completed + self.failed


class LineError(Wire):
    """Why a batch could not be run."""

    code: Text = ""
    message: Text = ""
    line: int | None = None
    """The line of the file, from 1, where it is one line's fault."""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.message or self.code or 'no reason given'}"


class Batch(Reply):
    """A job of many requests, as it stood when it was asked for."""

    batch_id: str = Field(validation_alias=AliasChoices("batch_id", "id"))
    status: Text = ""
    """`validating`, `in_progress`, `finalizing`, `cancelling`; or one of `completed`, `failed`, `expired`, `cancelled`,
    which are final."""
    provider: str | None = None
    endpoint: str | None = None
    completion_window: str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: Annotated[RequestCounts, BeforeValidator(lambda value: value or {})] = Field(
        default_factory=RequestCounts
    )
    idempotency_key: str | None = Field(default=None, alias="request_id")
    metadata: dict[str, Any] | None = None
    errors: Items[LineError] = Field(default_factory=list)
    """Why it failed as a whole; a single request's error is its result."""
    created_at: Date = None
    in_progress_at: Date = None
    finalizing_at: Date = None
    completed_at: Date = None
    expires_at: Date = None
    cancelled_at: Date = None
    failed_at: Date = None

    @property
    def id(self) -> str:
        """Its id."""
        return self.batch_id

    @property
    def request_id(self) -> str | None:
        """The `request_id` that it was created with; the API's `x-request-id` is `response_info.request_id`."""
        return self.idempotency_key

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one request: an answer or an error."""

    custom_id: str
    """The request's own; empty if the line was not readable."""
    completion: ChatCompletion | None = None
    error: InferenceError | None = None
    """Of the class that the same error has for a single call. `retryable` says whether to ask again."""
    model: str | None = None
    """DigitalOcean's id of the model that answered, or the provider's where that is not known."""

    @property
    def usage(self) -> Usage | None:
        """The tokens of the answer."""
        return self.completion.usage if self.completion else None

    @property
    def cost(self) -> Cost:
        """What the answer cost at the batches' price; an error costs nothing that is known."""
        return estimate_cost(self.model or "", self.usage, batch=True)


@dataclass(slots=True)
class BatchFile:
    """A file of lines, and what they have in common. It is gone when it is closed."""

    file: BinaryIO
    provider: BatchProvider | None = None
    api: str | None = None
    endpoint: str | None = None
    """The endpoint that the API is told; Anthropic's batches have none."""
    size: int = 0
    ids: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class UploadIntent(Reply):
    """A file that is to be uploaded."""

    file_id: str
    upload_url: SecretStr
    """As good as a key until it expires."""


class ResultFiles(Reply):
    """Where results are."""

    result_available: bool | None = None
    output_file_url: SecretStr | None = None
    error_file_url: SecretStr | None = None

    @property
    def urls(self) -> list[SecretStr]:
        """The files, answers first."""
        return [url for url in (self.output_file_url, self.error_file_url) if url and url.get_secret_value()]


class BatchesPage(Reply):
    """A page of the list."""

    data: Items[Batch] = Field(default_factory=list)
    last_id: str | None = None
    has_more: bool | None = None
