"""The conformance kit can fail: for each of its tests there is an LLM here that is broken in one way and fails it.

`BROKEN` is the table: a test's name, and what is wrong with the LLM. Each fault is a subclass with one changed habit.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    LLMMetadata,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from inference_do import InferenceError
from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding
from llamaindex_do.testing import EmbeddingConformance, LLMConformance, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gemma-4-31B-it"


class Habit(DigitalOcean):
    """An LLM whose requests and responses can be tampered with."""

    def bend(self, body: dict[str, Any]) -> None:
        """Change a request."""

    def spoil(self, response: Any) -> Any:
        """Change a response, whole or of a stream."""
        return response

    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        request = super()._request(messages, kwargs, streaming=streaming)
        self.bend(request.params)
        return request

    def _chat(self, messages: Any, kwargs: Any) -> Any:
        return self.spoil(super()._chat(messages, kwargs))

    async def _achat(self, messages: Any, kwargs: Any) -> Any:
        return self.spoil(await super()._achat(messages, kwargs))

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        inner = super()._stream(messages, kwargs)  # sends nothing yet, but checks

        def spoiled() -> Any:
            for response in inner:
                yield self.spoil(response)

        return spoiled()

    def _astream(self, messages: Any, kwargs: Any) -> Any:
        inner = super()._astream(messages, kwargs)

        async def spoiled() -> Any:
            async for response in inner:
                yield self.spoil(response)

        return spoiled()


class Talkative(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.blocks = [
            TextBlock(text=block.text.strip() + " :)") if isinstance(block, TextBlock) else block
            for block in response.message.blocks
        ]
        response.delta = (response.delta or "").strip()
        return response


class Twice(Habit):
    def _chat(self, messages: Any, kwargs: Any) -> Any:
        super()._chat(messages, kwargs)
        return super()._chat(messages, kwargs)

    async def _achat(self, messages: Any, kwargs: Any) -> Any:
        await super()._achat(messages, kwargs)
        return await super()._achat(messages, kwargs)

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        list(super()._stream(messages, kwargs))
        return super()._stream(messages, kwargs)


class Stubborn(Habit):
    """Retries on its own, on top of the client."""

    def _chat(self, messages: Any, kwargs: Any) -> Any:
        try:
            return super()._chat(messages, kwargs)
        except InferenceError:
            return super()._chat(messages, kwargs)


class WithoutSystem(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        body["messages"] = [message for message in body["messages"] if message["role"] != "system"]


class OwnWill(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        body.update(temperature=0.1, tool_choice="auto") if body.get("tools") else body.update(temperature=0.1)
        for name in ("seed", "parallel_tool_calls", "response_format"):
            body.pop(name, None)


class NoUsage(Habit):
    def spoil(self, response: Any) -> Any:
        response.raw = None
        response.additional_kwargs = {}
        return response


class NoLogprobs(Habit):
    def spoil(self, response: Any) -> Any:
        response.logprobs = None
        return response


class Object:
    function = None


class SDKObjects(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.additional_kwargs["tool_calls"] = [Object()]
        return response


class Thoughtless(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.blocks = [b for b in response.message.blocks if not isinstance(b, ThinkingBlock)]
        response.additional_kwargs.pop("thinking_delta", None)
        return response


class NoDeltas(Habit):
    def spoil(self, response: Any) -> Any:
        response.delta = ""
        return response


class DeltasOnly(Habit):
    def _stream(self, messages: Any, kwargs: Any) -> Any:
        for response in super()._stream(messages, kwargs):
            response.message = ChatMessage(role=MessageRole.ASSISTANT, content=response.delta)
            yield response


class Shared(Habit):
    def _stream(self, messages: Any, kwargs: Any) -> Any:
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[])
        for response in super()._stream(messages, kwargs):
            message.blocks.append(TextBlock(text=response.delta or ""))
            yield response.model_copy(update={"message": message})


class Leaking(Habit):
    leaked: ClassVar[list[Any]] = []

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        inner = super()._stream(messages, kwargs)
        self.leaked.append(inner)
        yield from _without_closing(inner)

    async def _astream_apart(self, messages: Any, kwargs: Any) -> Any:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def pump() -> None:
            async for response in super(Leaking, self)._astream(messages, kwargs):
                queue.put_nowait(response)

        task = asyncio.create_task(pump())
        while not task.done():
            yield await queue.get()

    def _astream(self, messages: Any, kwargs: Any) -> Any:
        return self._astream_apart(messages, kwargs)


def _without_closing(inner: Any) -> Iterator[Any]:
    while (item := next(inner, None)) is not None:
        yield item


class FirstLine(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            if isinstance(message["content"], str):
                message["content"] = message["content"].splitlines()[0]


class NoAssistants(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            message["role"] = "user"


class TextOnly(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        kept = []
        for message in body["messages"]:
            if isinstance(message["content"], list):
                texts = [part["text"] for part in message["content"] if part["type"] == "text"]
                message["content"] = "\n".join(texts)
            kept.append(message)
        body["messages"] = kept


class NoCachePoints(Habit):
    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        if any(isinstance(block, CachePoint) for message in messages for block in message.blocks):
            reason = "what is a CachePoint?"
            raise ValueError(reason)
        return super()._request(messages, kwargs, streaming=streaming)


class Scribbling(Habit):
    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        messages[0].additional_kwargs["seen"] = True
        return super()._request(messages, kwargs, streaming=streaming)

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        if chat_history is not None:
            chat_history.append(ChatMessage(content=str(user_msg)))
        return super()._prepare_chat_with_tools(tools, None if chat_history else user_msg, chat_history, **kwargs)


class NoIds(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            message.pop("tool_call_id", None)


class IdsEverywhere(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            if message["role"] == "assistant" and "tool_calls" not in message:
                message["tool_call_id"] = "call_1"


class CallsTwice(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            message["tool_calls"] = [*message.get("tool_calls", ()), *message.get("tool_calls", ())]
            if not message["tool_calls"]:
                del message["tool_calls"]


class EncodedTwice(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        for message in body["messages"]:
            for call in message.get("tool_calls", ()):
                call["function"]["arguments"] = json.dumps(call["function"]["arguments"])


class NoCalls(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.blocks = [b for b in response.message.blocks if not isinstance(b, ToolCallBlock)]
        response.message.additional_kwargs.pop("tool_calls", None)
        return response


class BlocksOnly(Habit):
    def spoil(self, response: Any) -> Any:
        response.message.additional_kwargs.pop("tool_calls", None)
        return response


class OneCall(Habit):
    def spoil(self, response: Any) -> Any:
        blocks = response.message.blocks
        calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
        response.message.blocks = [block for block in blocks if block not in calls[1:]]
        return response


class Strict(Habit):
    """Reads arguments only when they are whole."""

    def get_tool_calls_from_response(self, response: Any, error_on_no_tool_call: bool = True, **_: Any) -> Any:
        for block in response.message.blocks:
            if isinstance(block, ToolCallBlock) and isinstance(block.tool_kwargs, str):
                json.loads(block.tool_kwargs + "!" * (not block.tool_kwargs))
        return super().get_tool_calls_from_response(response, error_on_no_tool_call)


class Content(Habit):
    """Finds no error in an answer without calls."""

    def get_tool_calls_from_response(self, response: Any, error_on_no_tool_call: bool = True, **_: Any) -> Any:
        return super().get_tool_calls_from_response(response, error_on_no_tool_call=False)


class AllCalls(Habit):
    def _validate_chat_with_tools_response(self, response: Any, *_: Any, **__: Any) -> Any:
        return response


class EmptyTools(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        body.setdefault("tools", [])


class WireNames(Habit):
    def _request(self, messages: Any, kwargs: Any, *, streaming: bool = False) -> Any:
        request = super()._request(messages, kwargs, streaming=streaming)
        return type(request)(request.params, {})


class NoObjects(Habit):
    def structured_predict(self, *_: Any, **__: Any) -> Any:
        raise KeyError

    astructured_predict = _structured_stream_call = _structured_astream_call = structured_predict


class Popping(Habit):
    def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **prompt_args: Any) -> Any:
        (llm_kwargs or {}).pop("tool_choice", None)
        return super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)


class NoSystemPrompt(Habit):
    def _extend_messages(self, messages: Any) -> Any:
        return messages


class Plain(Habit):
    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model)


class Greedy(Habit):
    @property
    def metadata(self) -> LLMMetadata:
        known = super().metadata
        return known.model_copy(update={"num_output": known.context_window})


class Closed(Habit):
    @property
    def metadata(self) -> LLMMetadata:
        if self.model != MODEL:
            reason = f"unknown model {self.model!r}"
            raise ValueError(reason)
        return super().metadata


class Nameless(Habit):
    @classmethod
    def class_name(cls) -> str:
        return "base_component"


class Forgetful(Habit):
    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        return {name: value for name, value in super().to_dict(**kwargs).items() if name != "temperature"}


class Unpicklable(Habit):
    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(protocol)[:1], (threading.Lock(),)


class Chatty(Habit):
    def to_payload(self) -> dict[str, Any]:
        return {**super().to_payload(), "key": self.api_key.get_secret_value()}


class Lax(Habit):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{name: value for name, value in options.items() if name in type(self).model_fields})


class Doubled(Habit):
    """Completes by way of chat, whose event comes on top."""

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        self.chat([ChatMessage(content=prompt)])
        return super().complete(prompt, formatted, **kwargs)


class Unreported(Habit):
    async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return self._astream(messages, kwargs)

    async def achat(self, messages: Any, **kwargs: Any) -> Any:
        return await self._achat(messages, kwargs)


class LastIsEmpty(Habit):
    def _stream(self, messages: Any, kwargs: Any) -> Any:
        yield from super()._stream(messages, kwargs)
        yield self._chat(messages, kwargs).model_copy(update={"message": ChatMessage(role="assistant", content="")})


class Calming(Habit):
    """Ends a stream that broke as if it were whole."""

    def _stream(self, messages: Any, kwargs: Any) -> Any:
        try:
            yield from super()._stream(messages, kwargs)
        except InferenceError:
            return


class Runtime(Habit):
    async def _achat(self, messages: Any, kwargs: Any) -> Any:
        try:
            return await super()._achat(messages, kwargs)
        except InferenceError as error:
            raise RuntimeError(str(error)) from error


class Hasty(Habit):
    """Closes its connections after each call."""

    def spoil(self, response: Any) -> Any:
        self.close()
        return response


class ContextLost(Habit):
    def bend(self, body: dict[str, Any]) -> None:
        del body["messages"][0]


BROKEN: dict[str, type[Habit]] = {
    "test_the_eight_methods_give_the_same_answer": Talkative,
    "test_an_empty_answer_is_an_empty_text": Talkative,
    "test_text_is_kept_as_it_is": Talkative,
    "test_one_call_is_one_request": Twice,
    "test_messages_arrive_in_order_and_with_their_roles": WithoutSystem,
    "test_a_template_reaches_a_chat_model_as_messages": Plain,
    "test_what_a_call_is_given_wins": OwnWill,
    "test_further_arguments_of_a_call_reach_the_api": OwnWill,
    "test_usage_is_told": NoUsage,
    "test_logprobs_are_told": NoLogprobs,
    "test_answers_can_be_stored": SDKObjects,
    "test_thoughts_are_blocks": Thoughtless,
    "test_deltas_add_up": NoDeltas,
    "test_responses_hold_everything_so_far": DeltasOnly,
    "test_earlier_responses_are_not_changed": Shared,
    "test_changing_a_response_changes_no_later_one": Shared,
    "test_thoughts_are_streamed_beside_the_message": Thoughtless,
    "test_closing_a_stream_stops_the_server": Leaking,
    "test_closing_an_async_stream_stops_the_server": Leaking,
    "test_cancelling_a_stream_stops_the_server": Leaking,
    "test_all_text_blocks_are_sent": FirstLine,
    "test_every_role_is_one_of_the_apis": NoAssistants,
    "test_images_are_sent": TextOnly,
    "test_sound_is_sent": TextOnly,
    "test_documents_are_sent": TextOnly,
    "test_nothing_is_dropped": TextOnly,
    "test_blocks_for_one_provider_do_no_harm": NoCachePoints,
    "test_messages_that_are_given_stay_as_they_are": Scribbling,
    "test_results_say_which_call_they_answer": NoIds,
    "test_a_direct_result_is_no_tool_message": IdsEverywhere,
    "test_calls_are_sent_once": CallsTwice,
    "test_arguments_may_be_text": EncodedTwice,
    "test_an_image_in_a_result_is_not_lost": TextOnly,
    "test_a_stored_turn_can_be_sent_again": SDKObjects,
    "test_a_call_is_whole_in_all_four_ways": NoCalls,
    "test_streamed_calls_are_dicts_too": BlocksOnly,
    "test_calls_can_be_read_at_every_response": Strict,
    "test_several_calls_stay_apart": OneCall,
    "test_fragments_of_two_calls_in_one_chunk": OneCall,
    "test_fragments_that_take_turns": OneCall,
    "test_fragments_that_repeat_the_id": OneCall,
    "test_fragments_that_are_all_of_index_0": OneCall,
    "test_a_call_can_be_required": OwnWill,
    "test_a_tool_can_be_named": OwnWill,
    "test_parallel_calls_can_be_forbidden": OwnWill,
    "test_only_one_call_is_left_where_one_is_allowed": AllCalls,
    "test_without_tools_nothing_is_said_of_them": EmptyTools,
    "test_no_call_is_an_error_only_if_one_was_needed": Content,
    "test_broken_arguments_do_not_raise": Strict,
    "test_a_tool_is_called": NoCalls,
    "test_a_tool_with_a_strange_name_is_found_again": WireNames,
    "test_a_history_that_is_given_does_not_grow": Scribbling,
    "test_objects_are_predicted": NoObjects,
    "test_objects_are_streamed": NoObjects,
    "test_an_llm_of_objects": NoObjects,
    "test_the_model_is_not_free_to_talk": OwnWill,
    "test_the_system_prompt_is_kept": NoSystemPrompt,
    "test_failures_are_errors_that_are_caught": NoObjects,
    "test_arguments_that_are_given_stay_as_they_are": Popping,
    "test_metadata_is_that_of_a_chat_model": Plain,
    "test_metadata_tells_of_tools": Plain,
    "test_prompts_have_room": Greedy,
    "test_an_unknown_model_is_no_error": Closed,
    "test_it_has_a_name_of_its_own": Nameless,
    "test_it_can_be_stored": Forgetful,
    "test_it_can_be_pickled": Unpicklable,
    "test_the_key_is_not_written_down": Chatty,
    "test_observers_are_not_told_the_key": Chatty,
    "test_misspelled_settings_are_refused": Lax,
    "test_a_call_is_one_event": Doubled,
    "test_the_end_has_the_complete_response": LastIsEmpty,
    "test_every_response_of_a_stream_is_an_event": Unreported,
    "test_tokens_are_those_the_server_counted": NoUsage,
    "test_a_failed_call_ends_its_event": Unreported,
    "test_retries_are_as_many_as_were_asked_for": Stubborn,
    "test_a_wrong_key_is_not_tried_again": Stubborn,
    "test_an_error_inside_a_stream_is_raised": Calming,
    "test_errors_pass_llamaindexs_runner": Runtime,
    "test_connections_are_kept": Hasty,
    "test_any_number_of_event_loops": Twice,
    "test_event_loops_at_the_same_time": Twice,
    "test_threads_share_an_llm": Twice,
    "test_a_function_agent": NoCalls,
    "test_an_agents_thoughts_are_streamed": Thoughtless,
    "test_an_agent_with_an_answer_of_a_class": NoObjects,
    "test_one_agent_hands_over_to_another": NoCalls,
    "test_an_agents_memory_can_be_stored": NoCalls,
    "test_a_react_agent": Talkative,
    "test_a_query_engine": Talkative,
    "test_a_query_engines_context_arrives": ContextLost,
    "test_a_chat_engine": NoDeltas,
    "test_blocks_of_a_chat_engines_answer_are_private": NoDeltas,
}


class BadEmbedding(DigitalOceanEmbedding):
    """Breaks most promises at once."""

    def _get_text_embeddings(self, texts: list[str]) -> Any:
        return [super(BadEmbedding, self)._get_text_embeddings([text])[0] for text in texts]

    async def _aget_text_embeddings(self, texts: list[str]) -> Any:
        return [[1.0] for _ in texts]

    def _get_query_embedding(self, query: str) -> Any:
        try:
            return super()._get_query_embedding(query)
        except InferenceError:
            return super()._get_query_embedding(query)

    _get_text_embedding = _get_query_embedding

    @classmethod
    def class_name(cls) -> str:
        return "base_component"

    def to_payload(self) -> dict[str, Any]:
        return {**super().to_payload(), "key": self.api_key.get_secret_value()}

    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(protocol)[:1], (threading.Lock(),)


class TrustfulEmbedding(DigitalOceanEmbedding):
    """Takes vectors as they come."""

    def _get_text_embeddings(self, texts: list[str]) -> Any:
        import httpx

        headers = {"authorization": f"Bearer {self.api_key.get_secret_value()}"}
        body = {"model": self.model_name, "input": texts}
        reply = httpx.post(f"{self.base_url}/embeddings", json=body, headers=headers, timeout=5)
        return [item["embedding"] for item in reply.json()["data"]]


def llm_of(kind: type[Habit], server: Any, settings: dict[str, Any]) -> Habit:
    connection = {"base_url": server.base_url, "api_key": server.api_key}
    return kind(**{"model": MODEL, "max_retries": 0, **connection, **settings})


def run(kind: type[Habit], name: str) -> None:
    class Conformance(LLMConformance):
        def make_llm(self, server: Any, **settings: Any) -> Any:
            return llm_of(kind, server, settings)

    with Emulator() as server:
        try:
            getattr(Conformance(), name)(server)
        finally:
            while Leaking.leaked:
                Leaking.leaked.pop().close()


def test_every_test_of_the_kit_has_an_llm_that_fails_it() -> None:
    assert BROKEN.keys() == catalogue(LLMConformance).keys()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_llm_fails(name: str) -> None:
    with pytest.raises((Exception, pytest.fail.Exception)):  # in whatever way
        run(BROKEN[name], name)


@pytest.mark.parametrize("name", BROKEN)
def test_the_habits_alone_break_nothing(name: str) -> None:
    run(Habit, name)


TRUSTING = {"test_vectors_are_put_in_order", "test_a_missing_vector_is_an_error"}


@pytest.mark.parametrize("name", sorted(catalogue(EmbeddingConformance)))
def test_a_broken_embedding_model_fails(name: str) -> None:
    kind = TrustfulEmbedding if name in TRUSTING else BadEmbedding

    class Conformance(EmbeddingConformance):
        def make_embedding(self, server: Any, **settings: Any) -> Any:
            connection = {"base_url": server.base_url, "api_key": server.api_key}
            return kind(**{"model_name": "bge-m3", "max_retries": 0, **connection, **settings})

    with Emulator() as server, pytest.raises((Exception, pytest.fail.Exception)):
        getattr(Conformance(), name)(server)


# --- how the kit is used ---------------------------------------------------


def test_flags_leave_tests_out_and_subclasses_may_bring_them_back() -> None:
    class NoTools(LLMConformance):
        has_tools = False

    class NoHTTP(NoTools):
        has_tools = True
        over_http = False

    assert NoTools.test_a_call_is_whole_in_all_four_ways is None
    assert callable(NoTools.test_images_are_sent)
    assert callable(NoHTTP.test_a_call_is_whole_in_all_four_ways)
    assert NoHTTP.test_images_are_sent is None
    assert catalogue(NoTools).keys() >= {"test_deltas_add_up"}


def test_a_flag_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"there is no flag 'has_toolz'; the flags are .*has_tools"):
        type("Misspelled", (LLMConformance,), {"has_toolz": False})


@pytest.mark.parametrize("kind", [LLMConformance, EmbeddingConformance])
def test_a_class_without_a_factory_says_so(kind: Any) -> None:
    class Bare(kind):
        pass

    with pytest.raises(NotImplementedError, match=r"Bare needs a make_(llm|embedding)\(self, server, \*\*settings\)"):
        Bare().test_it_has_a_name_of_its_own(None)


def test_a_failure_says_what_is_wrong_and_which_flag_is_about_it() -> None:
    with pytest.raises(AssertionError, match=r"LlamaIndex counts .* the server said") as caught:
        run(NoUsage, "test_tokens_are_those_the_server_counted")
    assert caught.value.__notes__ == [
        "If this is not meant to be offered, say so in the class of the test: has_usage = False"
    ]


class Script:
    """What an LLM without a server is scripted by."""

    def __init__(self) -> None:
        self.replies: list[tuple[str | None, Any, str | None]] = []

    def reply(self, text: str | None = None, *, tool_calls: Any = (), reasoning: str | None = None, **_: Any) -> None:
        self.replies.append((text, list(tool_calls), reasoning))


class TestAnLLMWithoutAServer(LLMConformance):
    """LlamaIndex's own kind of test double, scripted: the parts of the kit that need no HTTP."""

    over_http = has_usage = has_reasoning = has_pickling = has_secret = refuses_unknown_arguments = False
    has_parallel_tools = has_settings = False

    @pytest.fixture
    def server(self) -> Any:
        return Script()

    def make_llm(self, server: Any, **settings: Any) -> Any:
        from scripted_llm import ScriptedLLM

        kept = {name: value for name, value in settings.items() if name in {"callback_manager", "system_prompt"}}
        return ScriptedLLM(script=server, **kept)
