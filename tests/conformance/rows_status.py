"""Statuses, and what is asked of a client that may try again (rows 55 to 70)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from client_kit import FIRST_PAUSE as BASE
from rows import BUSY, NEVER, NOW, Row

from inference_do import Timeout
from inference_do.emulator import RateLimited, Status

SLACK = 3.0
"""Seconds that a busy machine may add to a pause; what is not to be waited for is longer."""
OWN = ((0.0, BASE + SLACK), (0.0, 2 * BASE + SLACK))
"""The pauses of a client that does not know how long to wait."""
THROTTLED = ((BASE / 2, BASE + SLACK),)
AT_ONCE = ((0.0, SLACK),)
PAGE = Status(502, "<html><head><title>502 Bad Gateway</title></head>" + "x" * 20_000)
QUOTA = {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}}
BALANCE = {"error": {"message": "Your balance is too low", "type": "forbidden_error"}}
SECOND = 1.0


def asks(status: int, **headers: str) -> Status:
    return Status(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def refused(number: str, status: int, error: str, message: str, **more: Any) -> Row:
    body = more.pop("body", None)
    return Row(
        name=f"{number} {status}",
        script=[Status(status, body)],
        error=error,
        message=message,
        status=status,
        retryable=False,
        has_request_id=True,
        **more,
    )


def nonsense(number: str, value: str) -> Row:
    """Return a row for a wish that means nothing: the client's own pause applies."""
    return Row(
        name=f"{number} Retry-After is {value!r}", script=[asks(429, retry_after=value), None], posts=2, gaps=THROTTLED
    )


def context(number: str, message: str, status: int = 400) -> Row:
    return refused(number, status, "ContextLengthError", f"{status} ", body={"error": {"message": message}})


