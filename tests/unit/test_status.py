"""What error replies mean: every shape's message, the class of each status, lengths."""

# ruff: noqa: E501  the rows of its tables stay rows

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_do import errors
from inference_do._protocol.status import ErrorDetail, from_event, from_status, parse_error_body, snippet

SHAPES: list[tuple[Any, ErrorDetail | None]] = [
    ({"error": {"message": "no", "type": "forbidden_error"}}, ErrorDetail("no", "forbidden_error")),
    ({"error": {"message": "no", "type": "t", "code": "c"}}, ErrorDetail("no", "t", "c")),
    ({"error": {"message": "no", "code": 400}}, ErrorDetail("no", None, "400")),
    ({"error": {"message": "no"}, "status_code": 403}, ErrorDetail("no", None, "403")),
    ({"id": "unauthorized", "message": "no"}, ErrorDetail("no", "unauthorized")),
    ({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, ErrorDetail("no", "overloaded_error")),
    ({"type": "error", "error": {"message": "no"}}, ErrorDetail("no")),
    (
        {"detail": [{"loc": ["body", "model"], "msg": "missing"}, {"msg": "bad"}]},
        ErrorDetail("body.model: missing; bad"),
    ),
    ({"detail": [{"loc": 5, "msg": "x"}]}, ErrorDetail("5: x")),
    ({"detail": [{"loc": "body", "msg": "x"}]}, ErrorDetail("body: x")),
    ({"detail": [{"loc": ["body", 0], "msg": None}, 5]}, ErrorDetail("body.0")),
    ({"detail": "no"}, ErrorDetail("no")),
    ({"detail": {"message": "no", "error": "other"}}, ErrorDetail("no")),
    ({"detail": []}, None),
    ({"detail": "other", "message": ["a"], "error": [[["z"]]]}, ErrorDetail("a")),  # a list without words says nothing
    ({"detail": 5}, None),
    ({"error": "no", "code": 404}, ErrorDetail("no", None, "404")),
    ({"error": "no"}, ErrorDetail("no")),
    (
        {"object": "error", "message": "no", "type": "BadRequestError", "code": 400},
        ErrorDetail("no", "BadRequestError", "400"),
    ),
    (
        {"error": {"object": "error", "message": "no", "type": "T", "param": None, "code": 400}},
        ErrorDetail("no", "T", "400"),
    ),
    ({"message": "no", "code": True}, ErrorDetail("no")),
    ({"message": "no", "code": ""}, ErrorDetail("no")),
    ({"message": ""}, None),
    ({"message": " \n"}, None),
    ({"message": "no", "code": 999_999_999}, ErrorDetail("no", None, "999999999")),
    ({"message": "no", "code": 1_000_000_000}, ErrorDetail("no")),
    ({"error": "Unauthorized", "message": "no", "type": "auth"}, ErrorDetail("no", "auth")),
    ({"error": 5, "message": "no", "code": "slow_down"}, ErrorDetail("no", None, "slow_down")),
    ({"message": 5}, None),
    ({}, None),
    ({"error": None}, None),
    ({"error": {}}, None),
    ({"error": {"message": None}, "message": "outer"}, ErrorDetail("outer")),
    ({"error": 5}, ErrorDetail("5")),
    ({"error": True}, ErrorDetail("True")),
    ({"error": ["a"]}, ErrorDetail("a")),
    # A6: further forms
    ([{"error": {"message": "no", "code": 404}}], ErrorDetail("no", None, "404")),
    ([{"error": "a"}, {"error": "b"}], None),
    ({"code": 500, "msg": "no"}, ErrorDetail("no", None, "500")),
    ({"errors": [{"message": "a", "code": 1}, "b"]}, ErrorDetail("a; b")),
    ({"detail": {"error": "no"}, "status": 503}, ErrorDetail("no", None, "503")),
    ({"error": "Unauthorized", "message": "no key", "statusCode": 401}, ErrorDetail("no key", "Unauthorized", "401")),
    ({"error": {"message": "no", "code": "odd", "status": 429}}, ErrorDetail("no", None, "odd", number=429)),
    ({"error": 429, "message": "slow"}, ErrorDetail("slow", None, "429")),
    ({"error": True, "message": "no"}, ErrorDetail("no")),
    ({"error": {"message": "no"}, "id": "chatcmpl-1"}, ErrorDetail("no")),
    (
        {"choices": [{"error": {"code": 502, "message": "no"}, "finish_reason": "error"}]},
        ErrorDetail("no", None, "502"),
    ),
    ({"choices": [{"message": {"error": {"code": 502, "message": "no"}}}]}, ErrorDetail("no", None, "502")),
    ({"choices": [{"finish_reason": "error"}]}, ErrorDetail("the answer ended with the finish reason 'error'")),
    ({"choices": [{"finish_reason": "stop"}, 5]}, None),
    ({"choices": 5}, None),
    ([], None),
    ("no", None),
    (None, None),
]


@pytest.mark.parametrize(("body", "detail"), SHAPES, ids=[json.dumps(row[0])[:50] for row in SHAPES])
def test_words(body, detail):
    assert parse_error_body(body) == detail


FAILED = {"object": "response", "id": "resp_1", "status": "failed"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({**FAILED, "error": {"message": "no", "code": "server_error"}}, ErrorDetail("no", None, "server_error")),
        ({**FAILED, "error": None}, ErrorDetail("status 'failed'")),
        ({"type": "response.failed", "response": {**FAILED, "error": {"message": "no"}}}, ErrorDetail("no")),
        ({"type": "response.failed", "response": FAILED}, ErrorDetail("status 'failed'")),
    ],
)
def test_a_failed_response_of_the_responses_api(body, detail):
    assert parse_error_body(body) == detail


