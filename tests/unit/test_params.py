"""The typed settings are what the client does with them, and what the emulator knows of the API."""

from __future__ import annotations

import typing

import pytest

from inference_do import AsyncClient, Client, known_models
from inference_do._slips import CALL_NAMES
from inference_do._wires.chat_completions import chat_body
from inference_do.emulator._server.agent import FIELDS as AGENT_FIELDS
from inference_do.emulator._server.chat.request import CHECKS, MISCELLANEOUS
from inference_do.emulator._server.embeddings import FIELDS as EMBED_FIELDS
from inference_do.params import AgentParams, CallOptions, ChatParams, ChatSettings, Effort, EmbedParams, MessageParam

OPTIONS = CallOptions.__annotations__.keys()
OURS = OPTIONS | {"default_params", "api", "use_responses_api"}
METHODS = ["chat", "stream", "embed", "models", "request", "request_as"]


def test_the_fields_of_a_chat_are_those_of_the_api():
    fields = ChatParams.__annotations__.keys() - OURS - AgentParams.__annotations__.keys()
    checked = CHECKS.keys() - {"model", "messages", "stream"}
    assert checked <= fields <= checked | MISCELLANEOUS
    assert AgentParams.__annotations__.keys() == AGENT_FIELDS


def test_the_fields_of_embeddings_are_those_of_the_api():
    assert EmbedParams.__annotations__.keys() - OURS == EMBED_FIELDS - {"model", "input"}


def test_our_own_options_are_those_that_never_reach_the_body(monkeypatch):
    client = Client("key")
    values = {"extra_headers": {}, "extra_query": {}, "extra_body": {}, "timeout": 5, "max_retries": 0}
    assert values.keys() == OPTIONS
    sent = {}
    monkeypatch.setattr(client, "_request", lambda path, body, **options: sent.update(body))
    client._chat("m", [{"role": "user", "content": ""}], {**values, "default_params": {}, "not_known": 1})
    assert sent.keys() == {"model", "messages", "not_known"}


@pytest.mark.parametrize("name", METHODS)
def test_both_clients_take_the_same(name):
    one, other = (typing.get_type_hints(getattr(kind, name)) for kind in (Client, AsyncClient))
    if name != "stream":
        assert one == other
    assert one.keys() == other.keys()
    del one["return"], other["return"]
    assert one == other


@pytest.mark.parametrize("kind", [ChatParams, EmbedParams, MessageParam])
def test_types_can_be_read_when_the_program_runs(kind):
    assert typing.get_type_hints(kind).keys() == kind.__annotations__.keys()


def test_efforts_that_models_take_are_offered():
    efforts = {effort for info in known_models().values() for effort in info.reasoning_efforts or ()}
    assert efforts <= set(typing.get_args(Effort))


def test_none_is_not_given():
    body = chat_body("m", [{"role": "user", "content": ""}], dict.fromkeys(ChatSettings.__annotations__))
    assert body.keys() == {"model", "messages"}


def test_every_typed_field_is_a_right_name_of_a_call():
    assert ChatParams.__annotations__.keys() | EmbedParams.__annotations__.keys() <= CALL_NAMES
