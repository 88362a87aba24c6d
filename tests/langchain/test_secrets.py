"""The key: it is nowhere to be seen, and a model without it finds it again in the environment."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps, load, loads
from pydantic import SecretStr

from inference_do import ConfigError, InferenceError, Timeout
from inference_do.config import KEY_VARIABLES
from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

Make = Callable[..., ChatDigitalOcean]
KEY = "sk-do-v1-emulator"


class Everything(BaseCallbackHandler):
    """Keeps all that callbacks are given."""

    def __init__(self) -> None:
        self.reported: list[Any] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.reported += [args, kwargs]

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.reported += [args, kwargs]

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.reported += [args, kwargs, [vars(arg) for arg in args if hasattr(arg, "__dict__")]]


def views(model: ChatDigitalOcean) -> dict[str, str]:
    bound = model.bind(stop=["x"]) | (lambda message: message)
    return {
        "repr": repr(model),
        "str": str(model),
        "repr of a chain": repr(bound),
        "pickle": repr(pickle.dumps(model)),
        "repr of a pickled one": repr(pickle.loads(pickle.dumps(model))),
        "model_dump": repr(model.model_dump()),
        "model_dump_json": model.model_dump_json(),
        "dumps": dumps(model),
        "dumpd": json.dumps(dumpd(model)),
        "serialized": repr(model._serialized),
        "identity": repr(model._identifying_params),
        "traced": repr(model._get_ls_params()) + repr(model._get_invocation_params()),
        "clients": repr(model._clients) + repr(model._clients.sync) + repr(model._clients.asynchronous),
        "graph": repr(model.get_graph().to_json()),
    }


@pytest.mark.parametrize("kind", ["str", "SecretStr", "function"])
@pytest.mark.parametrize("used", [False, True])
def test_no_view_shows_it(make: Make, kind: str, *, used: bool) -> None:
    forms: dict[str, Any] = {"str": KEY, "SecretStr": SecretStr(KEY), "function": lambda: KEY}
    model = make(api_key=forms[kind])
    if used:
        assert model.invoke("hi").text
    for name, view in views(model).items():
        assert KEY not in view, name
    for name, view in views(copy.deepcopy(model)).items():
        assert KEY not in view, name


@pytest.mark.parametrize("status", [None, 401, 500])
def test_no_trace_shows_it(emu: Emulator, make: Make, status: int | None) -> None:
    if status:
        emu.always = Status(status, {"error": {"message": f"bad key {KEY}"}})
    handler = Everything()
    model = make(max_retries=0)
    for ask in (model.invoke, lambda *args: list(model.stream(*args))):
        try:
            ask("hi", {"callbacks": [handler]})
        except InferenceError as error:
            assert status
            shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(pickle.dumps(error))
            assert KEY not in shown
    assert handler.reported
    assert KEY not in repr(handler.reported)


def test_no_answer_shows_it(emu: Emulator, make: Make) -> None:
    answer = make(include_response_headers=True).invoke("hi")
    assert answer.response_metadata["headers"]
    assert KEY not in repr(answer)


@pytest.mark.parametrize("settings", [{"temperature": "hot"}, {"timeout": "x"}, {"max_retries": []}])
def test_no_complaint_shows_it(make: Make, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**settings)
    assert KEY not in "".join(traceback.format_exception(caught.value))


BAD: list[dict[str, Any]] = [
    {"max_retries": "x"},
    {"timeout": "x"},
    {"max_retrys": 1},
    {"model": ""},
    {"base_url": "http://example.com/v1"},
    {"http_client": "x"},
    {"api_key": f"{KEY} {KEY}"},
]


@pytest.mark.parametrize("settings", BAD, ids=lambda value: next(iter(value)))
@pytest.mark.parametrize("cls", [ChatDigitalOcean, DigitalOceanEmbeddings])
def test_no_frame_of_a_complaint_holds_it(cls: Any, settings: dict[str, Any]) -> None:
    """Tools that report errors send the local variables of every frame along."""
    with pytest.raises(ConfigError) as caught:
        cls(**{"model": "m", "api_key": KEY, **settings})
    held: list[str] = []
    error: BaseException | None = caught.value
    while error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename != __file__]
        assert frames
        held += [frame.f_code.co_qualname for frame in frames if KEY in repr(frame.f_locals)]
        error = error.__cause__ or error.__context__
    assert held == []


def test_a_pickled_model_finds_the_key_again(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(timeout=Timeout(idle=9), temperature=0.5, default_headers={"X-A": "1"})
    model.invoke("hi")
    data = pickle.dumps(model)
    lost = pickle.loads(data)
    with pytest.raises(ConfigError, match=KEY_VARIABLES[0]):
        lost.invoke("hi")
    monkeypatch.setenv("MODEL_ACCESS_KEY", KEY)
    for found in (pickle.loads(data), lost):
        assert found.invoke("hi").text == "You said: hi"
        assert (found.timeout, found.temperature) == (Timeout(idle=9), 0.5)
        assert emu.requests[-1].headers["x-a"] == "1"
    assert model.invoke("hi").text


def test_a_copy_works(emu: Emulator, make: Make) -> None:
    with httpx.Client() as http:
        model = make(http_client=http)
        model.invoke("hi")
        for twin in (copy.deepcopy(model), copy.copy(model), model.model_copy(), model.model_copy(deep=True)):
            assert twin.invoke("hi").text == "You said: hi"
    assert emu.connections == 1


def test_a_bound_model_pickles(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", KEY)
    bound = make().bind_tools([{"name": "f", "parameters": {"type": "object", "properties": {}}}], tool_choice="any")
    bound.invoke("hi")
    assert pickle.loads(pickle.dumps(bound)).invoke("hi").tool_calls


@pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_serialized_and_back(emu: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(
        timeout=Timeout(first_token=30),
        temperature=0.5,
        max_tokens=20,
        stop=["x"],
        reasoning={"effort": "low"},
        logit_bias={"5": 1},
        model_kwargs={"top_k": 3},
        extra_body={"min_p": 0.1},
    )
    text = dumps(model)
    options: dict[str, Any] = {"allowed_objects": [ChatDigitalOcean], "valid_namespaces": ["langchain_do"]}
    explicit = loads(text, secrets_map={"DIGITALOCEAN_INFERENCE_KEY": KEY}, **options)
    monkeypatch.setenv("MODEL_ACCESS_KEY", KEY)
    from_environment = load(dumpd(model), secrets_from_env=True, **options)
    for twin in (explicit, from_environment):
        assert twin.asdict() == model.asdict()
        assert twin.timeout == model.timeout
        assert twin.invoke("hi").text == "You said: hi"


def test_header_and_query_values_are_not_serialized(make: Make) -> None:
    model = make(default_headers={"X-Gate": "gate-secret"}, default_query={"code": "gate-secret"})
    for name, view in views(model).items():
        if name != "pickle":
            assert "gate-secret" not in view, name


def test_embeddings_keep_it_too(emu: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DigitalOceanEmbeddings(model="bge-m3", api_key=KEY, base_url=emu.base_url)
    vector = model.embed_query("hi")
    for view in (repr(model), str(model), repr(pickle.dumps(model)), repr(model.model_dump()), model.model_dump_json()):
        assert KEY not in view
    assert copy.deepcopy(model).embed_query("hi") == vector
    monkeypatch.setenv("MODEL_ACCESS_KEY", KEY)
    assert pickle.loads(pickle.dumps(model)).embed_query("hi") == vector