ROWS = [
    Row(name="55 429 that asks for a moment", script=[asks(429, retry_after="0.2"), None], posts=2, gaps=((0.2, 0.2 + SLACK),)),
    Row(name="55b 503 that asks for a moment", script=[asks(503, retry_after="0.2"), None], posts=2, gaps=((0.2, 0.2 + SLACK),)),
    Row(name="55c 429 that asks for nothing", script=[Status(429), None], posts=2, gaps=THROTTLED),
    Row(name="56 retry-after-ms goes before Retry-After", script=[asks(429, retry_after_ms="100", retry_after="9"), None], posts=2, gaps=((0.1, 0.1 + SLACK),)),
    Row(name="56b retry-after-ms is nonsense", script=[asks(429, retry_after_ms="soon", retry_after="0.1"), None], posts=2, gaps=((0.1, 0.1 + SLACK),)),
    Row(name="57 Retry-After is a date gone by", script=[asks(503, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), None], posts=2, gaps=AT_ONCE),
    Row(name="57b Retry-After is a date far away", script=[asks(503, retry_after="Fri, 31 Dec 2999 23:59:59 GMT")], error="ServerError", message="503 ", retryable=True),
    *(nonsense(f"58{letter}", value) for letter, value in zip("abcdefgh", ("nan", "inf", "-5", "1e400", "1;2", "", "9" * 400, "0x1"), strict=True)),
    Row(name="59 asked for more than a minute", script=[asks(429, retry_after="100000")], error="RateLimitError", message="429 Too Many Requests: ", retry_after=100000.0, retryable=True, has_request_id=True),
    Row(name="59b asked for more than the deadline leaves", script=[asks(503, retry_after="2")], settings={"timeout": Timeout(total=1.0)}, error="ServerError", message="503 ", retry_after=2.0),
    Row(name="59c reset far away", script=[RateLimited(reset_after=3600)], error="RateLimitError", message="429 ", retryable=True),
    Row(name="60 this API's throttling: an epoch, no Retry-After", script=[RateLimited(reset_after=0.5), None], posts=2, gaps=((0.4, SECOND + 0.5 + SLACK),)),
    Row(name="60c an epoch alone", script=[Status(429, headers={"x-ratelimit-reset-requests": "32503680000"})], error="RateLimitError", message="429 ", retryable=True),
    Row(name="60d an epoch far away of a bucket with room", script=[Status(429, headers={"x-ratelimit-reset-requests": "32503680000", "x-ratelimit-remaining-requests": "5"}), None], posts=2, gaps=THROTTLED),
    Row(name="60b an epoch gone by", script=[RateLimited(reset_after=-30), None], posts=2, gaps=THROTTLED),
    Row(name="61 503, 503, fine", script=[Status(503), Status(503), None], posts=3, gaps=OWN),
    Row(name="61b 500, fine", script=[Status(500), None], posts=2, gaps=OWN[:1]),
    *(Row(name=f"61{letter} {status}, fine", script=[asks(status, retry_after="0"), None], posts=2, gaps=AT_ONCE) for letter, status in zip("cdefgh", (408, 409, 429, 502, 504, 529), strict=True)),
    Row(name="61i 503 with nothing in it", script=[Status(503, b"", headers=NOW)] * 3, posts=3, error="ServerError", message="503 Service Unavailable", status=503, retryable=True),
    Row(name="61j 501 is not sent again", script=[Status(501)], error="ServerError", message="501 Not Implemented", status=501, retryable=False),
    Row(name="62 x-should-retry: false", script=[asks(503, x_should_retry="false")], error="ServerError", message="503 ", retryable=False),
    Row(name="62b x-should-retry: true", script=[asks(400, x_should_retry="true", retry_after="0"), None], posts=2),
    Row(name="62c x-should-retry: perhaps", script=[asks(503, x_should_retry="perhaps", retry_after="0"), None], posts=2),
    Row(name="63 a quota is used up", script=[Status(429, QUOTA)], error="QuotaExceededError", message="429 Too Many Requests: You exceeded your current quota; waiting does not help", status=429, retryable=False),
    Row(name="63b 402", script=[Status(402)], error="QuotaExceededError", message="402 Payment Required", status=402, retryable=False),
    Row(name="63c a balance is used up", script=[Status(403, BALANCE)], error="QuotaExceededError", message="403 Forbidden: Your balance is too low; waiting does not help", status=403, retryable=False),
    Row(name="63e billing is not active", script=[Status(429, {"error": {"message": "Your account is not active, please check your billing details", "code": "billing_not_active"}})], error="QuotaExceededError", message="429 ", retryable=False),
    Row(name="63f a credit balance is too low", script=[Status(400, {"error": {"message": "Your credit balance is too low"}})], error="QuotaExceededError", message="400 ", retryable=False),
    Row(name="63d a used up quota that asks to retry", script=[Status(429, QUOTA, headers={"x-should-retry": "true", **NOW})], error="QuotaExceededError", message="429 ", retryable=False),
    Row(name="64 502 pages for ever", script=[PAGE] * 3, posts=3, error="ServerError", message="502 Bad Gateway: an HTML page (502 Bad Gateway)", status=502, gaps=OWN),
    Row(name="64b 503 for ever, then one succeeds too late", script=[BUSY] * 4, posts=3, error="ServerError", message="503 ", retryable=True),
    refused("65", 400, "BadRequestError", "400 Bad Request: "),
    refused("65b", 401, "AuthenticationError", "401 Unauthorized: "),
    refused("65c", 403, "PermissionDeniedError", "403 Forbidden: "),
    refused("65d", 404, "NotFoundError", "404 Not Found: "),
    refused("65e", 413, "BadRequestError", "413 "),
    refused("65f", 422, "BadRequestError", f"422 {HTTPStatus(422).phrase}: body.messages: bad", body={"detail": [{"loc": ["body", "messages"], "msg": "bad", "type": "x"}]}),
    refused("65g", 418, "APIStatusError", "418 I'm a Teapot: short and stout", body="short and stout"),
    refused("65h", 400, "BadRequestError", "400 Bad Request: no such thing", body={"id": "bad_request", "message": "no such thing"}, code=None),
    refused("65i", 403, "PermissionDeniedError", "403 Forbidden: not in your tier", body={"error": {"message": "not in your tier", "type": "forbidden_error"}, "status_code": 403}, code="403"),
    refused("65j", 400, "BadRequestError", "400 Bad Request: bad", body={"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}}),
    context("66", "maximum context length is 8192 tokens"),
    context("66b", "prompt is too long: 210000 tokens > 200000 maximum"),
    context("66c", "The input token count exceeds the maximum number of tokens allowed"),
    context("66e", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
    context("66d", "Please reduce the length of the messages", status=413),
    Row(name="69 no retries", script=[BUSY], settings=NEVER, error="ServerError", message="503 ", status=503),
    Row(name="69b five retries", script=[BUSY] * 5, settings={"max_retries": 5}, posts=6),
]  # fmt: skip
