"""Errors and models that are copied, pickled and sent to other processes."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from interfaces import HELLO, INTERFACES, KEY, read

import inference_do.errors
import langchain_do._errors
from inference_do import Client, ConfigError, InferenceError, Timeout
from inference_do.config import KEY_VARIABLES
from inference_do.emulator import DelayHead, ErrorEvent, RawBody, Reset, Status, Truncate

FAULTS: dict[str, Any] = {
    "400": Status(400),
    "401": Status(401),
    "402": Status(402),
    "403": Status(403),
    "404": Status(404),
    "409": Status(409),
    "429": Status(429, headers={"retry-after": "7", "x-request-id": "req-1"}),
    "500": Status(500),
    "context length": Status(400, {"error": {"message": "maximum context length is 8192 tokens"}}),
    "timeout": DelayHead(9),
    "no JSON": RawBody(b"<html>"),
    "reset": Reset(before_head=True),
    "cut": Truncate(3),
    "broken off": Reset(after_events=3),
    "failed": ErrorEvent(after_events=3),
    "rate limit in a stream": ErrorEvent(after_events=3, body={"error": {"message": "slow", "code": 429}}),
}

THROUGH: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {number}": lambda e, n=number: pickle.loads(pickle.dumps(e, n)) for number in range(6)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def everything(error: InferenceError) -> tuple[Any, ...]:
    partial = error.partial.model_dump() if error.partial else None
    return type(error), error.args, str(error), repr(error), {**vars(error), "partial": partial}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_error_that_a_caller_meets(interface_kind, emu, fault):
    emu.always = fault
    interface = interface_kind(emu.base_url, max_retries=0, timeout=Timeout(first_token=0.1))
    with pytest.raises(InferenceError) as raised:
        read(interface, HELLO)
    for name, through in THROUGH.items():
        twin = through(raised.value)
        assert everything(twin) == everything(raised.value), name
        assert isinstance(twin, TimeoutError) == isinstance(raised.value, TimeoutError)
        assert KEY.encode() not in pickle.dumps(twin)


CLASSES = {
    f"{module.__name__.split('.')[0]} {name}": kind
    for module in (inference_do.errors, langchain_do._errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, InferenceError) and kind.__module__ == module.__name__
}


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_class_even_made_from_nothing(kind):
    for error in (kind(), kind("words")):
        for through in THROUGH.values():
            twin = through(error)
            assert (type(twin), twin.args, str(twin), vars(twin)) == (kind, error.args, str(error), vars(error))


def fail(base_url: str) -> str:
    """Fail in a process of its own."""
    return (
        Client(KEY, base_url=base_url, max_retries=0)
        .stream(model="llama3.3-70b-instruct", messages=[{"role": "user", "content": HELLO}])
        .completion()
        .text
    )


def test_an_error_crosses_a_border(emu):
    """As multiprocessing, Celery and Ray send them."""
    emu.always = Truncate(3)
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(inference_do.errors.StreamInterrupted) as raised,
    ):
        pool.submit(fail, emu.base_url).result(timeout=30)
    assert (raised.value.attempts, raised.value.partial.text) == (1, "You said: Say")


@pytest.mark.parametrize("through", ["copy", "deepcopy", "pickle 5"])
@pytest.mark.parametrize("name", ["langchain", "llamaindex"])
def test_models(emu, name, through):
    """A copy serves beside its original, and outlives it."""
    interface, twin = INTERFACES[name](emu.base_url, timeout=7, max_retries=1), INTERFACES[name](emu.base_url)
    interface.chat(HELLO)
    twin.model = THROUGH[through](interface.model)
    assert (twin.model.timeout, twin.model.max_retries) == (7, 1)
    assert twin.chat(HELLO) == asyncio.run(twin.achat(HELLO)) == interface.chat(HELLO) == "You said: Say hello"
    interface.close()
    assert read(twin, HELLO) == "You said: Say hello"
    twin.close()


def test_a_client_is_pickled_without_its_key(emu, monkeypatch):
    """Where it is opened the environment must have the same key."""
    data = pickle.dumps(Client(KEY, base_url=emu.base_url))
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", KEY)
    assert pickle.loads(data).models()
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="a key is never pickled"):
        pickle.loads(data).models()
