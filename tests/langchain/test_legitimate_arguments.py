"""Arguments whose names or values only look like keys and addresses are sent; what is refused is named rightly."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel

import langchain_do
from inference_do import BadRequestError, ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean


class Login(BaseModel):
    """A login."""

    api_key: str
    token: str
    password: str
    base_url: str = "https://example.com"
    max_tokens: int = 1


SCHEMA = Login.model_json_schema()
BODIES: dict[str, dict[str, Any]] = {
    "a schema under vLLM's name": {"guided_json": SCHEMA},
    "a schema further down": {"structured_outputs": {"json": SCHEMA}},
    "definitions": {"guided_json": {"$defs": {"token": SCHEMA, "api_key": SCHEMA}, "$ref": "#/$defs/token"}},
    "an address further down": {
        "image": {"url": "https://example.com/a.png"},
        "pages": [{"url": "https://example.com"}],
    },
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("place", ["extra_body", "model_kwargs"])
def test_what_only_looks_like_a_secret_is_sent(emu: Emulator, model: ChatDigitalOcean, place: str, name: str) -> None:
    made = ChatDigitalOcean(model=model.model, api_key=emu.api_key, base_url=emu.base_url, **{place: BODIES[name]})
    with suppress(BadRequestError):  # the emulator does not know all of them
        made.invoke("?")
    assert BODIES[name].items() <= emu.requests[-1].json.items()


@pytest.mark.parametrize(
    "body",
    [
        {"base_url": "https://example.com"},
        {"properties": {"token": "abcdef"}},
        {"client": {"api_key": "abcdef"}},
        {"guided_json": {"properties": {"a": {"type": "string"}}, "token": "abcdef"}},
    ],
    ids=str,
)
def test_what_is_one_is_refused(model: ChatDigitalOcean, body: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"api_key=|base_url="):
        model.invoke("?", extra_body=body)


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
async def test_a_schema_may_ask_for_secrets(emu: Emulator, model: ChatDigitalOcean, method: Any) -> None:
    answer = '{"api_key": "sk-do-v1-abcdefghijkl", "token": "t", "password": "p"}'
    structured = model.with_structured_output(Login, method=method)
    for _ in range(2):
        emu.reply(tool_calls=[("Login", answer)]) if method == "function_calling" else emu.reply(answer)
    assert structured.invoke("?") == await structured.ainvoke("?") == Login.model_validate_json(answer)


def test_a_configuration_is_refused_for_what_it_holds(emu: Emulator, model: ChatDigitalOcean) -> None:
    with pytest.raises(ConfigError, match="the value of 'thread_id' looks like a key"):
        model.with_config(configurable={"thread_id": "sk-do-v1-abcdefghijkl"})
    with pytest.raises(ConfigError, match="'user_api_key' may hold a secret"):
        model.with_config(configurable={"user_api_key": "abcdefghijkl"})
    model.with_config(configurable={"access_token_provider": lambda: "x"}, metadata={"token": "x"}).invoke("?")
    assert emu.posts == 1


async def test_a_refused_batch_returns_its_exceptions_if_it_is_asked_to(model: ChatDigitalOcean) -> None:
    found = model.batch(["a", "b"], return_exceptions=True, temprature=1)
    found += await model.abatch(["a", "b"], return_exceptions=True, temprature=1)
    assert [type(error) for error in found] == [langchain_do.ConfigError] * 4
    with pytest.raises(ConfigError, match="did you mean 'temperature'"):
        model.batch(["a", "b"], temprature=1)


@pytest.mark.parametrize("stop", [5, {"a": 1}], ids=str)
def test_stops_of_another_type_are_the_apis_business(model: ChatDigitalOcean, stop: Any) -> None:
    with pytest.raises(BadRequestError, match="stop"):
        model.invoke("?", stop=stop)


async def test_what_belongs_into_the_configuration_is_named(emu: Emulator, model: ChatDigitalOcean) -> None:
    """Core's own words are "got multiple values for keyword argument"."""
    with pytest.raises(ConfigError, match=r"metadata belongs into LangChain's configuration: .*extra_body"):
        model.invoke("?", metadata={"a": "b"})
    with pytest.raises(ConfigError, match="tags belongs into LangChain's configuration"):
        await model.bind(tags=["a"]).ainvoke("?")
    model.invoke("?", {"metadata": {"a": "b"}, "tags": ["a"]}, extra_body={"metadata": {"c": "d"}})
    assert emu.requests[-1].json["metadata"] == {"c": "d"}
