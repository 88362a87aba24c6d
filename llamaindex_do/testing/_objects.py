"""The object: what it says of itself, how it is stored and copied, and that its key goes nowhere."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # it is documented there
from llama_index.core.instrumentation.event_handlers import BaseEventHandler

from ._asking import METHODS, ask
from ._kit import LLMKit, needs

__all__ = ["ObjectTests"]

CORE_DEFAULT_WINDOW = 3900


class ObjectTests(LLMKit):
    """Metadata, serialization, pickling, secrets."""

    def test_metadata_is_that_of_a_chat_model(self, server: Any) -> None:
        """Otherwise prompts are flattened, and a window of 3900 tokens cuts every context."""
        metadata = self.make_llm(server).metadata
        assert metadata.is_chat_model, "without is_chat_model prompts of several messages become one text"
        assert metadata.context_window > CORE_DEFAULT_WINDOW, "this is LlamaIndex's default, not the model's window"
        assert metadata.model_name not in {"", "unknown"}

    @needs("has_tools")
    def test_metadata_tells_of_tools(self, server: Any) -> None:
        """Agents refuse an LLM that does not call functions."""
        assert self.make_llm(server).metadata.is_function_calling_model

    def test_prompts_have_room(self, server: Any) -> None:
        """`num_output` is what prompts leave free (-1: a default); a model's greatest output would leave nothing."""
        metadata = self.make_llm(server).metadata
        assert metadata.num_output == -1 or 0 < metadata.num_output <= metadata.context_window // 2
        assert PromptHelper.from_llm_metadata(metadata).context_window == metadata.context_window

    @needs("over_http")
    def test_an_unknown_model_is_no_error(self, server: Any) -> None:
        """Providers have new models before packages have their names."""
        llm = self.make_llm(server, model="a-model-of-next-year")
        assert llm.metadata.context_window > 0
        assert llm.metadata.model_name == "a-model-of-next-year"

    def test_it_has_a_name_of_its_own(self, server: Any) -> None:
        """Stored objects are found again by `class_name()`."""
        assert self.make_llm(server).class_name() not in {"base_component", "", "LLM"}

    @needs("has_serialization")
    def test_it_can_be_stored(self, server: Any) -> None:
        """As JSON, with its settings; the key is given again by `make_llm`, or by the environment."""
        llm = self.make_llm(server, temperature=0.25)
        data = json.loads(llm.to_json())
        assert data["class_name"] == llm.class_name()
        assert data["temperature"] == 0.25

    @needs("has_pickling")
    def test_it_can_be_pickled(self, server: Any) -> None:
        """IngestionPipeline(num_workers=2) sends it to other processes, also after it was used."""
        llm = self.make_llm(server, temperature=0.25)
        ask(llm, "chat")
        again = pickle.loads(pickle.dumps(llm))  # noqa: S301  our own
        assert again.metadata.model_name == llm.metadata.model_name
        assert again.to_dict()["temperature"] == 0.25
        server.reply("Yes.")
        assert llm.chat([ChatMessage(content="And the first one?")]).message.content == "Yes."

    @needs("over_http", "has_secret")
    def test_the_key_is_not_written_down(self, server: Any) -> None:
        """Not printed, not stored, not in what observers get."""
        llm = self.make_llm(server)
        ask(llm, "chat")
        written = {
            "repr()": repr(llm),
            "str()": str(llm),
            "to_dict()": json.dumps(llm.to_dict(), default=str),
            "to_payload()": repr(llm.to_payload()),
        }
        for name, text in written.items():
            assert server.api_key not in text, f"{name} shows the key"

    @needs("over_http", "has_secret")
    def test_observers_are_not_told_the_key(self, server: Any) -> None:
        """Events go to tracing services."""
        seen: list[str] = []

        class Collector(BaseEventHandler):
            """Keep every event's text."""

            def handle(self, event: Any, **_: Any) -> None:
                """Keep it."""
                seen.append(event.model_dump_json(fallback=repr) + repr(vars(event)))

        dispatcher = get_dispatcher()
        dispatcher.add_event_handler(collector := Collector())
        try:
            llm = self.make_llm(server)
            for method in METHODS:
                ask(llm, method)
        finally:
            dispatcher.event_handlers.remove(collector)
        assert len(seen) >= 2 * len(METHODS), "no events were reported"
        assert server.api_key not in "".join(seen)

    @needs("refuses_unknown_arguments")
    def test_misspelled_settings_are_refused(self, server: Any) -> None:
        """What pydantic does not know it drops, and the default is used in silence."""
        with pytest.raises(Exception, match="temprature"):
            self.make_llm(server, temprature=0.5)
