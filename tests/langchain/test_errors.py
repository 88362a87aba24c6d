"""Failures: one error for each condition, caught under our name and under LangChain's, from every entry point."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core import exceptions as theirs
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ContextOverflowError, ModelError
from langchain_core.messages import RemoveMessage

import inference_do
import inference_do.errors as ours
from inference_do.emulator import DelayHead, Drop, Emulator, ErrorEvent, RawBody, Reset, Status, Truncate
from langchain_do import (
    ChatDigitalOcean,
    DigitalOceanEmbeddings,
    InferenceError,
    RefusalError,
    StreamContextLengthError,
    StreamFailed,
    StreamRateLimited,
    StreamRefused,
    StreamServerError,
)
from langchain_do._errors import PAIRS, paired

Make = Callable[..., ChatDigitalOcean]
LONG = {"error": {"message": "the token count: [4] exceeds the model: [m]'s maximum token count: [2]", "type": "x"}}
FAILURES: list[tuple[Any, type[Exception], type[Exception], bool]] = [
    (Status(400), ours.BadRequestError, theirs.ModelInvalidRequestError, False),
    (Status(422), ours.BadRequestError, theirs.ModelInvalidRequestError, False),
    (Status(400, LONG), ours.ContextLengthError, ContextOverflowError, False),
    (Status(413, LONG), ours.ContextLengthError, theirs.ModelInvalidRequestError, False),
    (Status(401), ours.AuthenticationError, theirs.ModelAuthenticationError, False),
    (Status(402), ours.QuotaExceededError, theirs.ModelRateLimitError, False),
    (Status(403), ours.PermissionDeniedError, theirs.ModelPermissionDeniedError, False),
    (Status(404), ours.NotFoundError, theirs.ModelNotFoundError, False),
    (Status(409), ours.ConflictError, theirs.ModelError, True),
    (Status(429, headers={"retry-after": "7"}), ours.RateLimitError, theirs.ModelRateLimitError, True),
    (Status(500), ours.ServerError, theirs.ModelAPIError, True),
    (Status(503), ours.ServerError, theirs.ModelAPIError, True),
    (Drop(before_head=True), ours.APIConnectionError, theirs.ModelConnectionError, True),
    (DelayHead(2), ours.APITimeoutError, theirs.ModelTimeoutError, True),
    (RawBody(b"<html>", content_type="text/html"), ours.ProtocolError, theirs.ModelAPIError, None),
]
BROKEN: list[tuple[Any, type[Exception], type[Exception]]] = [
    (Truncate(after_events=2), ours.StreamInterrupted, theirs.ModelConnectionError),
    (Reset(after_events=2), ours.StreamInterrupted, theirs.ModelConnectionError),
    (ErrorEvent(after_events=2), ours.StreamFailed, theirs.ModelAPIError),
    (ErrorEvent(2, {"error": {"message": "slow down", "code": 429}}), ours.StreamFailed, theirs.ModelRateLimitError),
    (ErrorEvent(2, {"error": {"message": "no", "code": 400}}), ours.StreamFailed, theirs.ModelInvalidRequestError),
    (
        ErrorEvent(2, {"error": {"message": "too many", "code": "context_length_exceeded"}}),
        ours.StreamFailed,
        ContextOverflowError,
    ),
]


async def ask(model: ChatDigitalOcean, entry: str) -> Any:
    match entry:
        case "invoke":
            return model.invoke("a long enough text")
        case "ainvoke":
            return await model.ainvoke("a long enough text")
        case "stream":
            return list(model.stream("a long enough text"))
        case _:
            return [chunk async for chunk in model.astream("a long enough text")]


@pytest.mark.parametrize("entry", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize(("fault", "our", "their", "retryable"), FAILURES, ids=str)
async def test_failures(
    emu: Emulator, make: Make, *, entry: str, fault: Any, our: type[Exception], their: type[Exception], retryable: bool
) -> None:
    emu.always = fault
    with pytest.raises(our) as caught:
        await ask(make(max_retries=0, timeout=0.3), entry)
    error: Any = caught.value
    assert isinstance(error, their)
    assert error.is_retryable is error.retryable
    assert retryable is None or error.retryable is retryable
    assert error.attempts == 1
    if isinstance(fault, Status):
        assert error.status == fault.status
        assert error.request_id
    if isinstance(error, ours.RateLimitError) and fault.headers:
        assert error.retry_after == 7
    if isinstance(error, ours.APITimeoutError):
        assert isinstance(error, TimeoutError)
        assert error.phase == "first_token"


@pytest.mark.parametrize("entry", ["stream", "astream"])
@pytest.mark.parametrize(("fault", "our", "their"), BROKEN, ids=str)
async def test_broken_streams(
    emu: Emulator, make: Make, *, entry: str, fault: Any, our: type[Exception], their: type[Exception]
) -> None:
    emu.script(fault)
    with pytest.raises(our) as caught:
        await ask(make(), entry)
    error: Any = caught.value
    assert isinstance(error, their)
    assert error.partial.text == "You said"
    assert emu.posts == 1
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert twin.partial.text == "You said"


def test_what_came_before_the_failure_is_handed_out(emu: Emulator, model: ChatDigitalOcean) -> None:
    emu.script(Truncate(after_events=3))
    seen: list[str] = []
    with pytest.raises(ours.StreamInterrupted):
        seen.extend(str(chunk.text) for chunk in model.stream("a long enough text"))
    assert seen == ["You said", ": a"]


def test_every_error_has_a_pair() -> None:
    kinds = {value for name in ours.__all__ if isinstance(value := getattr(ours, name), type)}
    kinds = {kind for kind in kinds if issubclass(kind, ours.InferenceError)}
    assert set(PAIRS) == kinds
    for kind, pair in PAIRS.items():
        assert issubclass(pair, kind)
        assert issubclass(pair, ModelError)


def test_the_pairs_are_a_tree_like_ours() -> None:
    for kind, pair in PAIRS.items():
        parents = [base for base in kind.__mro__ if base in PAIRS]
        assert [base for base in parents if not issubclass(pair, PAIRS[base])] == []
    of_streams = {StreamServerError, StreamRateLimited, StreamRefused, StreamContextLengthError}
    assert all(issubclass(kind, StreamFailed) for kind in of_streams)
    assert not issubclass(StreamRefused, theirs.ModelAPIError)  # LangChain would take it for a failure of the server
    assert issubclass(RefusalError, InferenceError)


@pytest.mark.parametrize("kind", PAIRS)
def test_pairs_copy_and_pickle(kind: type[ours.InferenceError]) -> None:
    error = paired(kind("boom", retryable=True, attempts=3, request_id="r1"))
    for twin in (error, pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(twin), str(twin)) == (type(error), "boom (request id r1, 3 attempts)")
        assert (twin.attempts, twin.request_id, twin.is_retryable) == (3, "r1", True)


def test_a_subclass_of_an_error_takes_its_pair() -> None:
    class Odd(ours.ServerError):
        pass

    assert isinstance(paired(Odd("x", status=500)), PAIRS[ours.ServerError])


def test_wrong_messages_are_errors_of_both(model: ChatDigitalOcean) -> None:
    with pytest.raises(ours.ConfigError) as caught:
        model.invoke([RemoveMessage(id="1")])
    assert isinstance(caught.value, theirs.ModelInvalidRequestError)
    assert isinstance(caught.value, ValueError)


def test_retries_happen_in_the_client(emu: Emulator, make: Make) -> None:
    emu.script(Status(503, headers={"retry-after": "0"}), Status(503, headers={"retry-after": "0"}))
    assert make(max_retries=2).invoke("hi").text == "You said: hi"
    assert emu.posts == 3


def test_errors_reach_callbacks_once(emu: Emulator, make: Make) -> None:
    class Recorder(BaseCallbackHandler):
        errors: list[BaseException] = []  # noqa: RUF012

        def on_llm_error(self, error: BaseException, **_: Any) -> None:
            self.errors.append(error)

    recorder = Recorder()
    emu.always = Status(401)
    model = make()
    for ask_ in (model.invoke, lambda *args: list(model.stream(*args))):
        with pytest.raises(inference_do.AuthenticationError):
            ask_("hi", {"callbacks": [recorder]})
    assert len(recorder.errors) == 2


def test_fallbacks_and_retries_of_langchain(emu: Emulator, make: Make) -> None:
    good = make()
    bad = make(api_key="wrong")
    assert bad.with_fallbacks([good], exceptions_to_handle=(theirs.ModelAuthenticationError,)).invoke("hi").text
    emu.reset()
    emu.script(Status(500), Status(500))
    flaky = make(max_retries=0).with_retry(
        retry_if_exception_type=(theirs.ModelAPIError,), wait_exponential_jitter=False, stop_after_attempt=3
    )
    assert flaky.invoke("hi").text == "You said: hi"
    assert emu.posts == 3


async def test_embeddings_raise_the_same(emu: Emulator) -> None:
    model = DigitalOceanEmbeddings(model="bge-m3", api_key="wrong", base_url=emu.base_url)
    with pytest.raises(theirs.ModelAuthenticationError):
        model.embed_query("hi")
    with pytest.raises(ours.AuthenticationError):
        await model.aembed_documents(["hi"])


def test_the_errors_of_callers_are_left_alone(emu: Emulator, model: ChatDigitalOcean) -> None:
    stream = model._stream([])
    with pytest.raises(ours.ConfigError, match="messages"):
        next(stream)
    iterator = model.stream("a b c d")
    next(iterator)
    with pytest.raises(ZeroDivisionError):
        iterator.throw(ZeroDivisionError)
