"""The API's front: routes, the key, the model, and the reply's headers.

In this order, which is the real one: the key before the body is parsed, the body's form, the model, the request's
fields, and only then an answer.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inference_do.models import ModelInfo, known_models, model_info

from ._answers import honest_answer
from ._completion import complete, from_script, whole
from ._embeddings import DIMENSIONS, check_embeddings, embeddings
from ._http import HeaderList, Refusal, Reply, error_body, json_reply, request_id
from ._profile import check_profile
from ._stream import assembled, chunks, events, gzipped
from ._tokens import prompt_tokens
from ._validation import check_chat

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator, Mapping

    from ._records import Request
    from .quirks import Quirks
    from .replies import Scripted

LOGGER = logging.getLogger(__name__)
CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
METHODS = {CHAT: "POST", EMBEDDINGS: "POST", MODELS: "GET"}
ROUTED_MODEL = "llama3.3-70b-instruct"
LIMITS = (("requests", 120), ("tokens-per-minute", 1_000_000), ("tokens-per-day", 100_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers requests; holds only what the emulator was made with."""

    keys: frozenset[str] | None
    models: frozenset[str]
    locked: frozenset[str]
    allow_unknown_fields: bool

    def answer(self, request: Request, quirks: Quirks, replies: deque[Scripted]) -> Reply:
        """Answer one request; a refusal is an answer too."""
        try:
            reply = self._route(request, quirks, replies)
        except Refusal as refusal:
            body = error_body(refusal.status, refusal.message, refusal.type)
            reply = json_reply(body, status=refusal.status, headers=refusal.headers)
        except Exception as error:
            LOGGER.exception("the emulator failed on a request; please report it")
            reply = json_reply(error_body(500, f"the emulator itself failed: {error!r}"), status=500)
        if quirks.gzip:
            headers = (*reply.headers, ("content-encoding", "gzip"))
            reply = replace(reply, headers=headers, pieces=gzipped(reply.pieces))
        return reply

    def _route(self, request: Request, quirks: Quirks, replies: deque[Scripted]) -> Reply:
        self._authenticate(request)
        expected = METHODS.get(request.path)
        if expected is None:
            raise Refusal(404, f"no such path: {request.path}", "not_found_error")
        if request.method != expected:
            raise Refusal(405, f"{request.path} takes {expected}, not {request.method}", headers=(("allow", expected),))
        if request.path == MODELS:
            return json_reply(self._listing(), headers=_limit_headers(0), kind=quirks.json_content_type)
        body = _parsed(request.body)
        info = self._model(body, request.path)
        if request.path == EMBEDDINGS:
            check_embeddings(body)
            value = embeddings(body, dimensions=info.dimensions or DIMENSIONS, quirks=quirks)
            used = _limit_headers(value["usage"]["total_tokens"])
            return json_reply(value, headers=used, kind=quirks.json_content_type)
        check_chat(body, allow_unknown=self.allow_unknown_fields, cache_control=bool(info.cache_control))
        check_profile(body, info, quirks)
        return _chat(body, info, quirks, replies)

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key or (self.keys is not None and key not in self.keys):
            raise Refusal(401, "Unable to authenticate you.")

    def _model(self, body: Mapping[str, Any], path: str) -> ModelInfo:
        model = body.get("model")
        if not isinstance(model, str):
            raise Refusal(400, "model is required and must be a string")
        if model in self.locked:
            raise Refusal(403, "this model is not available for your subscription tier", "forbidden_error")
        if model in self.models and model not in known_models():
            return ModelInfo(id=model, kind="chat", dimensions=DIMENSIONS)
        info = model_info(model)
        if not info.is_known:
            raise Refusal(404, "model not found", "not_found_error")
        if info.endpoints and path not in info.endpoints:
            raise Refusal(400, f"model {model!r} is not served on {path}; it is on {', '.join(info.endpoints)}")
        return info

    def _listing(self) -> dict[str, Any]:
        listed = [_entry(info) for info in known_models().values() if info.listed]
        known = {entry["id"] for entry in listed}
        listed += [_entry(ModelInfo(id=id_)) for id_ in sorted((self.models | self.locked) - known)]
        return {"object": "list", "data": listed}


def _chat(body: Mapping[str, Any], info: ModelInfo, quirks: Quirks, replies: deque[Scripted]) -> Reply:
    _check_size(body, info)
    script = replies.popleft() if replies else None
    served = ROUTED_MODEL if info.is_router else info.id
    extra: HeaderList = (("x-model-router-selected-route", info.id.removeprefix("router:")),) if info.is_router else ()
    stream = bool(body.get("stream"))
    spoken: list[Any] | None = None
    if script is not None:
        if script.chunks and stream:
            spoken = list(script.chunks)
        elif script.chunks:
            merged = assembled(script.chunks)
            script = replace(script, message=merged["message"], finish_reason=merged["finish_reason"])
        completion = from_script(body, script, model=served, quirks=quirks)
    else:
        completion = complete(body, honest_answer(body, info), model=served, quirks=quirks)
    used = (*_limit_headers(completion.usage.get("total_tokens") or 0), *extra)
    if not stream:
        return json_reply(whole(completion, quirks), headers=used, kind=quirks.json_content_type)
    if spoken is None:
        wanted = bool((body.get("stream_options") or {}).get("include_usage"))
        spoken = chunks(completion, quirks, include_usage=wanted)
    headers = (("content-type", quirks.stream_content_type), ("cache-control", "no-cache"), *used, request_id())
    return Reply(headers=headers, pieces=events(spoken, quirks), chunked=True)


def _check_size(body: Mapping[str, Any], info: ModelInfo) -> None:
    count = prompt_tokens(body)
    if info.context_window is not None and count > info.context_window:
        text = (
            f"the token count: [{count}] exceeds the model: [{info.id}]'s maximum token count: [{info.context_window}]"
        )
        raise Refusal(400, text)


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise Refusal(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    return body


def _entry(info: ModelInfo) -> dict[str, Any]:
    entry = {
        "id": info.id,
        "object": "model",
        "created": info.created or 0,
        "owned_by": info.owned_by or "digitalocean",
    }
    if info.catalog_max_output_tokens is not None:
        entry["max_output_tokens"] = info.catalog_max_output_tokens
    return entry


def _limit_headers(used: int) -> HeaderList:
    return tuple(_limit_trios(used))


def _limit_trios(used: int) -> Iterator[tuple[str, str]]:
    reset = str(int(time.time()) + 60)
    for name, limit in LIMITS:
        spent = 1 if name == "requests" else used
        yield f"x-ratelimit-limit-{name}", str(limit)
        yield f"x-ratelimit-remaining-{name}", str(max(0, limit - spent))
        yield f"x-ratelimit-reset-{name}", reset
