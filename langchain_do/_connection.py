"""What the chat model and the embeddings have in common beside the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationError, field_serializer, field_validator

from inference_do import ConfigError
from inference_do._adapters.arguments import problems_of
from inference_do._adapters.settings import ConnectionSettings, Number, Whole, as_secret

from ._errors import translate

__all__ = ["Connected", "Number", "Whole"]


class Connected(ConnectionSettings):
    """A component of LangChain that calls the API."""

    model_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Further fields of every request, sent as they are."
    )

    INHERITED: ClassVar[Mapping[str, str]] = {
        "cache": "Whether answers are cached, or a cache; by default LangChain's global one, if it is set.",
        "callbacks": "Callbacks of every call.",
        "custom_get_token_ids": "A function from a text to token ids, to count tokens by.",
        "disable_streaming": "Whether `stream` waits for the whole answer; `'tool_calling'`: only with tools.",
        "metadata": "Data that is added to every trace.",
        "name": "The name in traces.",
        "output_version": "The form of a message's content: `v0` the API's, `v1` LangChain's standard blocks.",
        "profile": "What is known of the model, for agents; by default what this package knows.",
        "rate_limiter": "A limiter of LangChain's, which is asked before each call.",
        "tags": "Tags of every trace.",
        "verbose": "Whether questions and answers are printed.",
    }

    ALIASES: ClassVar[Mapping[str, str]] = {"model_name": "model", "request_timeout": "timeout"}

    def __init__(self, **values: Any) -> None:
        values["api_key"] = as_secret(values.get("api_key"))
        with translate():
            try:
                values = self._read_names(values)
                self._check_names(values)
                super().__init__(**self._settled(values))
                self._check_connection()
            except ValidationError as error:
                failure = ConfigError(f"{type(self).__name__}: {problems_of(error)}")
            except ConfigError as error:
                failure = error.with_traceback(None)
            else:
                self._complete()
                return
            values.clear()  # a key may be among them, in a wrong place
            raise failure

    @classmethod
    def _read_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments, with what stands for another one in its form."""
        return values

    def _complete(self) -> None:
        """Do what comes when the settings are right."""

    @field_validator("model", check_fields=False)
    @classmethod
    def _check_model(cls, model: str) -> str:
        if not model.strip():
            message = "it is empty: give a model's id, such as 'llama3.3-70b-instruct'"
            raise ValueError(message)
        return model

    @field_serializer("api_key", when_used="json")
    def _mask_key(self, key: Any) -> Any:
        """Write a mask for a key, and for a function as well: JSON has no form for one."""
        return key and "**********"
