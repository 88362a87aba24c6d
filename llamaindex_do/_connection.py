"""What the LLM and the embedding model share beside the connection: names of arguments, and what is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from inference_do._adapters.arguments import problems_of
from inference_do._adapters.settings import ConnectionSettings, OptionalKey, as_secret, check_form, key_field
from inference_do.errors import ConfigError

__all__ = ["Connected", "check_model"]


class Connected(ConnectionSettings):
    """A component of LlamaIndex that calls the API."""

    INHERITED: ClassVar[Mapping[str, str]] = {
        "callback_manager": "LlamaIndex's callbacks.",
        "completion_to_prompt": "LlamaIndex's: a function that changes the prompt of `complete`.",
        "embeddings_cache": "LlamaIndex's key-value store in which vectors are kept by their text.",
        "messages_to_prompt": "LlamaIndex's: a function from messages to one text; calls of this class do not need it.",
        "output_parser": "LlamaIndex's: reads an object out of an answer's text.",
        "pydantic_program_mode": "How structured output is asked for; by default what the model is known to take.",
        "query_wrapper_prompt": "LlamaIndex's: a template that `predict` puts around its prompts.",
        "rate_limiter": "A limiter of LlamaIndex's, which is asked before each call.",
        "system_prompt": "LlamaIndex's: a system message that `predict` and structured output put before theirs.",
    }

    api_key: OptionalKey = key_field(exclude=True)

    def __init__(self, **options: Any) -> None:
        """Check the arguments; nothing is sent.

        Raises:
            ConfigError: An argument is unknown or cannot be right, or there is no key.
        """
        options["api_key"] = as_secret(options.get("api_key"))
        options.pop("class_name", None)
        try:
            self._check_names(options)
            super().__init__(**self._settled(options))
            self._check()
        except ValidationError as error:
            failure = ConfigError(f"{type(self).__name__}: {problems_of(error)}")
        except ConfigError as error:
            failure = error.with_traceback(None)
        else:
            return
        options.clear()  # a key may be among them, in a wrong place
        raise failure

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Self:
        """Return the object of a stored form, as `load_llm` and `load_embed_model` do.

        Args:
            data: The form.
            **kwargs: Arguments to use instead of the form's.

        Raises:
            ConfigError: The form has an argument that cannot be right, or sends the environment's key to an address
                that nothing but the form names.
        """
        check_form(data, kwargs)
        return super().from_dict(data, **kwargs)  # type: ignore[misc, no-any-return]

    def _check(self) -> None:
        """Refuse settings that cannot be right."""
        self._check_connection()


def check_model(model: str) -> None:
    """Refuse what can be no model's id.

    Raises:
        ConfigError: It is empty.
    """
    if not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)
