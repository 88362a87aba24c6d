"""Keys, addresses and settings under other names than ours (B7, H38), pickles (H41), key functions (H45)."""

from __future__ import annotations

import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.embeddings.loading import load_embed_model
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.loading import load_llm
from pydantic import ConfigDict, Field

import llamaindex_do
from inference_do import ConfigError
from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding, DigitalOceanKnowledgeBaseRetriever

Make = Callable[..., DigitalOcean]
KEY = "sk-do-v1-SECRETSECRET"
HELLO = [ChatMessage(content="Say hello")]
NAMES = ["openai_api_key", "model_access_key", "api_token", "access_token", "digitalocean_api_key", "gradient_token"]
KINDS: list[Any] = [
    (DigitalOcean, {"model": "m"}),
    (DigitalOceanEmbedding, {"model_name": "m"}),
    (DigitalOceanKnowledgeBaseRetriever, {"knowledge_base_id": "11f0"}),
]


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    shown = [frame.f_locals for frame in frames if frame.f_code.co_filename != __file__]
    assert KEY not in f"{caught.value!r} {caught.value.__context__!r} {shown!r}"
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("kind", "given"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_no_component_takes_a_key_under_another_name(kind: Any, given: dict[str, Any], name: str) -> None:
    for options in ({name: KEY}, {name: "x", "api_key": "k"}):
        with pytest.raises(ConfigError, match="api_key="):
            kind(**given, **options)
    if kind is not DigitalOceanKnowledgeBaseRetriever:
        assert "api_key=" in refused(lambda: kind(**given, **{name: KEY}))
        assert "api_key=" in refused(lambda: kind(**given, additional_kwargs={name: KEY}))
        assert "api_key=" in refused(lambda: kind(**given, api_key="k", zzz=KEY))


def test_no_stored_form_holds_a_key(make: Make, embedding: DigitalOceanEmbedding) -> None:
    for load, component in ((load_llm, make()), (load_embed_model, embedding)):
        stored = {**component.to_dict(), "api_key": "k"}
        assert load({**stored}).to_dict() == component.to_dict()
        with pytest.raises(ConfigError, match="api_key="):
            load({**stored, "openai_api_key": KEY})


class Events(BaseEventHandler):
    seen: list[str] = []  # noqa: RUF012  pydantic copies it

    def handle(self, event: Any, **_: Any) -> None:
        self.seen.append(repr(vars(event)))


@pytest.mark.parametrize(
    "given", [*({name: KEY} for name in [*NAMES, "api_key"]), {"user": KEY}, {"extra_body": {"token": KEY}}]
)
async def test_no_call_takes_a_key(emu: Emulator, make: Make, given: dict[str, Any]) -> None:
    llm, events = make(), Events()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(events)
    try:
        for call in (
            lambda: llm.chat(HELLO, **given),
            lambda: list(llm.stream_chat(HELLO, **given)),
            lambda: llm.complete("hi", **given),
            lambda: list(llm.stream_complete("hi", **given)),
        ):
            assert "api_key=" in refused(call)
        for acall in (llm.achat, llm.astream_chat):
            with pytest.raises(ConfigError, match="api_key="):
                await acall(HELLO, **given)
        with pytest.raises(ConfigError, match="api_key="):
            await llm.acomplete("hi", **given)
    finally:
        dispatcher.event_handlers.remove(events)
    assert (emu.posts, events.seen) == (0, [])


@pytest.mark.parametrize("name", ["openai_api_base", "api_base", "inference_endpoint", "endpoint", "api_url"])
def test_an_address_has_one_name(emu: Emulator, make: Make, name: str) -> None:
    for kind, given in KINDS:
        with pytest.raises(ConfigError, match="base_url="):
            kind(**given, api_key="k", **{name: emu.base_url})
    assert "base_url=" in refused(lambda: make().chat(HELLO, **{name: emu.base_url}))
    assert "base_url=" in refused(lambda: make(additional_kwargs={name: emu.base_url}))


FOREIGN: dict[str, Any] = {
    "tokenizer": "gpt2",
    "is_chat_model": True,
    "strict": True,
    "reuse_client": False,
    "async_http_client": object(),
    "api_version": "v1",
    "num_retries": 5,
    "max_new_tokens": 5,
    "should_use_structured_outputs": True,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_users_of_other_packages_write(make: Make, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = refused(lambda: make(**{name: FOREIGN[name]}))
    assert message.startswith(f"there is no argument {name!r}: ")
    assert "did you mean" not in message


def test_other_names_of_the_retriever_and_of_classes() -> None:
    assert "similarity_top_k=" in refused(
        lambda: DigitalOceanKnowledgeBaseRetriever("11f0", api_key="k", num_results=4)
    )
    for name in ("DigitalOceanEmbeddings", "GradientAI", "ChatDigitalOcean"):
        with pytest.raises(ImportError, match=f"llamaindex_do has no {name}: "):
            getattr(llamaindex_do, name)
    assert not hasattr(llamaindex_do, "Nothing")
    with pytest.raises(TypeError, match="DigitalOcean takes its arguments by name, as in model="):
        DigitalOcean("m", "k")  # type: ignore[misc]


def test_what_is_typed_wrong_in_a_call_is_named(emu: Emulator, make: Make) -> None:
    llm = make()
    assert "did you mean 'temperature'" in refused(lambda: llm.chat(HELLO, temprature=0))
    assert "did you mean 'max_tokens'" in refused(lambda: list(llm.stream_chat(HELLO, maxTokens=5)))
    assert emu.posts == 0
    assert llm.chat(HELLO, top_k=3, tool_required=False).message.content
    assert make(stream=True).streaming


def test_a_subclass_keeps_fields_with_aliases(emu: Emulator) -> None:
    class Ours(DigitalOcean):
        model_config = ConfigDict(validate_assignment=True)

        team: str = Field(alias="teamName")

    given = {"model": "gemma-4-31B-it", "api_key": emu.api_key, "base_url": emu.base_url}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llm = Ours(**given, teamName="a")
    assert (llm.team, llm.additional_kwargs) == ("a", {})
    llm.temperature = 0.5
    assert llm.chat(HELLO).message.content
    assert emu.requests[-1].json.keys() == {"model", "messages", "temperature"}


async def test_an_asynchronous_key_function(emu: Emulator, make: Make) -> None:
    async def key() -> str:
        return emu.api_key

    llm = make(api_key=key)
    assert (await llm.achat(HELLO)).message.content
    assert [part async for part in await llm.astream_chat(HELLO)]
    with pytest.raises(ConfigError, match="api_key is an asynchronous function"):
        llm.chat(HELLO)
    with pytest.raises(ConfigError, match="api_key is an asynchronous function"):
        list(llm.stream_chat(HELLO))
    vectors = DigitalOceanEmbedding(model_name="bge-m3", api_key=key, base_url=emu.base_url)
    assert await vectors.aget_text_embedding("a")
    with pytest.raises(ConfigError, match="asynchronous"):
        vectors.get_text_embedding("a")


@pytest.mark.parametrize("texts", ["abc", b"abc", {"a": 1}, 5, None, ["a", 3], ("a", None)], ids=repr)
async def test_texts_are_a_list_of_texts(emu: Emulator, embedding: DigitalOceanEmbedding, texts: Any) -> None:
    with pytest.raises(ConfigError, match="a list of texts"):
        embedding.get_text_embedding_batch(texts)
    with pytest.raises(ConfigError, match="a list of texts"):
        await embedding.aget_text_embedding_batch(texts)
    for one in (embedding.get_text_embedding, embedding.get_query_embedding):
        with pytest.raises(ConfigError, match="a text"):
            one([texts])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a text"):
        await embedding.aget_query_embedding([texts])  # type: ignore[arg-type]
    assert emu.posts == 0
    assert len(embedding.get_text_embedding_batch(("a", "b"))) == 2  # type: ignore[arg-type]
    assert embedding.get_text_embedding_batch([]) == []


def test_keys_of_pickled_models(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pickle.dumps(make())
    retriever = DigitalOceanKnowledgeBaseRetriever("11f0", api_key=emu.api_key, base_url=emu.base_url)
    stored = pickle.dumps(retriever._base)
    assert emu.api_key.encode() not in given + stored
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "sk-do-v1-of-somebody-else")
    for call in (lambda: pickle.loads(given).chat(HELLO), lambda: pickle.loads(stored).retrieve("q")):
        with pytest.raises(ConfigError, match=r"given as api_key= in another one.*the one that it has is another"):
            call()
    assert emu.posts == 0
