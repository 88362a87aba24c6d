"""What the chat model and the embeddings have in common beside the connection: names, and LangChain's own forms.

Names are settled before pydantic looks at them: None is "not given", old names become today's, unknown ones go to
`model_kwargs`, unless they look like a slip.
"""

from __future__ import annotations

import difflib
import inspect
import traceback
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationError, field_serializer, field_validator, model_validator

from inference_do import ConfigError
from inference_do._adapters.merging import renamed
from inference_do._adapters.settings import ConnectionSettings, Number, Whole
from inference_do.config import as_secret, check_mapping

from ._errors import translate

__all__ = ["Connected", "Number", "Whole"]

SLIP = 0.85
"""How alike an unknown name must be to a known one to be taken for a slip; `top_k` and `top_p` are 0.80."""


class Connected(ConnectionSettings):
    """A component of LangChain that calls the API."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request's body."""

    ALIASES: ClassVar[Mapping[str, str]] = {"model_name": "model", "request_timeout": "timeout"}

    def __init__(self, **values: Any) -> None:
        values["api_key"] = as_secret(values.get("api_key"))
        with translate():
            try:
                super().__init__(**values)
            except ValidationError as error:
                message = f"{type(self).__name__}: {_problems(error)}"
            else:
                self._check_connection()
                return
            raise ConfigError(message)

    @model_validator(mode="before")
    @classmethod
    def _settle_names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        known = cls.model_fields
        given = {name: value for name, value in values.items() if value is not None}
        is_settled = given.keys() <= known.keys() and cls.ALIASES.keys().isdisjoint(given)
        if is_settled and given.get("model_kwargs", {}) == {}:
            return {**given, "model_kwargs": {}}
        extra = renamed(check_mapping(values.get("model_kwargs"), name="model_kwargs"), cls.ALIASES)
        settled = renamed({**values, "model_kwargs": None}, cls.ALIASES)
        for name in [name for name in extra if name in known]:
            if settled.setdefault(name, extra[name]) != extra[name]:
                message = f"{name} is given twice: as an argument and in model_kwargs"
                raise ConfigError(message)
            del extra[name]
        for name in [name for name in settled if name not in known]:
            _check_unknown(name, known)
            extra[name] = settled.pop(name)
        return {**settled, "model_kwargs": extra}

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


def _check_unknown(name: str, known: Mapping[str, Any]) -> None:
    if close := difflib.get_close_matches(name, known, n=1, cutoff=SLIP):
        message = f"there is no argument {name!r}: did you mean {close[0]!r}? (model_kwargs= sends any name as it is)"
        raise ConfigError(message)
    warnings.warn(
        f"{name} is no argument of this class and will be sent as a field of the request; "
        "put it into model_kwargs or extra_body to say that this is meant",
        stacklevel=_callers_level(),
    )


def _callers_level() -> int:
    """Return how far up the stack, from where it is asked, stands the code that makes the model."""
    frames = enumerate(frame for frame, _ in traceback.walk_stack(inspect.currentframe()))
    return next(level for level, frame in frames if _package(frame.f_globals) not in MAKERS)


MAKERS = frozenset({"langchain_core", "langchain_do", "pydantic"})


def _package(names: Mapping[str, Any]) -> str:
    return str(names.get("__name__")).partition(".")[0]


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = {(item["loc"][0] if item["loc"] else ""): item["msg"].removeprefix("Value error, ") for item in found}
    return "; ".join(
        problem if problem.startswith(str(name)) else f"{name}: {problem}" for name, problem in told.items()
    )