STATUSES = {
    400: "BadRequestError bad_request invalid_request_error InvalidArgument",
    401: "authentication_error AuthenticationError invalid_api_key Unauthenticated Unauthorized",
    402: "insufficient_quota PaymentRequired",
    403: "AccessDeniedException Forbidden permission_error PERMISSION_DENIED PermissionDeniedError",
    404: "model_not_found NotFoundError not_found_error",
    409: "ConflictError",
    413: "request_too_large",
    422: "UnprocessableEntityError",
    429: "rate_limit_error rate_limit_exceeded RateLimitError RESOURCE_EXHAUSTED ThrottlingException too_many_requests",
    500: "api_error internal_error InternalServerError server_error",
    502: "bad_gateway",
    503: "service_unavailable ServiceUnavailableError UNAVAILABLE",
    504: "DEADLINE_EXCEEDED gateway_timeout timeout_error",
    529: "overloaded_error",
}


@pytest.mark.parametrize(("status", "names"), STATUSES.items())
def test_servers_name_a_status(status, names):
    for name in names.split():
        assert ErrorDetail("no", type=name).status == status, name
        assert ErrorDetail("no", code=name).status == status, name


def test_a_number_counts_before_a_name():
    assert ErrorDetail("no", type="overloaded_error", code="odd", number=503).status == 503
    assert ErrorDetail("no", type="overloaded_error", code="400", number=503).status == 400


def test_neither_the_key_nor_control_characters_are_in_a_name():
    error = from_status(
        500,
        json.dumps({"error": {"message": "m key", "type": "t key\x1b", "code": "c key\x1b"}}),
        attempts=1,
        scrub=lambda text: text.replace("key", "***"),
    )
    assert "key" not in f"{error} {error.type} {error.code} {error.body}"
    assert "***" in error.type
    assert "***" in error.code
    assert "\x1b" not in error.type + error.code


@pytest.mark.parametrize(
    ("code", "status"), [("400", 400), ("599", 599), ("200", None), ("4000", None), ("", None), (None, None)]
)
def test_a_code_may_spell_a_status(code, status):
    assert ErrorDetail("x", None, code).status == status


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["loc", "msg", "message", "type", "code"]), inner)
    ),
    max_leaves=10,
)
BODIES = JSON_VALUES | st.dictionaries(
    st.sampled_from(["error", "message", "detail", "code", "type", "id", "status_code", "object"]), JSON_VALUES
)


@given(BODIES, st.integers(400, 599))
@settings(max_examples=100, deadline=None)
def test_any_json_at_all_makes_an_error(body, status):
    error = from_status(status, json.dumps(body), attempts=1)
    assert error.status == status
    assert len(str(error)) < 700
    assert isinstance(error.code, str | None)
    assert isinstance(error.type, str | None)


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_at_all_makes_an_error(body):
    assert from_status(500, body, attempts=1).body == body[:2000]
    assert from_event(body, attempts=1, request_id=None).status == 0


