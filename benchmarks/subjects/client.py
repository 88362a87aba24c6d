"""The bare clients: ours and the openai SDK."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from benchmarks.scenarios import INSTRUCTIONS, KEY, MODEL, question

from .base import CHAT, OTHER_APIS, PATIENCE, Subject, Take


@cache
def messages(scenario: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question(scenario)}]


class _Both:
    """A client for threads and one for event loops, each made when it is first used."""

    def __init__(self, sync: Any, asynchronous: Any, **options: Any) -> None:
        self._kinds, self._options = (sync, asynchronous), options
        self._made: list[Any] = [None, None]

    def __getitem__(self, number: int) -> Any:
        if self._made[number] is None:
            self._made[number] = self._kinds[number](**self._options)
        return self._made[number]


class Ours(Subject):
    apis: ClassVar = {CHAT: {}, **{api: {"api": api} for api in OTHER_APIS}}

    def bring(self) -> Any:
        from inference_do import AsyncClient, Client

        return Client, AsyncClient

    def build(self) -> Any:
        made = _Both(*self.bring(), base_url=self.base_url, api_key=KEY, max_retries=0)
        assert made[0]
        return made

    def call(self, model: Any, scenario: str) -> str:
        return model[0].chat(model=MODEL, messages=messages(scenario)).choices[0].message.content

    async def acall(self, model: Any, scenario: str) -> str:
        return (await model[1].chat(model=MODEL, messages=messages(scenario))).choices[0].message.content

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        for chunk in model[0].stream(model=MODEL, messages=messages(scenario), **self.options):
            if text := chunk.text:
                take(text)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        async for chunk in model[1].stream(model=MODEL, messages=messages(scenario), **self.options):
            if text := chunk.text:
                take(text)

    def tools(self, model: Any, scenario: str) -> str:
        parts = []
        for chunk in model[0].stream(model=MODEL, messages=messages(scenario), **self.options):
            parts += [fragment.arguments for fragment in chunk.tool_fragments]
        return "".join(parts)


class OursTyped(Ours):
    """The same, each chunk read through its typed attributes, which are made when they are first touched."""

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        for chunk in model[0].stream(model=MODEL, messages=messages(scenario), **self.options):
            if (choices := chunk.choices) and (text := choices[0].delta.content):
                take(text)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        async for chunk in model[1].stream(model=MODEL, messages=messages(scenario), **self.options):
            if (choices := chunk.choices) and (text := choices[0].delta.content):
                take(text)


class OpenAI(Subject):
    apis: ClassVar = {CHAT: {}, "responses": {}}

    def through(self, api: str) -> Subject:
        return self if api == CHAT else OpenAIResponses(int(self.host.rpartition(":")[2]))

    def bring(self) -> Any:
        from openai import AsyncOpenAI, OpenAI

        return OpenAI, AsyncOpenAI

    def build(self) -> Any:
        made = _Both(*self.bring(), base_url=self.base_url, api_key=KEY, max_retries=0, timeout=PATIENCE)
        assert made[0]
        return made

    def _options(self, scenario: str, *, stream: bool) -> dict[str, Any]:
        return {"model": MODEL, "messages": messages(scenario), "stream": stream}

    def call(self, model: Any, scenario: str) -> str:
        made = model[0].chat.completions.create(**self._options(scenario, stream=False))
        return made.choices[0].message.content

    async def acall(self, model: Any, scenario: str) -> str:
        made = await model[1].chat.completions.create(**self._options(scenario, stream=False))
        return made.choices[0].message.content

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        for chunk in model[0].chat.completions.create(**self._options(scenario, stream=True)):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                take(text)

    async def astream(self, model: Any, scenario: str, take: Take) -> None:
        async for chunk in await model[1].chat.completions.create(**self._options(scenario, stream=True)):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                take(text)

    def tools(self, model: Any, scenario: str) -> str:
        parts = []
        for chunk in model[0].chat.completions.create(**self._options(scenario, stream=True)):
            if chunk.choices and (calls := chunk.choices[0].delta.tool_calls):
                parts += [call.function.arguments for call in calls]
        return "".join(parts)


class OpenAIResponses(OpenAI):
    """The same SDK on `/responses`, where its methods are others."""

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        options = {"model": MODEL, "input": messages(scenario), "stream": True}
        for event in model[0].responses.create(**options):
            if event.type == "response.output_text.delta":
                take(event.delta)


class Anthropic(Subject):
    """The anthropic SDK, which has `/messages` only."""

    apis: ClassVar = {"messages": {}}

    def bring(self) -> Any:
        from anthropic import Anthropic, AsyncAnthropic

        return Anthropic, AsyncAnthropic

    def build(self) -> Any:
        made = _Both(*self.bring(), base_url=self.host, api_key=KEY, max_retries=0, timeout=PATIENCE)
        assert made[0]
        return made

    def stream(self, model: Any, scenario: str, take: Take) -> None:
        asked = {"role": "user", "content": question(scenario)}
        options = {"model": MODEL, "system": INSTRUCTIONS, "messages": [asked], "max_tokens": 1000, "stream": True}
        for event in model[0].messages.create(**options):
            if event.type == "content_block_delta":
                take(event.delta.text)
