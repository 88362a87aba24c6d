"""What the chat model and the embeddings have in common beside the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationError, field_serializer, field_validator, model_validator

from inference_do import ConfigError
from inference_do._adapters.arguments import problems_of, settle
from inference_do._adapters.settings import ConnectionSettings, Number, Whole, as_secret

from ._errors import translate

__all__ = ["Connected", "Number", "Whole"]


class Connected(ConnectionSettings):
    """A component of LangChain that calls the API."""

    model_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Further fields of every request, sent as they are."
    )

    ALIASES: ClassVar[Mapping[str, str]] = {"model_name": "model", "request_timeout": "timeout"}

    def __init__(self, **values: Any) -> None:
        values["api_key"] = as_secret(values.get("api_key"))
        with translate():
            try:
                self._check_names(values)
                super().__init__(**values)
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

    def _complete(self) -> None:
        """Do what comes when the settings are right."""

    @model_validator(mode="before")
    @classmethod
    def _settle_names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return settle(values, known=cls.ARGUMENTS, aliases=cls.ALIASES, further="model_kwargs")

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
