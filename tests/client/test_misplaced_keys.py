"""Keys in forms and places where none belongs show up in no message and no frame (J56)."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from inference_do import AsyncClient, Client, ConfigError, KnowledgeBase
from langchain_do import ChatDigitalOcean
from llamaindex_do import DigitalOcean

KEY = "sk-do-v1-SECRETSECRETSECRET"
FORMS: list[Any] = [
    KEY.encode(),
    bytearray(KEY.encode()),
    memoryview(KEY.encode()),
    [KEY],
    (KEY,),
    {KEY},
    {"key": KEY},
    f"{KEY} {KEY}",
]
MAKERS: dict[str, Any] = {
    "Client": Client,
    "AsyncClient": AsyncClient,
    "KnowledgeBase": lambda **given: KnowledgeBase("11f0", **given),
    "ChatDigitalOcean": lambda **given: ChatDigitalOcean(model="m", **given),
    "DigitalOcean": lambda **given: DigitalOcean(model="m", **given),
}


def refused(call: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    shown = [str(caught.value), repr(caught.value.args), repr(vars(caught.value))]
    link: BaseException | None = caught.value
    while link is not None:
        frames = [frame for frame, _ in traceback.walk_tb(link.__traceback__)]
        shown += [repr(frame.f_locals) for frame in frames if frame.f_code.co_filename != __file__]
        link = link.__cause__ or link.__context__
    assert KEY not in "".join(shown)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
@pytest.mark.parametrize("maker", MAKERS)
def test_a_key_of_another_form(maker: str, form: Any) -> None:
    assert "key" in refused(lambda: MAKERS[maker](api_key=form))


@pytest.mark.parametrize("name", ["timeout", "ca", "base_url", "max_retries", "default_headers", "http_client"])
@pytest.mark.parametrize("form", [KEY, KEY.encode(), [KEY]], ids=["str", "bytes", "list"])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_key_in_another_place(maker: str, name: str, form: Any) -> None:
    refused(lambda: MAKERS[maker](api_key="k", **{name: form}))


PLACES: dict[str, Any] = {
    "made": lambda **given: ChatDigitalOcean(model="m", api_key="k", **given),
    "invoke": lambda **given: ChatDigitalOcean(model="m", api_key="k").invoke("?", **given),
    "ainvoke": lambda **given: asyncio.run(ChatDigitalOcean(model="m", api_key="k").ainvoke("?", **given)),
    "batch": lambda **given: ChatDigitalOcean(model="m", api_key="k").batch(["?", "!"], **given),
    "abatch": lambda **given: asyncio.run(ChatDigitalOcean(model="m", api_key="k").abatch(["?", "!"], **given)),
    "stream": lambda **given: list(ChatDigitalOcean(model="m", api_key="k").stream("?", **given)),
    "bind": lambda **given: ChatDigitalOcean(model="m", api_key="k").bind(**given),
    "attribute": lambda **given: setattr(ChatDigitalOcean(model="m", api_key="k"), *next(iter(given.items()))),
    "LlamaIndex attribute": lambda **given: setattr(DigitalOcean(model="m", api_key="k"), *next(iter(given.items()))),
    "Client.chat": lambda **given: Client("k").chat(model="m", messages=[{"role": "user", "content": "?"}], **given),
}


@pytest.mark.parametrize("name", ["openai_api_key", "apiKey", "do_pat", "pwd", "jwt"])
@pytest.mark.parametrize("place", PLACES)
def test_a_key_under_another_name(place: str, name: str) -> None:
    assert "api_key=" in refused(lambda: PLACES[place](**{name: KEY}))


@pytest.mark.parametrize("kind", [ChatDigitalOcean, DigitalOcean])
def test_a_copy_with_another_key_does_not_show_it(kind: Any) -> None:
    model = kind(model="m", api_key="k").model_copy(update={"api_key": KEY})
    assert KEY not in f"{model!r} {model} {model.model_dump()} {model.model_dump_json()} {vars(model)}"
    assert model._clients.sync._config.secret.get_secret_value() == KEY
