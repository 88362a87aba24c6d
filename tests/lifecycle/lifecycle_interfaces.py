"""The three ways in, under the same six names: the client, LangChain's chat model, LlamaIndex's LLM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

KEY = "sk-do-v1-emulator"
MODEL = "llama3.3-70b-instruct"
HELLO = "Say hello"
ANSWER = "You said: Say hello"


class ClientDoor:
    """`Client` and `AsyncClient`."""

    def __init__(self, base_url: str, *, api_key: str = KEY, **options: Any) -> None:
        from inference_do import AsyncClient, Client

        given = {name: options.pop(name, None) for name in ("http_client", "http_async_client")}
        self.sync = Client(api_key, base_url=base_url, http_client=given["http_client"], **options)
        self.asynchronous = AsyncClient(api_key, base_url=base_url, http_client=given["http_async_client"], **options)

    def chat(self, text: str) -> str:
        return self.sync.chat(**self._asking(text)).text

    async def achat(self, text: str) -> str:
        return (await self.asynchronous.chat(**self._asking(text))).text

    def stream(self, text: str) -> Any:
        return self.sync.stream(**self._asking(text))

    async def astream(self, text: str) -> Any:
        return self.asynchronous.stream(**self._asking(text))

    @staticmethod
    def word(item: Any) -> str:
        return "".join(choice.delta.content or "" for choice in item.choices)

    def close(self) -> None:
        self.sync.close()

    async def aclose(self) -> None:
        self.sync.close()
        await self.asynchronous.aclose()

    @staticmethod
    def _asking(text: str) -> dict[str, Any]:
        return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


class LangChainDoor:
    """`ChatDigitalOcean`."""

    def __init__(self, base_url: str, *, api_key: str = KEY, **options: Any) -> None:
        from langchain_do import ChatDigitalOcean

        self.model = ChatDigitalOcean(model=MODEL, base_url=base_url, api_key=api_key, **options)

    def chat(self, text: str) -> str:
        return str(self.model.invoke(text).text)

    async def achat(self, text: str) -> str:
        return str((await self.model.ainvoke(text)).text)

    def stream(self, text: str) -> Any:
        return self.model.stream(text)

    async def astream(self, text: str) -> Any:
        return self.model.astream(text)

    @staticmethod
    def word(item: Any) -> str:
        return str(item.text)

    def close(self) -> None:
        self.model.close()

    async def aclose(self) -> None:
        await self.model.aclose()


class LlamaIndexDoor:
    """`DigitalOcean`."""

    def __init__(self, base_url: str, *, api_key: str = KEY, **options: Any) -> None:
        from llama_index.core.callbacks import CallbackManager

        from llamaindex_do import DigitalOcean

        self.model = DigitalOcean(
            model=MODEL, base_url=base_url, api_key=api_key, callback_manager=CallbackManager(), **options
        )

    def chat(self, text: str) -> str:
        return self.model.chat(self._asking(text)).message.content or ""

    async def achat(self, text: str) -> str:
        return (await self.model.achat(self._asking(text))).message.content or ""

    def stream(self, text: str) -> Any:
        return self.model.stream_chat(self._asking(text))

    async def astream(self, text: str) -> Any:
        return await self.model.astream_chat(self._asking(text))

    @staticmethod
    def word(item: Any) -> str:
        return item.delta or ""

    def close(self) -> None:
        self.model.close()

    async def aclose(self) -> None:
        await self.model.aclose()

    @staticmethod
    def _asking(text: str) -> list[Any]:
        from llama_index.core.base.llms.types import ChatMessage

        return [ChatMessage(content=text)]


DOORS = {"client": ClientDoor, "langchain": LangChainDoor, "llamaindex": LlamaIndexDoor}


def read(door: Any, text: str) -> str:
    """Read a stream to its end."""
    return "".join(door.word(item) for item in door.stream(text))


async def aread(door: Any, text: str) -> str:
    return "".join([door.word(item) async for item in await door.astream(text)])


Asked = Callable[..., str]

WAYS: dict[str, Asked] = {
    "chat": lambda door, text=HELLO: door.chat(text),
    "stream": lambda door, text=HELLO: read(door, text),
    "achat": lambda door, text=HELLO: asyncio.run(door.achat(text)),
    "astream": lambda door, text=HELLO: asyncio.run(aread(door, text)),
}
"""What can be asked of a door; in an event loop of its own each time."""

ROUTES = {
    **{f"client-{way}": (ClientDoor, WAYS[way]) for way in WAYS},
    "langchain-stream": (LangChainDoor, WAYS["stream"]),
    "langchain-achat": (LangChainDoor, WAYS["achat"]),
    "llamaindex-chat": (LlamaIndexDoor, WAYS["chat"]),
    "llamaindex-astream": (LlamaIndexDoor, WAYS["astream"]),
}
"""Every way through the client, and two through each adapter, which adds nothing to what happens on the wire."""
