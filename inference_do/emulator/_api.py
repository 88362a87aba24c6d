"""The API's front: routes, the key, the model, and the reply's headers.

In this order, which is the real one: the key before the body is parsed, the body's form, the model, the request's
fields, and only then an answer.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inference_do.models import ModelInfo, known_models, model_info

from ._agent import Unprocessable, about, as_chat, check_agent, is_guarded
from ._answers import honest_answer
from ._cache import PromptCache
from ._catalogue import catalogue
from ._completion import complete, from_script, whole
from ._embeddings import DIMENSIONS, check_embeddings, embeddings
from ._http import HeaderList, Refusal, ServerResponse, error_body, json_reply, request_id
from ._knowledge import Bases, retrieved
from ._profile import check_profile
from ._router import Router
from ._stream import assembled, chunks, events, gzipped
from ._tokens import prompt_tokens
from ._validation import check_chat
from .replies import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._records import Request
    from .quirks import Quirks

LOGGER = logging.getLogger(__name__)
CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
AGENT, HEALTH = "/api/v1/chat/completions", "/health"
CATALOGUE = "/v2/gen-ai/models/catalog"
RETRIEVE = re.compile(r"/v1/([^/]+)/retrieve")
METHODS = {CHAT: "POST", EMBEDDINGS: "POST", MODELS: "GET", AGENT: "POST", HEALTH: "GET", CATALOGUE: "GET"}
LIMITS = (("requests", 120), ("tokens-per-minute", 1_000_000), ("tokens-per-day", 100_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers requests; holds what the emulator was made with, and what caches and routers remember."""

    keys: frozenset[str] | None
    agent_key: str
    models: frozenset[str]
    locked: frozenset[str]
    allow_unknown_fields: bool
    knowledge: Bases = field(default_factory=dict)
    cache: PromptCache = field(default_factory=PromptCache)
    router: Router = field(default_factory=Router)

    def answer(self, request: Request, quirks: Quirks, replies: deque[Scripted]) -> ServerResponse:
        """Answer one request; a refusal is an answer too."""
        try:
            reply = self._route(request, quirks, replies)
        except Refusal as refusal:
            body = error_body(refusal.status, refusal.message, refusal.type)
            reply = json_reply(body, status=refusal.status, headers=refusal.headers)
        except Unprocessable as refusal:
            reply = json_reply(refusal.body, status=422)
        except Exception as error:
            LOGGER.exception("the emulator failed on a request; please report it")
            reply = json_reply(error_body(500, f"the emulator itself failed: {error!r}"), status=500)
        if quirks.gzip:
            headers = (*reply.headers, ("content-encoding", "gzip"))
            reply = replace(reply, headers=headers, pieces=gzipped(reply.pieces))
        return reply

    def forget(self) -> None:
        """Empty caches and end routers' sessions."""
        self.cache.clear()
        self.router.clear()

    def _route(self, request: Request, quirks: Quirks, replies: deque[Scripted]) -> ServerResponse:
        self._authenticate(request)
        base = RETRIEVE.fullmatch(request.path)
        expected = "POST" if base else METHODS.get(request.path)
        if expected is None:
            raise Refusal(404, f"no such path: {request.path}", "not_found_error")
        if request.method != expected:
            raise Refusal(405, f"{request.path} takes {expected}, not {request.method}", headers=(("allow", expected),))
        if expected == "GET":
            return self._told(request, quirks)
        body = _parsed(request.body)
        if base:
            return self._retrieve(base[1], body)
        if request.path == AGENT:
            return self._agent(request, body, quirks, replies)
        info = self._model(body, request.path)
        if request.path == EMBEDDINGS:
            return _embedded(body, info, quirks)
        return self._model_chat(request, body, info, quirks, replies)

    def _told(self, request: Request, quirks: Quirks) -> ServerResponse:
        if request.path == HEALTH:
            return json_reply({"status": "ok"})
        if request.path == CATALOGUE:
            return json_reply(catalogue(request.query))
        return json_reply(self._listing(), headers=_limit_headers(0), kind=quirks.json_content_type)

    def _model_chat(
        self, request: Request, body: Mapping[str, Any], info: ModelInfo, quirks: Quirks, replies: deque[Scripted]
    ) -> ServerResponse:
        check_chat(body, allow_unknown=self.allow_unknown_fields, cache_control=bool(info.cache_control))
        check_profile(body, info, quirks)
        _check_size(body, info)
        served: str = info.id
        headers: HeaderList = ()
        if info.is_router:
            served, task = self.router.route(body, request.headers.get("x-model-affinity"))
            headers = (("x-model-router-selected-route", task),)
        return _chat(body, info, self.cache.noted(body, info, quirks), replies, served=served, headers=headers)

    def _retrieve(self, base: str, body: Mapping[str, Any]) -> ServerResponse:
        if base not in self.knowledge:
            raise Refusal(404, "knowledge base not found", "not_found_error")
        return json_reply(retrieved(body, self.knowledge[base]))

    def _agent(
        self, request: Request, body: Mapping[str, Any], quirks: Quirks, replies: deque[Scripted]
    ) -> ServerResponse:
        documents = [document for base in self.knowledge.values() for document in base]
        check_agent(body, request.query)
        chat = as_chat(body, documents)
        check_chat(chat, allow_unknown=self.allow_unknown_fields, cache_control=False)
        if is_guarded(body):
            replies = deque([Scripted(text="I cannot help with that.", finish_reason="content_filter")])
        return _chat(chat, ModelInfo(id=chat["model"]), quirks, replies, extra=about(body, documents))

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        keys = frozenset({self.agent_key}) if request.path == AGENT else self.keys
        if request.path == HEALTH:
            return
        if scheme.lower() != "bearer" or not key or (keys is not None and key not in keys):
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


def _embedded(body: Mapping[str, Any], info: ModelInfo, quirks: Quirks) -> ServerResponse:
    check_embeddings(body)
    value = embeddings(body, dimensions=info.dimensions or DIMENSIONS, quirks=quirks)
    used = _limit_headers(value["usage"]["total_tokens"])
    return json_reply(value, headers=used, kind=quirks.json_content_type)


def _chat(
    body: Mapping[str, Any],
    info: ModelInfo,
    quirks: Quirks,
    replies: deque[Scripted],
    *,
    served: str | None = None,
    headers: HeaderList = (),
    extra: Mapping[str, Any] | None = None,
) -> ServerResponse:
    script = replies.popleft() if replies else None
    served = served or info.id
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
    completion = replace(completion, extra={**(extra or {}), **completion.extra})
    used = (*_limit_headers(completion.usage.get("total_tokens") or 0), *headers)
    if not stream:
        return json_reply(whole(completion, quirks), headers=used, kind=quirks.json_content_type)
    if spoken is None:
        wanted = bool((body.get("stream_options") or {}).get("include_usage"))
        spoken = chunks(completion, quirks, include_usage=wanted)
    kind = (("content-type", quirks.stream_content_type), ("cache-control", "no-cache"))
    return ServerResponse(headers=(*kind, *used, request_id()), pieces=events(spoken, quirks), chunked=True)


def _check_size(body: Mapping[str, Any], info: ModelInfo) -> None:
    count = prompt_tokens(body)
    limit = info.context_window and info.usable_context
    if limit is not None and count > limit:
        text = f"the token count: [{count}] exceeds the model: [{info.id}]'s maximum token count: [{limit}]"
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
