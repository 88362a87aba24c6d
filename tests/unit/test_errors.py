"""The error tree: who derives from whom, texts, pickles and copies."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

from inference_do import errors
from inference_do.types import ChatCompletion

TREE = {
    "InferenceError": "Exception",
    "ConfigError": "InferenceError ValueError",
    "APIConnectionError": "InferenceError",
    "APITimeoutError": "APIConnectionError TimeoutError",
    "APIStatusError": "InferenceError",
    "BadRequestError": "APIStatusError",
    "ContextLengthError": "BadRequestError",
    "AuthenticationError": "APIStatusError",
    "PermissionDeniedError": "APIStatusError",
    "NotFoundError": "APIStatusError",
    "ConflictError": "APIStatusError",
    "RateLimitError": "APIStatusError",
    "QuotaExceededError": "RateLimitError",
    "ServerError": "APIStatusError",
    "ProtocolError": "InferenceError",
    "StreamError": "InferenceError",
    "StreamInterrupted": "StreamError",
    "StreamFailed": "StreamError",
}
CLASSES: list[type[errors.InferenceError]] = [getattr(errors, name) for name in TREE]


@pytest.mark.parametrize(("name", "bases"), TREE.items())
def test_the_tree(name, bases):
    kind = getattr(errors, name)
    assert {base.__name__ for base in kind.__mro__} >= set(bases.split())
    assert not issubclass(kind, RuntimeError)


def test_everything_public_is_in_the_tree_and_in_the_modules_drawing():
    assert set(errors.__all__) - {"Phase"} == set(TREE)
    drawn = re.findall(r"^    *(\w+) ", errors.__doc__ or "", re.MULTILINE)
    assert set(TREE) <= set(drawn)


def make(kind: type[errors.InferenceError]) -> errors.InferenceError:
    details: dict[str, Any] = {"retryable": True, "attempts": 3, "request_id": "req-1"}
    details["partial"] = ChatCompletion.model_validate({"choices": [{"message": {"content": "Hi"}}]})
    if issubclass(kind, errors.APITimeoutError):
        details["phase"] = "idle"
    if issubclass(kind, errors._Reported):
        details |= {"status": 418, "code": "c", "type": "t"}
    if issubclass(kind, errors.APIStatusError):
        details |= {"retry_after": 1.5, "body": "b"}
    return kind("what happened", **details)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"]
)
def test_errors_travel_whole(kind, through):
    error = make(kind)
    error.add_note("a note")
    other = through(error)
    assert other is not error
    assert type(other) is kind
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
    assert other.partial.text == "Hi"


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_can_be_made_from_words_alone(kind):
    error = kind("words")
    assert str(error) == "words"
    assert (error.retryable, error.attempts, error.request_id, error.partial) == (False, 0, None, None)
    assert str(kind()) == ""


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({}, "words"),
        ({"attempts": 1}, "words"),
        ({"attempts": 2}, "words (2 attempts)"),
        ({"request_id": "r"}, "words (request id r)"),
        ({"request_id": "r", "attempts": 3}, "words (request id r, 3 attempts)"),
    ],
)
def test_the_text_names_request_and_attempts(details, text):
    assert str(errors.InferenceError("words", **details)) == text


def test_usual_handlers_catch_them():
    with pytest.raises(TimeoutError):
        raise errors.APITimeoutError
    with pytest.raises(ValueError, match=r"^$"):
        raise errors.ConfigError


def test_a_subclass_of_an_adapters_kind_travels_too():
    error = _Both("x", status=429, retry_after=1.0)
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), other.retry_after) == (_Both, 1.0)


class _Foreign(Exception):  # noqa: N818  as a framework might name it
    def __init__(self, message: str, **_: Any) -> None:
        super().__init__(message)


class _Both(errors.RateLimitError, _Foreign):
    pass
