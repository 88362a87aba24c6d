"""Jobs whose call is a Runnable: a chat model, a chain, structured output; usage is seen whatever stands between."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jobs_kit import MODES, go
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from inference_do import ConfigError, jobs
from inference_do.emulator import Status

ROWS = [{"id": number, "text": f"row {number}"} for number in range(1, 9)]


class Person(BaseModel):
    name: str
    age: int


@MODES
def test_a_chat_model_with_a_prompt(emu, make, mode):
    report = go(mode, ROWS, make(), prompt="Sum up {text}, {{briefly}}: {id}", max_cost=1)
    assert [line["result"] for line in report.results] == [
        f"You said: Sum up row {number}, {{briefly}}: {number}" for number in range(1, 9)
    ]
    line = report.results[0]
    assert (line["model"], line["finish_reason"]) == ("llama3.3-70b-instruct", "stop")
    assert line["usage"]["input"] > 0
    assert line["cost"] > 0
    assert report.total_spent.calls == emu.posts == 8


@MODES
def test_a_chat_model_with_messages_or_a_prompt_in_the_row(emu, make, mode):
    rows = [{"messages": [{"role": "user", "content": "one"}]}, {"prompt": "two"}, "three", {"text": "four"}]
    report = go(mode, rows, make())
    assert [line.get("result") for line in report.results] == [
        "You said: one",
        "You said: two",
        "You said: three",
        None,
    ]
    assert "neither 'messages' nor 'prompt'" in report.results[3]["error"]["message"]
    assert emu.posts == 3


@MODES
def test_a_chain_takes_the_row_and_its_usage_is_seen(make, mode, tmp_path):
    chain = ChatPromptTemplate.from_template("Say {text}") | make() | StrOutputParser() | RunnableLambda(str.upper)
    report = go(mode, ROWS, chain, output=tmp_path / "o", max_cost=0.5)
    lines = [json.loads(line) for line in (tmp_path / "o").read_text().splitlines()]
    assert {line["row"]: line["result"] for line in lines}[3] == "YOU SAID: SAY ROW 3"
    assert all(line["usage"]["output"] > 0 and line["cost"] > 0 for line in lines)
    assert report.total_spent.calls == 8


@MODES
def test_structured_output_is_an_object_with_its_cost(emu, make, mode):
    emu.script(*[None] * 3)
    for _ in range(3):
        emu.reply('{"name": "Ada", "age": 36}')
    report = go(mode, ROWS[:3], make().with_structured_output(Person), prompt="Who is {text}?")
    assert [line["result"] for line in report.results] == [{"name": "Ada", "age": 36}] * 3
    assert all(line["cost"] > 0 for line in report.results)


def test_structured_output_with_the_raw_message(emu, make):
    emu.reply('{"name": "Ada", "age": 36}')
    chain = make().with_structured_output(Person, include_raw=True)
    line = go("threads", ["Who?"], chain).results[0]
    assert line["result"]["parsed"] == {"name": "Ada", "age": 36}
    assert line["result"]["parsing_error"] is None
    assert line["usage"]["input"] > 0


def test_an_answer_that_could_not_be_parsed_fails_its_row_and_is_paid(emu, make):
    emu.reply("no object at all")
    line = go("threads", ["Who?"], make().with_structured_output(Person)).results[0]
    assert "error" in line
    assert line["cost"] > 0


def test_tool_calls_are_beside_the_result(emu, make):
    emu.reply(tool_calls=[("get_weather", {"city": "Paris"})])

    def get_weather(city: str) -> str:
        """Return the weather."""
        return city

    line = go("threads", ["Weather?"], make().bind_tools([get_weather])).results[0]
    assert (line["result"], line["finish_reason"]) == ("", "tool_calls")
    assert [(call["name"], call["arguments"]) for call in line["tool_calls"]] == [("get_weather", {"city": "Paris"})]


@MODES
def test_langchains_names_of_errors_stop_a_job_too(emu, make, mode):
    emu.always = Status(401)
    report = go(mode, ROWS * 20, make(max_retries=0), prompt="{text}")
    assert report.stop.kind == "error"
    assert emu.posts <= 4


def test_another_prompt_or_model_is_another_job_and_another_timeout_is_not(make, tmp_path):
    def chain(text: str, **settings: Any) -> Any:
        return ChatPromptTemplate.from_template(text) | make(**settings)

    options = {"output": tmp_path / "o", "progress": False}
    jobs.run(ROWS, chain("Say {text}"), **options)
    again = jobs.run(ROWS, chain("Say {text}", timeout=7, max_retries=5), **options)
    assert (again.done, again.skipped) == (0, 8)
    for other in (
        chain("Tell {text}"),
        chain("Say {text}", temperature=0.5),
        chain("Say {text}", model="gemma-4-31B-it"),
    ):
        with pytest.raises(ConfigError, match="output of another job"):
            jobs.run(ROWS, other, **options)


def test_the_model_is_found_in_a_chain_for_the_price(emu, make):
    chain = ChatPromptTemplate.from_template("{text}") | make(model="my-own").with_retry() | StrOutputParser()
    with pytest.raises(ConfigError, match="none is known for 'my-own'"):
        jobs.run(ROWS, chain, max_cost=1)
    assert emu.posts == 0
