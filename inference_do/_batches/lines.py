"""Canonical requests as the lines of a batch's file, each checked before anything is sent."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from inference_do._apis import ENDPOINTS
from inference_do._provider_ids import BatchProvider, provider_id, provider_of
from inference_do._wires.bodies import encode
from inference_do._wires.selection import open_wire
from inference_do.errors import ConfigError
from inference_do.models import model_info

from .types import ANSWER, BatchFile

__all__ = ["MOST_BYTES", "MOST_REQUESTS", "write_lines"]

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
"""What the API takes in one file; a MB is taken to be the smaller of its two meanings."""
IN_MEMORY = 4 * 1024 * 1024
"""Bytes of a file that are held; more are in a temporary file."""

APIS: Mapping[BatchProvider, tuple[str, ...]] = {
    "openai": ("chat_completions", "responses"),
    "anthropic": ("messages",),
}
"""The APIs that lines may be of."""

OF_CALLS = ("timeout", "max_retries", "extra_headers", "extra_query", "stream", "stream_options", "use_responses_api")
"""What a single call has and a line of a batch has not."""

MEDIA = frozenset(
    {"audio", "document", "file", "image", "image_url", "input_audio", "input_file", "input_image", "video_url"}
)
ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

ChatBody = Callable[[str, Any, Any], tuple[dict[str, Any], str, AbstractSet[str]]]
"""Checks a canonical request and chooses its API: the client's own."""


def write_lines(requests: Iterable[Mapping[str, Any]], chat_body: ChatBody, provider: Any, endpoint: Any) -> BatchFile:
    """Write requests to a temporary file, one after another.

    Args:
        requests: Canonical requests, each with its `custom_id`.
        chat_body: Checks a request and chooses its API.
        provider: `openai` or `anthropic`; None: that of the models.
        endpoint: `/v1/chat/completions` or `/v1/responses`, of OpenAI; None: what the first request goes to.

    Raises:
        ConfigError: A request cannot be sent; it is named by its line and `custom_id`.
    """
    provider, api = _checked_destination(provider, endpoint)
    checked = _checked_requests(requests)
    file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  the caller closes it
    lines = BatchFile(file, provider, api)
    try:
        for number, request in enumerate(checked, 1):
            _add(lines, number, request, chat_body)
        if not lines.ids:
            _refuse("a batch needs at least one request")
    except BaseException:
        lines.file.close()
        raise
    return lines


def _checked_destination(provider: Any, endpoint: Any) -> tuple[BatchProvider | None, str | None]:
    if provider not in {None, *APIS}:
        message = f"provider must be 'openai' or 'anthropic', not {provider!r}: batches are for their models only"
        raise ConfigError(message)
    if endpoint is None:
        return provider, "messages" if provider == "anthropic" else None
    api = next((api for api in APIS["openai"] if ENDPOINTS[api] == endpoint), None)
    if api is None or provider == "anthropic":
        message = (
            f"endpoint must be '/v1/chat/completions' or '/v1/responses', not {endpoint!r}"
            if provider != "anthropic"
            else f"batches of Anthropic's models have no endpoint: leave out {endpoint!r}"
        )
        raise ConfigError(message)
    return "openai", api


def _checked_requests(requests: Any) -> Iterable[Any]:
    if isinstance(requests, str | bytes | Mapping) or not isinstance(requests, Iterable):
        message = f"requests must be an iterable of requests, each a dict, not {type(requests).__name__}"
        raise ConfigError(message)
    return requests


def _add(lines: BatchFile, number: int, request: Any, chat_body: ChatBody) -> None:
    """Add a request.

    Raises:
        ConfigError: It cannot be sent.
    """
    where = f"line {number}"
    try:
        if not isinstance(request, Mapping):
            _refuse(f"a request must be a dict, not {type(request).__name__}")
        custom_id = _checked_id(request.get("custom_id"), lines.ids)
        where = f"line {number} (custom_id {custom_id[:100]!r})"
        if number > MOST_REQUESTS:
            _refuse(f"a batch has at most {MOST_REQUESTS:,} requests: make several")
        data = _line(lines, custom_id, request, chat_body)
        if lines.size + len(data) > MOST_BYTES:
            _refuse(f"the file would be larger than {MOST_BYTES:,} bytes: make several batches")
    except ConfigError as error:
        failure = ConfigError(f"{where}: {error.message}")
    else:
        lines.file.write(data)
        lines.size += len(data)
        lines.ids.add(custom_id)
        return
    raise failure


def _refuse(message: str) -> None:
    raise ConfigError(message)


def _checked_id(custom_id: Any, taken: AbstractSet[str]) -> str:
    if not isinstance(custom_id, str) or not custom_id.strip():
        message = (
            f"each request needs a custom_id, a text that identifies its result, not {custom_id!r}; write a dict as "
            '{"custom_id": "1", "messages": [...]}. Rows with a prompt are for `inference-do batch run` and `jobs.run`'
        )
        raise ConfigError(message)
    if custom_id in taken:
        message = "an earlier request has the same custom_id"
        raise ConfigError(message)
    return custom_id


