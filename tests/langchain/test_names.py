"""Keys, addresses and settings under other names than ours (B7, H38), subclasses (H44), key functions (H45)."""

from __future__ import annotations

import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from pydantic import AliasChoices, ConfigDict, Field

import langchain_do
from inference_do import ConfigError
from inference_do.emulator import Emulator
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings, DigitalOceanKnowledgeBaseRetriever

Make = Callable[..., ChatDigitalOcean]
KEY = "sk-do-v1-SECRETSECRET"
NAMES = ["openai_api_key", "model_access_key", "api_token", "access_token", "digitalocean_api_key", "gradient_api_key"]
KINDS: list[Any] = [
    (ChatDigitalOcean, {"model": "m"}),
    (DigitalOceanEmbeddings, {"model": "m"}),
    (DigitalOceanKnowledgeBaseRetriever, {"knowledge_base_id": "11f0"}),
]


class Traces(BaseCallbackHandler):
    """Keeps what callbacks are given."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen += [args, kwargs]

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.seen += [args, kwargs]


def shown_by(error: BaseException) -> str:
    links, link = [], error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    frames = [
        frame
        for link in links
        for frame, _ in traceback.walk_tb(link.__traceback__)
        if frame.f_code.co_filename != __file__
    ]
    return f"{links!r} {[frame.f_locals for frame in frames]!r}"


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    assert KEY not in shown_by(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("kind", "given"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_no_component_takes_a_key_under_another_name(kind: Any, given: dict[str, Any], name: str) -> None:
    for options in (
        {name: KEY},
        {name: "x", "api_key": "k"},
        {"model_kwargs": {name: KEY}},
        {"api_key": "k", "zzz": KEY},
    ):
        assert "api_key=" in refused(lambda options=options: kind(**given, **options))


@pytest.mark.parametrize("name", ["extra_body", "model_kwargs"])
def test_no_body_of_a_model_holds_a_key(make: Make, name: str) -> None:
    model = make()
    fields = {"api_key": KEY}
    assert "api_key=" in refused(lambda: ChatDigitalOcean(model="m", api_key="k", **{name: fields}))
    assert "api_key=" in refused(lambda: setattr(model, name, fields))
    assert "api_key=" in refused(lambda: model.model_copy(update={name: fields}))
    assert "api_key=" in refused(lambda: model.model_copy(update={"openai_api_key": KEY}))
    assert KEY not in repr(model.model_copy(update={"api_key": KEY}).model_dump())


@pytest.mark.parametrize(
    "given", [*({name: KEY} for name in [*NAMES, "api_key"]), {"user": KEY}, {"extra_body": {"token": KEY}}]
)
async def test_no_call_takes_a_key(emu: Emulator, make: Make, given: dict[str, Any]) -> None:
    model, traces = make(), Traces()
    config: Any = {"callbacks": [traces]}
    for call in (
        lambda: model.invoke("hi", config, **given),
        lambda: list(model.stream("hi", config, **given)),
        lambda: model.batch(["hi"], config, **given),
        lambda: model.generate([[]], callbacks=[traces], **given),
    ):
        with pytest.raises(ConfigError, match="api_key="):
            call()
    assert "api_key=" in refused(lambda: model.invoke("hi", config, **given))
    for bind in (model.bind, lambda **options: model.bind_tools([], **options)):
        assert "api_key=" in refused(lambda bind=bind: bind(**given))
    with pytest.raises(ConfigError, match="api_key="):
        await model.ainvoke("hi", config, **given)
    with pytest.raises(ConfigError, match="api_key="):
        async for _ in model.astream("hi", config, **given):
            pass
    assert (emu.posts, traces.seen) == (0, [])


def test_no_configuration_holds_a_key(make: Make) -> None:
    model = make()
    for options in (
        {"config": {"configurable": {"openai_api_key": KEY}}},
        {"configurable": {"api_key": KEY}},
        {"openai_api_key": KEY},
    ):
        assert "api_key=" in refused(lambda options=options: model.with_config(**options))
    assert model.with_config(tags=["a"], configurable={"thread_id": "1"}).invoke("hi").text


def test_init_chat_model_takes_none_either(emu: Emulator) -> None:
    langchain_do.register()
    given = {"api_key": emu.api_key, "base_url": emu.base_url}
    with pytest.raises(ConfigError, match="api_key="):
        init_chat_model("digitalocean:m", **given, openai_api_key=KEY)
    open_model = init_chat_model("digitalocean:m", configurable_fields="any", **given)
    with pytest.raises(ConfigError, match="api_key="):
        open_model.invoke("hi", {"configurable": {"openai_api_key": KEY}})
    assert emu.posts == 0


@pytest.mark.parametrize("name", ["openai_api_base", "api_base", "inference_endpoint", "endpoint", "api_url"])
def test_an_address_has_one_name(emu: Emulator, make: Make, name: str) -> None:
    for kind, given in KINDS:
        assert "base_url=" in refused(lambda kind=kind, given=given: kind(**given, api_key="k", **{name: emu.base_url}))
    assert "base_url=" in refused(lambda: make().invoke("hi", **{name: emu.base_url}))
    assert "base_url=" in refused(lambda: make(model_kwargs={name: emu.base_url}))


FOREIGN: dict[str, Any] = {
    "openai_organization": "o",
    "openai_proxy": "http://p.example",
    "disabled_params": {"parallel_tool_calls": None},
    "tiktoken_model_name": "gpt-4",
    "stream_chunk_timeout": 5,
    "max_output_tokens": 5,
    "async_http_client": object(),
    "dimensions": 5,
    "strict": True,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_users_of_other_packages_write(make: Make, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = refused(lambda: make(**{name: FOREIGN[name]}))
    assert message.startswith(f"there is no argument {name!r}: ")
    assert "did you mean" not in message


def test_what_is_typed_wrong_in_a_call_is_named(emu: Emulator, make: Make) -> None:
    model = make()
    assert "did you mean 'temperature'" in refused(lambda: model.invoke("hi", temprature=0))
    assert "did you mean 'max_tokens'" in refused(lambda: list(model.stream("hi", max_token=5)))
    assert "did you mean 'top_p'" in refused(lambda: model.bind(topP=1))
    assert emu.posts == 0
    assert model.invoke("hi", top_k=3, ls_structured_output_format={"kwargs": {}, "schema": {}}).text
    assert make(stream=True).streaming


def test_a_subclass_keeps_fields_with_aliases(emu: Emulator) -> None:
    class Ours(ChatDigitalOcean):
        model_config = ConfigDict(validate_assignment=True, populate_by_name=True)

        team: str = Field(alias="teamName")
        region: str = Field(default="", validation_alias=AliasChoices("where", "place"))
        vault_token: str = Field(default="", exclude=True, repr=False)

    given = {"model": "llama3.3-70b-instruct", "api_key": emu.api_key, "base_url": emu.base_url}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Ours(**given, teamName="a", place="b", vault_token="t")
    assert (model.team, model.region, model.vault_token, model.model_kwargs) == ("a", "b", "t", {})
    assert model.invoke("hi").text
    assert emu.requests[-1].json.keys() == {"model", "messages"}
    model.temperature = 0.5
    model.team = "c"
    assert (model.temperature, model.team) == (0.5, "c")
    assert model.invoke("hi").text
    assert emu.requests[-1].json["temperature"] == 0.5
    with pytest.raises(ValueError, match="temperature"):
        model.temperature = "hot"
    assert KEY not in dumps(model)
    with pytest.raises(ConfigError, match="api_key="):
        Ours(**given, teamName="a", openai_api_key=KEY)


async def test_an_asynchronous_key_function(emu: Emulator, make: Make) -> None:
    async def key() -> str:
        return emu.api_key

    model = make(api_key=key)
    assert (await model.ainvoke("hi")).text
    assert [chunk async for chunk in model.astream("hi")]
    with pytest.raises(ConfigError, match="api_key is an asynchronous function"):
        model.invoke("hi")
    with pytest.raises(ConfigError, match="api_key is an asynchronous function"):
        list(model.stream("hi"))
    assert emu.posts == 2


def module_key() -> str:
    return "sk-do-v1-emulator"


def test_keys_of_pickled_models(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    given, by_function = pickle.dumps(make()), pickle.dumps(make(api_key=module_key))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", emu.api_key)
    from_environment = pickle.dumps(make(api_key=None))
    for data in (given, by_function, from_environment):
        assert emu.api_key.encode() not in data
        assert pickle.loads(data).invoke("hi").text
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", "sk-do-v1-of-somebody-else")
    assert pickle.loads(by_function).invoke("hi").text
    posts = emu.posts
    for data in (given, pickle.dumps(pickle.loads(given))):
        with pytest.raises(ConfigError, match=r"given as api_key= in another one.*the one that it has is another"):
            pickle.loads(data).invoke("hi")
    assert emu.posts == posts
    found = pickle.loads(given)
    found.api_key = emu.api_key
    assert found.invoke("hi").text
    with pytest.raises(Exception, match="401"):
        pickle.loads(from_environment).invoke("hi")


def test_a_lambda_is_missed_and_not_replaced(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(make(api_key=lambda: emu.api_key))
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", emu.api_key)
    with pytest.raises(ConfigError, match="no API key in this process"):
        pickle.loads(data).invoke("hi")


def test_arguments_without_names() -> None:
    with pytest.raises(TypeError, match="ChatDigitalOcean takes its arguments by name, as in model="):
        ChatDigitalOcean("llama3.3-70b-instruct")  # type: ignore[misc]
