"""An LLM that talks to nobody: it says what a script has for it, in every way that LlamaIndex asks."""

from __future__ import annotations

import json
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection


class ScriptedLLM(FunctionCallingLLM):
    script: Any

    @classmethod
    def class_name(cls) -> str:
        return "ScriptedLLM"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            context_window=10_000, is_chat_model=True, is_function_calling_model=True, model_name="scripted"
        )

    def _parts(self) -> list[ChatResponse]:
        text, calls, _ = self.script.responses.pop(0) if self.script.responses else ("Nothing.", [], None)
        blocks: list[Any] = [
            ToolCallBlock(tool_call_id=f"call_{number}", tool_name=name, tool_kwargs=arguments)
            for number, (name, arguments) in enumerate(calls)
        ]
        extra = {"tool_calls": [{"function": {"name": name}} for name, _ in calls]} if calls else {}
        pieces = [*(text or ""), ""]
        return [
            ChatResponse(
                message=ChatMessage(
                    role="assistant",
                    blocks=[TextBlock(text="".join(pieces[: number + 1])), *blocks],
                    additional_kwargs=dict(extra),
                ),
                delta=piece,
            )
            for number, piece in enumerate(pieces)
        ]

    @llm_chat_callback()
    def chat(self, messages: Any, **_: Any) -> ChatResponse:
        return self._parts()[-1]

    @llm_chat_callback()
    async def achat(self, messages: Any, **_: Any) -> ChatResponse:
        return self._parts()[-1]

    @llm_chat_callback()
    def stream_chat(self, messages: Any, **_: Any) -> Any:
        return (part for part in self._parts())

    @llm_chat_callback()
    async def astream_chat(self, messages: Any, **_: Any) -> Any:
        async def parts() -> Any:
            for part in self._parts():
                yield part

        return parts()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        return _completion(self._parts()[-1])

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        return _completion(self._parts()[-1])

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:
        return (_completion(part) for part in self._parts())

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:
        async def parts() -> Any:
            for part in self._parts():
                yield _completion(part)

        return parts()

    def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **prompt_args: Any) -> Any:
        given = dict(llm_kwargs or {})  # LlamaIndex takes some of them out
        return super().structured_predict(output_cls, prompt, given, **prompt_args)

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, tool_required: bool = False, **_: Any
    ) -> dict[str, Any]:
        return {"messages": [*(chat_history or ()), ChatMessage(content=str(user_msg))]}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **_: Any
    ) -> list[ToolSelection]:
        calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        if not calls and error_on_no_tool_call:
            message = "no tool call"
            raise ValueError(message)
        return [
            ToolSelection(tool_id=call.tool_call_id or "", tool_name=call.tool_name, tool_kwargs=_arguments(call))
            for call in calls
        ]


def _arguments(call: ToolCallBlock) -> Any:
    if isinstance(call.tool_kwargs, dict):
        return call.tool_kwargs
    try:
        return json.loads(call.tool_kwargs)
    except ValueError:
        return {}


def _completion(response: ChatResponse) -> CompletionResponse:
    return CompletionResponse(text=response.message.content or "", delta=response.delta)