STATUSES = [
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (402, "QuotaExceededError"),
    (403, "PermissionDeniedError"),
    (404, "NotFoundError"),
    (405, "APIStatusError"),
    (408, "APIStatusError"),
    (409, "ConflictError"),
    (410, "APIStatusError"),
    (413, "BadRequestError"),
    (418, "APIStatusError"),
    (422, "BadRequestError"),
    (429, "RateLimitError"),
    (499, "APIStatusError"),
    (500, "ServerError"),
    (503, "ServerError"),
    (529, "ServerError"),
    (599, "ServerError"),
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_classes(status, kind):
    error = from_status(status, '{"error": {"message": "no"}}', attempts=1)
    assert type(error).__name__ == kind
    assert str(error).startswith(f"{status} ")


def test_phrases():
    texts = [str(from_status(status, "", attempts=1)) for status in (400, 529, 599)]
    assert texts == ["400 Bad Request", "529 Overloaded", "599 error"]


CONTEXT = [
    "the token count: [400000] exceeds the model: [glm-5.2]'s maximum token count: [262144]",
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "Please reduce the length of the messages",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "Input is too long for requested model",
    "request exceeds the available context size, try increasing it",
    "The input exceeds the context window of this model",
]


@pytest.mark.parametrize("detail", CONTEXT)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_full_context_in_many_words(detail, status):
    assert (
        type(from_status(status, json.dumps({"error": {"message": detail}}), attempts=1)) is errors.ContextLengthError
    )


@pytest.mark.parametrize("field", ["code", "type"])
def test_a_full_context_by_its_code(field):
    body = json.dumps({"error": {"message": "no", field: "context_length_exceeded"}})
    assert type(from_status(400, body, attempts=1)) is errors.ContextLengthError
    assert type(from_status(500, body, attempts=1)) is errors.ServerError


QUOTA = [
    ({"message": "You exceeded your current quota, please check your plan"}, True),
    ({"message": "no", "code": "insufficient_quota"}, True),
    ({"message": "no", "type": "insufficient_balance"}, True),
    ({"message": "Your prepaid balance is exhausted"}, True),
    ({"message": "out of credits"}, True),
    ({"message": "Payment required"}, True),
    ({"message": "billing_hard_limit_reached"}, True),
    ({"message": "too many requests"}, False),
    (
        {
            "message": "Rate limit reached. Limit: 3 / min. Visit https://platform.openai.com/account/billing to add a card"
        },
        False,
    ),
    ({"message": "request quota per minute reached, try again in 2 s"}, False),
]


@pytest.mark.parametrize(("content", "spent"), QUOTA)
@pytest.mark.parametrize("status", [403, 429])
def test_a_used_up_quota_in_many_words(content, spent, status):
    error = from_status(status, json.dumps({"error": content}), attempts=1)
    assert (type(error) is errors.QuotaExceededError) is spent


@pytest.mark.parametrize(
    "words", ["You exceeded your current quota", "credit balance is too low", "prompt is too long"]
)
def test_a_servers_own_failure_is_one_in_whatever_words(words):
    assert type(from_status(500, json.dumps({"error": words}), attempts=1)) is errors.ServerError


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, errors.QuotaExceededError), (422, errors.BadRequestError), (401, errors.AuthenticationError)],
)
def test_a_credit_balance_that_is_used_up_is_a_spent_quota_where_anthropic_says_so(status, kind):
    body = json.dumps({"error": {"message": "Your credit balance is too low"}})
    assert type(from_status(status, body, attempts=1)) is kind


def test_words_that_are_no_json_are_shown():
    error = from_event("it  broke", attempts=1, request_id=None)
    assert str(error).startswith("the API reported an error in the stream: it broke")
    assert "no reason given" in str(from_event(" ", attempts=1, request_id=None))
    assert snippet("\ufeff<html><title>Bad Gateway</title>") == "an HTML page (Bad Gateway)"


def test_half_an_emoji_in_an_error_is_no_other_error():
    assert str(from_status(400, '{"message": "no \ud83d"}', attempts=1)).startswith("400 Bad Request: no ")


