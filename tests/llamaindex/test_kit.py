"""The conformance kit can fail: for each of its tests there is an LLM that is broken in one way and fails it.

`BROKEN` is the table: a test's name, and what is wrong with the LLM (`broken_llms.py`, `broken_objects.py`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import broken_llms as b
import broken_objects as o
import pytest
from scripted_llm import ScriptedLLM

from inference_do.emulator import Emulator
from llamaindex_do.testing import EmbeddingConformance, LLMConformance, catalogue

BROKEN: dict[str, type[b.Habit]] = {
    "test_the_eight_methods_give_the_same_answer": b.Talkative,
    "test_an_empty_answer_is_an_empty_text": b.Talkative,
    "test_text_is_kept_as_it_is": b.Talkative,
    "test_one_call_is_one_request": b.Twice,
    "test_messages_arrive_in_order_and_with_their_roles": b.WithoutSystem,
    "test_a_template_reaches_a_chat_model_as_messages": o.Plain,
    "test_what_a_call_is_given_wins": b.OwnWill,
    "test_further_arguments_of_a_call_reach_the_api": b.OwnWill,
    "test_a_seed_reaches_the_api": b.OwnWill,
    "test_usage_is_told": b.NoUsage,
    "test_logprobs_are_told": b.NoLogprobs,
    "test_answers_can_be_stored": b.SDKObjects,
    "test_thoughts_are_blocks": b.Thoughtless,
    "test_deltas_add_up": b.NoDeltas,
    "test_responses_hold_everything_so_far": b.DeltasOnly,
    "test_earlier_responses_are_not_changed": b.Shared,
    "test_changing_a_response_changes_no_later_one": b.Shared,
    "test_thoughts_are_streamed_beside_the_message": b.Thoughtless,
    "test_closing_a_stream_stops_the_server": b.Leaking,
    "test_closing_an_async_stream_stops_the_server": b.Leaking,
    "test_cancelling_a_stream_stops_the_server": b.Leaking,
    "test_all_text_blocks_are_sent": b.FirstLine,
    "test_every_role_is_one_of_the_apis": b.NoAssistants,
    "test_images_are_sent": b.TextOnly,
    "test_sound_is_sent": b.TextOnly,
    "test_documents_are_sent": b.TextOnly,
    "test_nothing_is_dropped": b.TextOnly,
    "test_blocks_for_one_provider_do_no_harm": b.NoCachePoints,
    "test_messages_that_are_given_stay_as_they_are": b.Scribbling,
    "test_results_say_which_call_they_answer": b.NoIds,
    "test_a_direct_result_is_no_tool_message": b.IdsEverywhere,
    "test_calls_are_sent_once": b.CallsTwice,
    "test_arguments_may_be_text": b.EncodedTwice,
    "test_an_image_in_a_result_is_not_lost": b.TextOnly,
    "test_a_stored_turn_can_be_sent_again": b.SDKObjects,
    "test_a_call_is_whole_in_all_four_ways": b.NoCalls,
    "test_streamed_calls_are_dicts_too": b.BlocksOnly,
    "test_calls_can_be_read_at_every_response": b.Strict,
    "test_several_calls_stay_apart": b.OneCall,
    "test_fragments_of_two_calls_in_one_chunk": b.OneCall,
    "test_fragments_that_take_turns": b.OneCall,
    "test_fragments_that_repeat_the_id": b.OneCall,
    "test_fragments_that_are_all_of_index_0": b.OneCall,
    "test_a_call_can_be_required": b.OwnWill,
    "test_a_tool_can_be_named": b.OwnWill,
    "test_parallel_calls_can_be_forbidden": b.OwnWill,
    "test_only_one_call_is_left_where_one_is_allowed": b.AllCalls,
    "test_without_tools_nothing_is_said_of_them": b.EmptyTools,
    "test_no_call_is_an_error_only_if_one_was_needed": b.Content,
    "test_broken_arguments_do_not_raise": b.Strict,
    "test_a_tool_is_called": b.NoCalls,
    "test_a_tool_with_a_strange_name_is_found_again": b.WireNames,
    "test_a_history_that_is_given_does_not_grow": b.Scribbling,
    "test_objects_are_predicted": o.NoObjects,
    "test_objects_are_streamed": o.NoObjects,
    "test_an_llm_of_objects": o.NoObjects,
    "test_the_model_is_not_free_to_talk": b.OwnWill,
    "test_the_system_prompt_is_kept": o.NoSystemPrompt,
    "test_failures_are_errors_that_are_caught": o.NoObjects,
    "test_arguments_that_are_given_stay_as_they_are": o.Popping,
    "test_metadata_is_that_of_a_chat_model": o.Plain,
    "test_metadata_tells_of_tools": o.Plain,
    "test_prompts_have_room": o.Greedy,
    "test_an_unknown_model_is_no_error": o.Closed,
    "test_it_has_a_name_of_its_own": o.Nameless,
    "test_it_can_be_stored": o.Forgetful,
    "test_it_can_be_pickled": o.Unpicklable,
    "test_the_key_is_not_written_down": o.Chatty,
    "test_observers_are_not_told_the_key": o.Chatty,
    "test_misspelled_settings_are_refused": o.Lax,
    "test_a_call_is_one_event": o.Doubled,
    "test_the_end_has_the_complete_response": o.LastIsEmpty,
    "test_every_response_of_a_stream_is_an_event": o.Unreported,
    "test_tokens_are_those_the_server_counted": b.NoUsage,
    "test_a_failed_call_ends_its_event": o.Unreported,
    "test_retries_are_as_many_as_were_asked_for": b.Stubborn,
    "test_a_wrong_key_is_not_tried_again": b.Stubborn,
    "test_an_error_inside_a_stream_is_raised": o.Calming,
    "test_errors_pass_llamaindexs_runner": o.Runtime,
    "test_connections_are_kept": o.Hasty,
    "test_any_number_of_event_loops": b.Twice,
    "test_event_loops_at_the_same_time": b.Twice,
    "test_threads_share_an_llm": b.Twice,
    "test_a_function_agent": b.NoCalls,
    "test_an_agents_thoughts_are_streamed": b.Thoughtless,
    "test_an_agent_with_an_answer_of_a_class": o.NoObjects,
    "test_one_agent_hands_over_to_another": b.NoCalls,
    "test_an_agents_memory_can_be_stored": b.NoCalls,
    "test_a_react_agent": b.Talkative,
    "test_a_query_engine": b.Talkative,
    "test_a_query_engines_context_arrives": o.ContextLost,
    "test_a_chat_engine": b.NoDeltas,
    "test_blocks_of_a_chat_engines_answer_are_private": b.NoDeltas,
}


def llm_of(kind: type[b.Habit], server: Any, settings: dict[str, Any]) -> b.Habit:
    connection = {"base_url": server.base_url, "api_key": server.api_key}
    return kind(**{"model": b.MODEL, "max_retries": 0, **connection, **settings})


def run(kind: type[b.Habit], name: str) -> None:
    class Conformance(LLMConformance):
        def make_llm(self, server: Any, **settings: Any) -> Any:
            return llm_of(kind, server, settings)

    with Emulator() as server:
        try:
            getattr(Conformance(), name)(server)
        finally:
            while b.Leaking.leaked:
                b.Leaking.leaked.pop().close()


def test_every_test_of_the_kit_has_an_llm_that_fails_it() -> None:
    assert BROKEN.keys() == catalogue(LLMConformance).keys()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_llm_fails(name: str) -> None:
    with pytest.raises((Exception, pytest.fail.Exception)):  # in whatever way
        run(BROKEN[name], name)


@pytest.mark.parametrize("name", BROKEN)
def test_the_habits_alone_break_nothing(name: str) -> None:
    run(b.Habit, name)


TRUSTING = {"test_vectors_are_put_in_order", "test_a_missing_vector_is_an_error"}


@pytest.mark.parametrize("name", sorted(catalogue(EmbeddingConformance)))
def test_a_broken_embedding_model_fails(name: str) -> None:
    kind = o.TrustfulEmbedding if name in TRUSTING else o.BadEmbedding

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
    with pytest.raises(AssertionError, match=r"LlamaIndex counts .* the server reported") as caught:
        run(b.NoUsage, "test_tokens_are_those_the_server_counted")
    assert caught.value.__notes__ == [
        "If this is not meant to be offered, say so in the class of the test: has_usage = False"
    ]


def test_the_page_has_the_flags() -> None:
    page = (Path(__file__).parents[2] / "docs" / "llamaindex-testing.md").read_text(encoding="utf-8")
    named = {
        flag
        for line in page.splitlines()
        if line.startswith("| `")
        for flag in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    flags = {name for kind in LLMConformance.__mro__ for name, value in vars(kind).items() if isinstance(value, bool)}
    assert flags <= named


class Script:
    """What an LLM without a server is scripted by."""

    def __init__(self) -> None:
        self.responses: list[tuple[str | None, Any, str | None]] = []

    def reply(self, text: str | None = None, *, tool_calls: Any = (), reasoning: str | None = None, **_: Any) -> None:
        self.responses.append((text, list(tool_calls), reasoning))


class TestAnLLMWithoutAServer(LLMConformance):
    """LlamaIndex's own kind of test double, scripted: the parts of the kit that need no HTTP."""

    over_http = has_usage = has_reasoning = has_pickling = has_secret = refuses_unknown_arguments = False
    has_parallel_tools = has_settings = has_serialization = False

    @pytest.fixture
    def server(self) -> Any:
        return Script()

    def make_llm(self, server: Any, **settings: Any) -> Any:
        kept = {name: value for name, value in settings.items() if name in {"callback_manager", "system_prompt"}}
        return ScriptedLLM(script=server, **kept)
