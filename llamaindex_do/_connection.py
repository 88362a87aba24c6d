"""What the LLM and the embedding model share beside the connection: names of arguments, and what is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import ValidationError

from inference_do._adapters.arguments import problems_of, settle
from inference_do._adapters.settings import ConnectionSettings, Key, key_field
from inference_do.config import as_secret
from inference_do.errors import ConfigError

__all__ = ["Connected", "check_model"]

KEY_ARGUMENTS = frozenset({"api_key", "model_access_key"})


class Connected(ConnectionSettings):
    """A component of LlamaIndex that calls the API."""

    ALIASES: ClassVar[Mapping[str, str]] = {}
    """Arguments under the names that earlier packages gave them."""

    api_key: Key = key_field(exclude=True)

    def __init__(self, **options: Any) -> None:
        """Check the arguments; nothing is sent.

        Raises:
            ConfigError: An argument is unknown or cannot be right, or there is no key.
        """
        for name in KEY_ARGUMENTS & options.keys():
            options[name] = as_secret(options[name])
        fields = type(self).model_fields
        options.pop("class_name", None)
        try:
            super().__init__(**settle(options, known=fields, aliases=self.ALIASES, further="additional_kwargs"))
            self._check()
        except ValidationError as error:
            failure = ConfigError(f"{type(self).__name__}: {problems_of(error)}")
        except ConfigError as error:
            failure = error.with_traceback(None)
        else:
            return
        options.clear()  # a key may be among them, in a wrong place
        raise failure

    def _check(self) -> None:
        """Refuse settings that cannot be right."""
        self._check_connection()

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        plumbing = {name for name, field in type(self).model_fields.items() if field.exclude}
        for name, value in super().__repr_args__():
            if name not in plumbing and value not in (None, {}):
                yield name, value


def check_model(model: str) -> None:
    """Refuse what can be no model's id.

    Raises:
        ConfigError: It is empty.
    """
    if not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)
