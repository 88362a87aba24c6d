"""What goes out and comes in as JSON: requests from a caller's arguments, results from a reply's body.

Readers raise a ValueError that says why a body is not what was asked for; the flow makes it an error of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ._json import dump_json, load_json
from .errors import ConfigError
from .types import ChatCompletion, EmbeddingResponse, Message, ModelList, Reply

R = TypeVar("R", bound=Reply)


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were set: None is never sent."""
    return {name: value for name, value in params.items() if value is not None}


def checked_model(model: object) -> str:
    """Return a model's id if it can be one."""
    if not isinstance(model, str) or not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)
    return model


def chat_body(model: str, messages: Iterable[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a chat request, after checking what no API could read."""
    if not isinstance(messages, Iterable) or isinstance(messages, str | bytes | Mapping):
        message = f"messages must be a list of messages, not {type(messages).__name__}"
        raise ConfigError(message)
    items = [_as_said(item) if isinstance(item, Message) else item for item in messages]
    if not items:
        message = "messages must hold at least one message"
        raise ConfigError(message)
    for position, item in enumerate(items):
        if not isinstance(item, Mapping) or not isinstance(item.get("role"), str):
            message = f"messages[{position}] must be an object with a role, not {type(item).__name__}"
            raise ConfigError(message)
    body = {"model": checked_model(model), "messages": items, **given(params)}
    if (limit := body.pop("max_tokens", None)) is not None and body.setdefault("max_completion_tokens", limit) != limit:
        message = "max_tokens is another name for max_completion_tokens: give one of them"
        raise ConfigError(message)
    return body


def _as_said(message: Message) -> dict[str, Any]:
    """Return an answer's message as a message of a request."""
    said = {name: value for name, value in message.model_dump(exclude_none=True).items() if value != []}
    return {**said, "role": message.role or "assistant", "content": message.content}


def encode(body: Mapping[str, Any]) -> bytes:
    """Write a body; what has no JSON form is refused."""
    try:
        return dump_json(body)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error)
    message = f"the request has no JSON form: {reason[:300]}"
    raise ConfigError(message)


def read_completion(data: bytes) -> ChatCompletion:
    """Read a whole answer.

    Raises:
        ValueError: It is not one.
    """
    completion = ChatCompletion.model_validate(load_json(data))
    if not completion.choices:
        message = "it has no choices"
        raise ValueError(message)
    return completion


def read_object(data: bytes, kind: type[R]) -> R:
    """Read a reply that is a JSON object of some kind."""
    parsed = load_json(data)
    if not isinstance(parsed, dict) or parsed.get("error"):
        message = "it is no JSON object, or an error"
        raise ValueError(message)
    return kind.model_validate(parsed)


def read_models(data: bytes) -> ModelList:
    """Read the list of models."""
    parsed = load_json(data)
    if not isinstance(parsed, dict) or "data" not in parsed:
        message = "it has no data"
        raise ValueError(message)
    return ModelList.model_validate(parsed)


def read_embeddings(data: bytes, count: int) -> EmbeddingResponse:
    """Read vectors, and put them in the order of the inputs."""
    response = EmbeddingResponse.model_validate(load_json(data))
    vectors = sorted(response.data, key=lambda item: item.index)
    if [item.index for item in vectors] != list(range(count)):
        message = f"{count} inputs were sent, and {len(vectors)} vectors came back that do not match them"
        raise ValueError(message)
    return response.model_copy(update={"data": vectors})
