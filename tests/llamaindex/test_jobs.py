"""Jobs whose call is an LLM, a structured LLM or a program; their usage is seen whatever stands between."""

from __future__ import annotations

import pytest
from jobs_kit import MODES, go
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.program import LLMTextCompletionProgram
from pydantic import BaseModel

from inference_do import ConfigError, jobs
from inference_do.emulator import Status

ROWS = [{"id": number, "text": f"row {number}"} for number in range(1, 7)]


class Person(BaseModel):
    name: str
    age: int


@MODES
def test_an_llm_with_a_prompt(emu, make, mode):
    report = go(mode, ROWS, make(), prompt="Sum up {text}", max_cost=1)
    assert [line["result"] for line in report.results] == [f"You said: Sum up row {row}" for row in range(1, 7)]
    line = report.results[0]
    assert (line["model"], line["finish_reason"]) == ("gemma-4-31B-it", "stop")
    assert line["usage"]["input"] > 0
    assert line["cost"] > 0
    assert report.total_spent.calls == emu.posts == 6


@MODES
def test_an_llm_with_messages(make, mode):
    one = [{"role": "user", "content": "one"}]
    rows = [{"messages": one}, {"prompt": "two"}, [ChatMessage(role="user", content="three")], {"text": "four"}]
    report = go(mode, rows, make())
    assert [line.get("result") for line in report.results] == [
        "You said: one",
        "You said: two",
        "You said: three",
        None,
    ]


@MODES
def test_a_structured_llm(emu, make, mode):
    for _ in ROWS:
        emu.reply('{"name": "Ada", "age": 36}')
    report = go(mode, ROWS, make().as_structured_llm(Person), prompt="Who is {text}?", max_cost=1)
    assert [line["result"] for line in report.results] == [{"name": "Ada", "age": 36}] * 6
    assert all(line["cost"] > 0 for line in report.results)


@MODES
def test_a_program_takes_the_fields_of_a_row(emu, make, mode):
    for _ in ROWS:
        emu.reply(message={"content": '{"name": "Ada", "age": 36}'})
    program = LLMTextCompletionProgram.from_defaults(
        output_cls=Person, prompt_template_str="Who is {text} ({id})?", llm=make()
    )
    report = go(mode, [*ROWS, ["no fields"]], program, max_cost=1)
    assert [line.get("result") for line in report.results] == [*[{"name": "Ada", "age": 36}] * 6, None]
    assert all(line["usage"]["input"] > 0 for line in report.results[:6])
    assert sum("Who is row 1 (1)?" in str(request.json["messages"]) for request in emu.requests) == 1
    with pytest.raises(ConfigError, match="a program has its own prompt"):
        go(mode, ROWS, program, prompt="{text}")


@MODES
def test_an_error_that_every_row_would_meet(emu, make, mode):
    emu.always = Status(403)
    report = go(mode, ROWS * 20, make(), prompt="{text}")
    assert report.stop.kind == "error"
    assert emu.posts <= 4


def test_another_temperature_is_another_job_and_another_timeout_is_not(make, tmp_path):
    options = {"output": tmp_path / "o", "progress": False, "prompt": "{text}"}
    jobs.run(ROWS, make(), **options)
    assert jobs.run(ROWS, make(timeout=7), **options).skipped == 6
    with pytest.raises(ConfigError, match="output of another job"):
        jobs.run(ROWS, make(temperature=0.7), **options)
