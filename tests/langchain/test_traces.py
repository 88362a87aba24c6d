"""What LangSmith and other tracers are given: the model, its parameters, usage and errors, and no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from pydantic import BaseModel, SecretStr

from inference_do import InferenceError
from inference_do.emulator import Emulator, Status
from langchain_do import ChatDigitalOcean

Make = Callable[..., ChatDigitalOcean]


class Kept(BaseTracer):
    """Keeps the runs that LangSmith would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.runs.append(run)

    def text(self) -> str:
        runs = [part for run in self.runs for part in (run, *run.child_runs)]
        return json.dumps([run.model_dump() for run in runs], default=repr)


class City(BaseModel):
    """A city."""

    name: str


def test_traced_parameters(make: Make) -> None:
    model = make(temperature=0.5, max_tokens=9, stop="X")
    assert model._get_ls_params() == {
        "ls_provider": "digitalocean",
        "ls_model_type": "chat",
        "ls_model_name": "llama3.3-70b-instruct",
        "ls_temperature": 0.5,
        "ls_max_tokens": 9,
        "ls_stop": ["X"],
    }
    given = model._get_ls_params(stop=["Y"], model="other", temperature=0, max_completion_tokens=3, tools=[{}])
    assert (given["ls_model_name"], given["ls_temperature"], given["ls_max_tokens"]) == ("other", 0, 3)
    assert given["ls_stop"] == ["Y"]
    assert model._llm_type == "digitalocean-chat"
    assert "inference-do" in model.metadata["lc_versions"]
    assert {"langchain-core", "inference-do"} <= set(model.metadata["lc_versions"])


@pytest.mark.parametrize("entry", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("fails", [False, True])
async def test_runs_tell_all_but_secrets(emu: Emulator, make: Make, entry: str, *, fails: bool) -> None:
    tracer = Kept()
    model = make(
        temperature=0.5,
        default_headers={"X-Gate": "gate-secret"},
        default_query={"code": "query-secret"},
        include_response_headers=True,
        max_retries=0,
    )
    if fails:
        emu.always = Status(400, {"error": {"message": f"no use for {emu.api_key}"}})
    given: dict[str, Any] = {"config": {"callbacks": [tracer]}, "extra_headers": {"X-Own": SecretStr("own-secret")}}
    try:
        match entry:
            case "invoke":
                model.invoke("hi", **given)
            case "ainvoke":
                await model.ainvoke("hi", **given)
            case "stream":
                list(model.stream("hi", **given))
            case _:
                _ = [chunk async for chunk in model.astream("hi", **given)]
    except InferenceError:
        assert fails
    (run,) = tracer.runs
    assert emu.requests[0].headers["x-own"] == "own-secret"
    assert emu.requests[0].headers["x-gate"] == "gate-secret"
    reported = tracer.text()
    for secret in (emu.api_key, "gate-secret", "query-secret", "own-secret"):
        assert secret not in reported
    assert run.extra["invocation_params"]["temperature"] == 0.5
    assert run.extra["metadata"]["ls_provider"] == "digitalocean"
    assert bool(run.error) is fails
    if fails:
        assert "400" in run.error


def test_structured_output_is_traced_and_not_sent(emu: Emulator, make: Make) -> None:
    for method in ("function_calling", "json_schema", "json_mode"):
        tracer = Kept()
        if method == "function_calling":
            emu.reply(tool_calls=[("City", {"name": "Paris"})])
        else:
            emu.reply('{"name": "Paris"}')
        make().with_structured_output(City, method=method).invoke("which?", {"callbacks": [tracer]})
        assert "ls_structured_output_format" not in emu.requests[-1].json
        assert '"method": "' + method in tracer.text()
        assert "structured_output" not in repr(emu.requests[-1].json)


def test_usage_is_counted_once_for_each_entry(emu: Emulator, make: Make) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    for _ in range(3):
        emu.reply("hi", usage=usage)
    model = make()
    with get_usage_metadata_callback() as counted:
        model.invoke("a")
        list(model.stream("b"))
        model.with_structured_output(City, method="json_mode", include_raw=True).invoke("c")
    assert counted.usage_metadata["llama3.3-70b-instruct"]["total_tokens"] == 42
