"""The API's front: routes, the key, the model, and what each endpoint does with a request.

In this order, which is the real one: the key before the body is parsed, the body's form, the model, the request's
fields, and only then an answer.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from inference_do.emulator._http import HeaderList, Refusal, ServerResponse, error_body, json_response
from inference_do.emulator._model.answer import Answer
from inference_do.emulator._model.effort import Unanswerable
from inference_do.emulator._model.model import PretendModel
from inference_do.emulator._wire_errors import PATHS, wire_error, wire_of
from inference_do.emulator.replies import Scripted
from inference_do.models import ModelInfo

from .agent import Unprocessable, as_chat, check_agent, is_guarded, metadata_of
from .batches.endpoint import BatchJobs
from .catalogue import catalogue
from .chat.request import check_chat
from .chat.response import chat_response
from .completion import Completion, completion_of, scripted_completion
from .embeddings import DIMENSIONS, check_embeddings, embeddings
from .keys import key_of
from .knowledge import Bases, retrieved
from .messages import endpoint as messages
from .model_limits import check_model_limits
from .models import ServedModels, check_size
from .prompt_cache import PromptCache
from .rate_limits import RateLimits
from .responses import endpoint as responses
from .responses.store import StoredResponses
from .router import Router
from .scripts import Replies
from .sse import gzipped
from .wires import WireCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inference_do.emulator.quirks import Quirks

    from .records import Request

Route = Callable[["Request", "Quirks", Replies], ServerResponse]
LOGGER = logging.getLogger(__name__)
CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
RESPONSES = "/v1/responses"
AGENT, HEALTH = "/api/v1/chat/completions", "/health"
CATALOGUE = "/v2/gen-ai/models/catalog"
RETRIEVE = re.compile(r"/v1/([^/]+)/retrieve")
METHODS = {
    **dict.fromkeys(PATHS, "POST"),
    CHAT: "POST",
    EMBEDDINGS: "POST",
    MODELS: "GET",
    AGENT: "POST",
    HEALTH: "GET",
    CATALOGUE: "GET",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Answers requests; holds what the emulator was made with, and what caches and routers remember."""

    keys: frozenset[str] | None
    agent_key: str
    models: ServedModels
    allow_unknown_fields: bool
    model: PretendModel = field(default_factory=PretendModel)
    knowledge: Bases = field(default_factory=dict)
    cache: PromptCache = field(default_factory=PromptCache)
    router: Router = field(default_factory=Router)
    stored: StoredResponses = field(default_factory=StoredResponses)
    limits: RateLimits = field(default_factory=RateLimits)
    batches: BatchJobs = field(default_factory=BatchJobs)

    def answer(self, request: Request, quirks: Quirks, replies: Replies) -> ServerResponse:
        """Answer one request; a refusal is an answer too."""
        response = self._judged(self._route, request, quirks, replies)
        if quirks.gzip:
            headers = (*response.headers, ("content-encoding", "gzip"))
            response = replace(response, headers=headers, pieces=gzipped(response.pieces))
        return replace(response, wire=wire_of(request.path))

    def _judged(self, route: Route, request: Request, quirks: Quirks, replies: Replies) -> ServerResponse:
        try:
            return route(request, quirks, replies)
        except Refusal as refusal:
            body = wire_error(wire_of(request.path), refusal.status, refusal.message, refusal.type)
            return json_response(body, status=refusal.status, headers=refusal.headers)
        except Unanswerable as error:
            text = f"the emulator will not answer this: {error}"
            return json_response(wire_error(wire_of(request.path), 400, text), status=400)
        except Unprocessable as refusal:
            return json_response(refusal.body, status=422)
        except Exception as error:
            LOGGER.exception("the emulator failed on a request; please report it")
            return json_response(error_body(500, f"the emulator itself failed: {error!r}"), status=500)

    def forget(self) -> None:
        """Empty caches and end routers' sessions."""
        self.cache.clear()
        self.router.clear()
        self.stored.clear()
        self.limits.clear()
        self.batches.clear()

    def _route(self, request: Request, quirks: Quirks, replies: Replies) -> ServerResponse:
        def answer_line(path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
            asked = replace(request, method="POST", path=path, query="", body=json.dumps(body).encode())
            answered = self._judged(self._ask, asked, quirks, replies)
            return answered.status, json.loads(b"".join(answered.pieces))

        if (stored := self.batches.store(request, answer_line)) is not None:
            return stored
        if request.path != HEALTH and not self.knows(request.headers, request.path):
            raise Refusal(401, "Unable to authenticate you.")
        key = key_of(request.headers, request.path).partition(" ")[2].strip()
        if (of_batches := self.batches.answer(request, key, answer_line)) is not None:
            return self.limits.reported(of_batches)
        base = RETRIEVE.fullmatch(request.path)
        model = request.path.removeprefix(f"{MODELS}/") if request.path.startswith(f"{MODELS}/") else None
        expected = "POST" if base else "GET" if model else METHODS.get(request.path)
        if expected is None:
            raise Refusal(404, f"no such path: {request.path}", "not_found_error")
        if request.method != expected:
            raise Refusal(405, f"{request.path} takes {expected}, not {request.method}", headers=(("allow", expected),))
        if expected == "GET":
            return self.limits.reported(self._get(request, quirks, model))
        body = _parsed(request.body)
        if base:
            return self._retrieve(base[1], body)
        if request.path == AGENT:
            return self._agent(request, body, quirks, replies)
        account = (key, str(body.get("model")))
        self.limits.admit(account)
        return self.limits.reported(self._ask(request, quirks, replies), account)

    def _ask(self, request: Request, quirks: Quirks, replies: Replies) -> ServerResponse:
        """Answer what a model is asked, whoever asks."""
        body = _parsed(request.body)
        info = self.models.find(body, request.path)
        if request.path == EMBEDDINGS:
            return _embeddings(body, info, quirks)
        answer = self._wire if request.path in PATHS else self._chat
        return answer(request, body, info, quirks, replies)

    def knows(self, headers: Mapping[str, str], path: str) -> bool:
        """Return whether a request has a key that is taken at its path."""
        if self.batches.expects(path):
            return True
        scheme, _, key = key_of(headers, path).partition(" ")
        key = key.strip()
        keys = frozenset({self.agent_key}) if path == AGENT else self.keys
        return scheme.lower() == "bearer" and bool(key) and (keys is None or key in keys)

    def _get(self, request: Request, quirks: Quirks, model: str | None) -> ServerResponse:
        if model:
            return json_response(self.models.entry(unquote(model)), tokens=0)
        if request.path == HEALTH:
            return json_response({"status": "ok"})
        if request.path == CATALOGUE:
            return json_response(catalogue(request.query))
        return json_response(self.models.listing(), kind=quirks.json_content_type, tokens=0)

    def _retrieve(self, base: str, body: Mapping[str, Any]) -> ServerResponse:
        if base not in self.knowledge:
            raise Refusal(404, "knowledge base not found", "not_found_error")
        return json_response(retrieved(body, self.knowledge[base]))

    def _chat(
        self, request: Request, body: Mapping[str, Any], info: ModelInfo, quirks: Quirks, replies: Replies
    ) -> ServerResponse:
        check_chat(body, allow_unknown=self.allow_unknown_fields, cache_control=bool(info.cache_control))
        check_model_limits(body, info, quirks)
        check_size(body, info)
        served: str = info.id
        headers: HeaderList = ()
        if info.is_router:
            served, task = self.router.route(body, request.headers.get("x-model-affinity"))
            headers = (("x-model-router-selected-route", task),)
        quirks = self.cache.noted(body, info, quirks)
        completion = self._completion(body, info, quirks, replies, served=served)
        return chat_response(body, completion, quirks, headers=headers)

    def _wire(
        self, request: Request, body: Mapping[str, Any], info: ModelInfo, quirks: Quirks, replies: Replies
    ) -> ServerResponse:
        """Answer on a wire beside chat completions."""

        def finish(chat: Mapping[str, Any], quirks: Quirks) -> Completion:
            return self._completion(chat, info, quirks, replies)

        call = WireCall(
            info=info,
            quirks=quirks,
            cache=self.cache,
            allow_unknown=self.allow_unknown_fields,
            finish=finish,
        )
        if request.path == RESPONSES:
            return responses.respond(body, call, self.stored)
        return messages.respond(body, call)

    def _agent(self, request: Request, body: Mapping[str, Any], quirks: Quirks, replies: Replies) -> ServerResponse:
        documents = [document for base in self.knowledge.values() for document in base]
        check_agent(body, request.query)
        chat = as_chat(body, documents)
        check_chat(chat, allow_unknown=self.allow_unknown_fields, cache_control=False)
        if is_guarded(body):
            replies = Replies(Scripted(text="I cannot help with that.", finish_reason="content_filter"))
        info = ModelInfo(id=chat["model"])
        completion = self._completion(chat, info, quirks, replies, extra=metadata_of(body, documents))
        return chat_response(chat, completion, quirks)

    def _completion(
        self,
        chat: Mapping[str, Any],
        info: ModelInfo,
        quirks: Quirks,
        replies: Replies,
        *,
        served: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Complete a canonical request, by the next scripted answer or else by the model; any wire can send it."""
        if (script := replies.take(chat)) is not None:
            return scripted_completion(chat, script, model=served or info.id, quirks=quirks, extra=extra)
        answers = [self.model.answer(chat, info)] * (chat.get("n") or 1)
        _check_size(chat, answers)
        return completion_of(chat, answers, model=served or info.id, quirks=quirks, extra=extra)


MOST_TOKENS = 300_000
"""Tokens of all answers of a response, each counted once more for each alternative that it is asked to show."""


def _check_size(chat: Mapping[str, Any], answers: list[Answer]) -> None:
    """Refuse an answer that would take long to write.

    Raises:
        Refusal: 400.
    """
    count = answers[0].completion_tokens * len(answers) * (1 + (chat.get("top_logprobs") or 0))
    if count > MOST_TOKENS:
        raise Refusal(400, f"the answer would have about {count:,} tokens; the emulator writes {MOST_TOKENS:,}")


def _embeddings(body: Mapping[str, Any], info: ModelInfo, quirks: Quirks) -> ServerResponse:
    check_embeddings(body)
    value = embeddings(body, dimensions=info.dimensions or DIMENSIONS, quirks=quirks)
    return json_response(value, kind=quirks.json_content_type, tokens=value["usage"]["total_tokens"])


DEEPEST = 100
"""Levels of objects and arrays in a body."""


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(data)
    except RecursionError:
        raise Refusal(400, TOO_DEEP) from None
    except ValueError as error:
        raise Refusal(400, f"the body is not valid JSON: {error}") from None
    if _is_deep(body):
        raise Refusal(400, TOO_DEEP)
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object")
    return body


TOO_DEEP = f"the body is nested more than {DEEPEST} levels deep"


def _is_deep(body: object) -> bool:
    """Return whether a body is nested deeper than the rules here, which call themselves, should follow."""
    level: list[Any] = [body]
    for _ in range(DEEPEST):
        level = [child for value in level if isinstance(value, dict | list) for child in _children(value)]
    return any(isinstance(value, dict | list) for value in level)


def _children(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
