"""Tracebacks, names of errors, `repr` and `help()` (H39)."""

from __future__ import annotations

import copy
import pickle
import pydoc
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import inference_do
import langchain_do
import llamaindex_do
from inference_do import Client
from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings, DigitalOceanKnowledgeBaseRetriever

Make = Callable[..., ChatDigitalOcean]
KINDS: list[Any] = [
    ChatDigitalOcean,
    DigitalOceanEmbeddings,
    DigitalOceanKnowledgeBaseRetriever,
    llamaindex_do.DigitalOcean,
    llamaindex_do.DigitalOceanEmbedding,
]


async def test_a_404_has_a_short_traceback_with_public_names(emu: Emulator, make: Make) -> None:
    model = make(model="nobody-knows")
    chain = model | (lambda message: message.text)
    for call in (lambda: model.invoke("hi"), lambda: list(model.stream("hi"))):
        with pytest.raises(langchain_do.NotFoundError) as caught:
            call()
        assert len(traceback.extract_tb(caught.value.__traceback__)) <= 9
        assert "\nlangchain_do.NotFoundError: 404 Not Found" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(langchain_do.NotFoundError) as caught:
        await model.ainvoke("hi")
    assert len(traceback.extract_tb(caught.value.__traceback__)) <= 9
    with pytest.raises(langchain_do.NotFoundError):
        chain.invoke("hi")
    emu.script(Status(429))
    with pytest.raises(langchain_do.RateLimitError) as limited:
        make(max_retries=0).invoke("hi")
    assert "_errors" not in "".join(traceback.format_exception_only(limited.value))


@pytest.mark.parametrize("package", [inference_do, langchain_do])
def test_every_error_is_found_under_the_name_that_it_shows(package: Any) -> None:
    kinds = [value for name in package.__all__ if isinstance(value := getattr(package, name), type)]
    errors = [kind for kind in kinds if issubclass(kind, Exception) and not issubclass(kind, Warning)]
    assert len(errors) > 15
    for kind in errors:
        assert f"{kind.__module__}.{kind.__qualname__}" == f"{package.__name__}.{kind.__name__}"
        error = kind("text", attempts=2)
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert (type(twin), str(twin), twin.attempts) == (kind, str(error), 2)


def test_no_mistake_names_what_is_inside() -> None:
    for mistake in (lambda: Client(foo=1), lambda: Client("k", "u"), lambda: ChatDigitalOcean("m")):
        with pytest.raises((TypeError, ValueError)) as caught:
            mistake()
        assert "Core" not in str(caught.value)
        assert "Connected" not in str(caught.value)


def test_repr_begins_with_the_model(make: Make) -> None:
    model = make(temperature=0.5)
    assert repr(model).startswith("ChatDigitalOcean(model='llama3.3-70b-instruct', ")
    assert "profile" not in repr(model)
    assert "temperature=0.5" in repr(model)
    assert "\n" not in repr(model)
    assert len(repr(model)) < 150


@pytest.mark.parametrize("kind", KINDS)
def test_help_and_descriptions(kind: Any) -> None:
    text = pydoc.render_doc(kind, renderer=pydoc.plaintext)
    assert "BeforeValidator" not in text
    assert [name for name, field in kind.model_fields.items() if not field.description] == []