def _line(lines: BatchFile, custom_id: str, request: Mapping[str, Any], chat_body: ChatBody) -> bytes:
    fields = {name: value for name, value in request.items() if name != "custom_id" and value is not None}
    _check_fields(fields)
    model = fields.pop("model", None)
    if not isinstance(model, str) or not model.strip():
        message = f"model must be a model's id, not {model!r}"
        raise ConfigError(message)
    provider = _provider_for(model, lines.provider)
    if provider == "anthropic" and not ANTHROPIC_ID.fullmatch(custom_id):
        message = "Anthropic takes 1 to 64 letters, digits, `_` and `-` as a custom_id"
        raise ConfigError(message)
    api, body = _body(model, fields, provider, lines.api, chat_body)
    lines.provider, lines.api, lines.endpoint = provider, api, ENDPOINTS[api] if provider == "openai" else None
    if provider == "anthropic":
        return encode({"custom_id": custom_id, "params": body}) + b"\n"
    return encode({"custom_id": custom_id, "method": "POST", "url": ENDPOINTS[api], "body": body}) + b"\n"


def _check_fields(fields: Mapping[str, Any]) -> None:
    if name := next((name for name in OF_CALLS if fields.get(name)), None):
        message = f"a request of a batch has no {name}: leave it out"
        raise ConfigError(message)
    messages = fields.get("messages")
    for position, item in enumerate(messages if isinstance(messages, list | tuple) else ()):
        content = item.get("content") if isinstance(item, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping) and part.get("type") in MEDIA:
                message = f"messages[{position}] has a part of type {part['type']!r}: batches take text only"
                raise ConfigError(message)


def _provider_for(model: str, given: BatchProvider | None) -> BatchProvider:
    """Return the provider of a request, which is one for all."""
    provider = provider_of(model)
    if provider is None and (given is None or model_info(model).is_known):
        message = f"batches are for OpenAI's and Anthropic's models, and {model!r} is none that is known"
        raise ConfigError(message + ("" if model_info(model).is_known else ": provider= says whose it is"))
    if given is not None and provider not in {None, given}:
        message = f"{model!r} is a model of {provider}, and this batch is for {given}: all requests have one provider"
        raise ConfigError(message)
    return given or provider  # type: ignore[return-value]  # one of them is known


def _body(
    model: str, fields: dict[str, Any], provider: BatchProvider, api: str | None, chat_body: ChatBody
) -> tuple[str, dict[str, Any]]:
    """Return the API that a request goes to, and its body there.

    Args:
        model: The model.
        fields: The other fields.
        provider: Whose model it is.
        api: What the batch goes to, if that is settled.
        chat_body: Checks a request and chooses its API.
    """
    asked = fields.pop("api", None)
    messages = fields.pop("messages", None)
    api = _settled_api(asked, provider, api)
    if provider == "anthropic":
        fields = _with_marked_schema(fields)
    if api is not None:
        _check_endpoint(model, api)
    canonical, chosen, defaults = chat_body(model, messages, {**fields, "api": api or "auto"})
    if chosen not in APIS[provider]:
        chosen = APIS[provider][0]
        _check_endpoint(model, chosen)
        canonical, _, defaults = chat_body(model, messages, {**fields, "api": chosen})
    wire = open_wire(chosen, canonical)
    body = {**wire.body(canonical, defaults), "model": provider_id(model)}
    body.update(body.pop("extra_body", None) or {})
    return chosen, body


def _settled_api(asked: Any, provider: BatchProvider, settled: str | None) -> str | None:
    if asked in {None, "auto"}:
        return settled or ("messages" if provider == "anthropic" else None)
    if asked not in APIS[provider]:
        message = f"batches of {provider}'s models go to {' or '.join(APIS[provider])}, not to api={asked!r}"
        raise ConfigError(message)
    if settled not in {None, asked}:
        message = f"it asks for {asked}, and this batch goes to {settled}: all requests go to one endpoint"
        raise ConfigError(message)
    return str(asked)


def _check_endpoint(model: str, api: str) -> None:
    endpoints = model_info(model).endpoints
    if endpoints and ENDPOINTS[api] not in endpoints:
        known = ", ".join(endpoints)
        message = f"{model!r} is on {known}, and this batch goes to {ENDPOINTS[api]}: make one batch for each endpoint"
        raise ConfigError(message)


def _with_marked_schema(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a request whose schema has a name by which its answer is known."""
    form = fields.get("response_format")
    if not isinstance(form, Mapping) or not isinstance(asked := form.get("json_schema"), Mapping):
        return fields
    name = f"{ANSWER}{asked.get('name') or 'answer'}"[:64]
    return {**fields, "response_format": {**form, "json_schema": {**asked, "name": name}}}
