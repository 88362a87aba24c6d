"""What the LLM and the embedding model share beside the connection: names of arguments, and what is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, get_args

from pydantic import SecretStr, ValidationError

from inference_do._adapters.settings import ConnectionSettings, Key, key_field
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
        _hide_key(options)
        options = self._understood(options)
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise _refusal(type(self), error) from None
        self._check()

    def _check(self) -> None:
        """Refuse settings that cannot be right."""
        self._check_connection()

    @classmethod
    def _understood(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that were given, under their present names."""
        fields = cls.model_fields
        understood: dict[str, Any] = {}
        for given, value in options.items():
            name = cls.ALIASES.get(given, given)
            if value is None or name == "class_name":
                continue
            if name not in fields:
                raise ConfigError(_unknown(cls, given))
            if name in understood:
                message = f"{cls.__name__}: {given!r} is another name for {name!r}: give one of them"
                raise ConfigError(message)
            if isinstance(value, bool):
                _check_switch(cls, name, value)
            understood[name] = value
        return understood

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


def _hide_key(options: dict[str, Any]) -> None:
    """Wrap the key first of all: tracebacks may be shown with their frames' variables.

    Raises:
        ConfigError: What was given cannot be a key.
    """
    for name in KEY_ARGUMENTS & options.keys():
        if isinstance(options[name], str):
            options[name] = SecretStr(options[name])
        elif not (options[name] is None or isinstance(options[name], SecretStr) or callable(options[name])):
            kind = type(options.pop(name)).__name__
            message = f"{name} must be a string, or a function that returns one, not {kind}"
            raise ConfigError(message)


def _check_switch(cls: type[Connected], name: str, value: bool) -> None:
    """Refuse True and False for a number, where pydantic would take 1.0 and 0.0.

    Raises:
        ConfigError: That is so.
    """
    kinds = get_args(cls.model_fields[name].annotation) or (cls.model_fields[name].annotation,)
    if not {bool, Any} & {*kinds}:
        message = f"{cls.__name__}: {name} must not be {value!r}"
        raise ConfigError(message)


def _unknown(cls: type[Connected], name: str) -> str:
    import difflib  # noqa: PLC0415  for words about a mistake, not before

    known = [*cls.model_fields, *cls.ALIASES]
    close = difflib.get_close_matches(name, known, n=1)
    mending = f"did you mean {close[0]!r}?" if close else "a field of the API goes into additional_kwargs or extra_body"
    return f"{cls.__name__} has no argument {name!r}: {mending}"


def _refusal(cls: type[Connected], error: ValidationError) -> ConfigError:
    """Put pydantic's findings into one line, without the values, which may be secret."""
    told = {(item["loc"][0] if item["loc"] else ""): item["msg"] for item in error.errors(include_input=False)}
    return ConfigError(f"{cls.__name__}: {'; '.join(f'{name}: {problem}' for name, problem in told.items())}")