def test_what_an_error_in_a_stream_keeps():
    error = from_event('{"error": {"message": "no", "code": 503, "type": "t"}}', attempts=3, request_id="r")
    assert (error.attempts, error.request_id) == (3, "r")
    assert (error.status, error.code, error.type) == (503, "503", "t")


def test_what_the_error_keeps():
    body = json.dumps({"error": {"message": "no", "type": "t", "code": "c"}})
    error = from_status(429, body, attempts=2, request_id="r", retry_after=1.5)
    assert (error.code, error.type, error.retry_after, error.body) == ("c", "t", 1.5, body)
    assert str(error) == "429 Too Many Requests: no (request id r, 2 attempts)"


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "check the key"), (403, "may not call this model"), (402, "top up")]
)
def test_advice(status, advice):
    assert advice in str(from_status(status, "{}", attempts=1))


def test_a_hint_stands_in_for_advice_unless_the_reason_is_plain():
    assert str(from_status(404, "", attempts=1, hint="try x")) == "404 Not Found; try x"
    assert str(from_status(400, "", attempts=1, hint="try x")) == "400 Bad Request; try x"
    assert str(from_status(403, "", attempts=1, hint="try x")) == "403 Forbidden; try x"
    content = str(from_status(400, '{"message": "the prompt is too long"}', attempts=1, hint="try x"))
    assert content == "400 Bad Request: the prompt is too long"


def test_lengths():
    huge = json.dumps({"error": {"message": "m" * 5_000_000, "code": "c" * 99_999, "type": "t" * 99_999}})
    error = from_status(500, huge, attempts=1)
    assert len(str(error)) < 600
    assert max(len(error.body), len(error.code or ""), len(error.type or "")) <= 2000
    assert len(str(from_status(500, "x" * 5_000_000, attempts=1))) < 300
    assert len(str(from_event(huge, attempts=1, request_id=None))) < 600
    listed = json.dumps({"error": {"message": ["m" * 5_000_000]}})
    assert len(str(from_event(listed, attempts=1, request_id=None))) < 700


SNIPPETS = [
    ("", ""),
    (" a\n b ", "a b"),
    ("<html>x", "an HTML page"),
    (" \n<!DOCTYPE html><title> 502\n Bad </title>", "an HTML page (502 Bad)"),
    ("<title></title>", "an HTML page"),
    ("<TITLE>a</TITLE>", "an HTML page (a)"),
    ("x" * 900, "x" * 200),
]


@pytest.mark.parametrize(("text", "shown"), SNIPPETS)
def test_snippets(text, shown):
    assert snippet(text) == shown


LIKE = [
    ({"message": "no", "code": 429}, errors.RateLimitError),
    ({"message": "no", "code": 400}, errors.BadRequestError),
    ({"message": "prompt is too long", "code": 400}, errors.ContextLengthError),
    ({"message": "prompt is too long"}, errors.ContextLengthError),
    ({"message": "no", "code": "insufficient_quota"}, errors.QuotaExceededError),
    ({"message": "You exceeded your current quota"}, errors.QuotaExceededError),
    ({"message": "no"}, None),
    ({"message": "no", "type": "overloaded_error"}, errors.ServerError),
    ({"message": "no", "type": "rate_limit_error", "code": None}, errors.RateLimitError),
    ({"message": "no", "type": "BadRequestError"}, errors.BadRequestError),
    ({"message": "no", "type": "forbidden_error"}, errors.PermissionDeniedError),
    ({"message": "no", "type": "invalid_request_error", "code": "rate_limit_exceeded"}, errors.RateLimitError),
    ({"message": "no", "type": "a_new_error", "code": "sorry"}, None),
]


@pytest.mark.parametrize(("content", "kind"), LIKE)
def test_an_error_in_a_stream_says_what_it_is_like(content, kind):
    error = from_event(json.dumps({"error": content}), attempts=1, request_id=None)
    assert error.like is kind
    assert pickle.loads(pickle.dumps(error)).like is kind


def test_an_event_without_words_says_so():
    assert (
        str(from_event("", attempts=1, request_id=None)) == "the API reported an error in the stream: no reason given"
    )
