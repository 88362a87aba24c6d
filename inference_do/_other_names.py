"""What users of other packages write, and what to write here.

Those packages are langchain-openai, langchain-gradient, langchain-digitalocean, llama-index-llms-openai-like,
llama-index-llms-digitalocean-gradientai, llama-index-digitalocean-embeddings, gradient, pydo, dogradient and httpx.
`docs/migration.md` has their spellings, and `tests/migration/` runs each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import UnknownAttributeError

__all__ = ["ELSEWHERE", "OtherSpelling", "name_other_spellings", "no_attribute"]

_LEAVE = "leave it out"
_LIMIT = "use max_tokens="
_MODEL = "use model="
_EACH_CALL = "each call names it, as in client.chat(model=..., messages=...)"
_IN_BODY = "put it into extra_body, where the model takes it"
_LOGGING = 'leave it out, and use logging.getLogger("inference_do")'
_NONE_HERE = "DigitalOcean has none: leave it out (default_headers= adds any header)"
_PROXY = "set HTTPS_PROXY, or give http_client=httpx.Client(proxy=...)"
_USER_AGENT = 'use default_headers={"User-Agent": ...}'
_OWN_CLIENT = "give http_client=httpx.Client(...), for event loops an httpx.AsyncClient"
_FIELDS = "its fields are given under their own names, others in extra_body="
_TEXTS = "texts are sent as they are: leave it out"
_RETRIES = "use max_retries="
_PHASES = "use timeout=Timeout(connect=, pool=, write=, first_token=, idle=, total=)"

ELSEWHERE: Mapping[str, str] = {
    "use_previous_response_id": "the whole conversation is sent each time: leave it out",
    "additional_kwargs": _FIELDS,
    "allowed_special": _TEXTS,
    "api_type": _LEAVE,
    "api_version": _LEAVE,
    "async_client": "use http_async_client=",
    "async_http_client": "use http_async_client=",
    "async_openai_client": "use http_async_client=",
    "audio_config": "use audio=",
    "azure_deployment": _MODEL,
    "cert": _OWN_CLIENT,
    "check_embedding_ctx_length": _TEXTS,
    "client": "use http_client=",
    "connect_timeout": _PHASES,
    "connection_timeout": _PHASES,
    "context_management": _IN_BODY,
    "deployment": _MODEL,
    "deployment_id": _MODEL,
    "deployment_name": _MODEL,
    "dimensions": "few models have them: put it into extra_body or, in LlamaIndex, into additional_kwargs",
    "disabled_params": "what is None is not sent: leave it out",
    "disallowed_special": _TEXTS,
    "embedding_ctx_length": _TEXTS,
    "engine": _MODEL,
    "event_hooks": _OWN_CLIENT,
    "follow_redirects": "redirects are never followed: the prompt would go to another host",
    "headers": "use default_headers=, in a call extra_headers=",
    "http2": _OWN_CLIENT,
    "http_logging_policy": _LOGGING,
    "http_socket_options": _OWN_CLIENT,
    "is_chat_model": "every model is one here: leave it out",
    "limits": _OWN_CLIENT,
    "logger": _LOGGING,
    "max_attempts": _RETRIES,
    "max_length": _LIMIT,
    "max_new_tokens": _LIMIT,
    "max_output_tokens": _LIMIT,
    "max_tokens_to_sample": _LIMIT,
    "model": _EACH_CALL,
    "model_id": _MODEL,
    "model_kwargs": _FIELDS,
    "model_slug": _MODEL,
    "mounts": _OWN_CLIENT,
    "num_predict": _LIMIT,
    "num_results": "use similarity_top_k=, in LangChain k=",
    "num_retries": _RETRIES,
    "openai_client": "use http_client=",
    "openai_api_type": _LEAVE,
    "openai_api_version": _LEAVE,
    "openai_organization": _NONE_HERE,
    "openai_project": _NONE_HERE,
    "openai_proxy": _PROXY,
    "organization": _NONE_HERE,
    "project": _NONE_HERE,
    "prompt_cache_options": "use prompt_cache_retention=, for Anthropic's models cache_control=",
    "proxies": _PROXY,
    "proxy": _PROXY,
    "read": "the wait for the first event is first_token=, that between two events idle=",
    "read_timeout": _PHASES,
    "request_timeout": "use timeout=",
    "retries": _RETRIES,
    "retry_max_seconds": _RETRIES,
    "retry_min_seconds": _RETRIES,
    "retry_total": _RETRIES,
    "root_async_client": "use http_async_client=",
    "root_client": "use http_client=",
    "reuse_client": "connections are always used again: leave it out",
    "should_use_structured_outputs": "it follows the model: leave it out",
    "show_progress_bar": _LEAVE,
    "similarity_top_k": "use k=",
    "skip_empty": _TEXTS,
    "stream_chunk_timeout": "use timeout=Timeout(idle=...)",
    "strict": "LlamaIndex's schemas are strict where they can be: leave it out; LangChain's bind_tools() takes it",
    "tiktoken_enabled": _TEXTS,
    "tiktoken_model_name": "token counts are estimates; LangChain's custom_get_token_ids= replaces them",
    "tokenizer": "tokens are counted by LlamaIndex's Settings.tokenizer or LangChain's custom_get_token_ids=",
    "total_timeout": _PHASES,
    "transport": _OWN_CLIENT,
    "trust_env": _OWN_CLIENT,
    "user_agent": _USER_AGENT,
    "user_agent_package": _USER_AGENT,
    "user_agent_version": _USER_AGENT,
    "verify": "ca= names further authorities; else give http_client=httpx.Client(verify=...)",
}


class OtherSpelling:
    """What stands for a name of another package's client: its use is an error that says what to write."""

    def __init__(self, written: str, advice: str) -> None:
        self._written, self._advice = written, advice

    def __getattr__(self, name: str) -> OtherSpelling:
        if name.startswith("__"):
            raise AttributeError(name)
        return OtherSpelling(f"{self._written}.{name}", self._advice)

    def __call__(self, *_: Any, **__: Any) -> None:
        message = f"there is no {self._written}(): use {self._advice}"
        raise UnknownAttributeError(message)


def no_attribute(owner: object, name: str) -> UnknownAttributeError:
    """Return the error for an attribute that a client does not have."""
    kind = type(owner).__name__
    advice = f": use {ATTRIBUTES[name]}" if name in ATTRIBUTES else ""
    return UnknownAttributeError(f"{kind!r} object has no attribute {name!r}{advice}")


_AGENT = "Client(base_url=...) with the agent's URL"
_ANY = "client.request(path, {...}), which POSTs to any path of the API"
_CHAT = "client.chat(model=..., messages=...), or client.stream(...) with the same arguments"
_CONTROL = "pydo or the control panel: this is a client of the inference API alone"
_KNOWLEDGE = "inference_do.KnowledgeBase(id).retrieve(query)"
_MODELS = "client.models()"
_OPTIONS = "timeout=, max_retries= and extra_headers= of a call, or another client"
_RAW = "completion.response_info, which has the headers"
_SOUND = "an HTTP client of your own: what comes is sound, and this client reads JSON"
_STREAM = "client.stream(model=..., messages=...)"
METHODS: Mapping[str, Mapping[str, str]] = {
    "chat": {"complete": _CHAT, "completions": _CHAT, "create": _CHAT, "stream": _STREAM, "stream_chunks": _STREAM},
    "embed": {"create": "client.embed(model=..., input=...)"},
    "models": dict.fromkeys(("get", "list", "list_ids", "retrieve"), _MODELS),
}
"""Names below ours that other packages' clients have, and what to write: `client.chat.completions.create(...)`."""

ATTRIBUTES: Mapping[str, str] = {
    **dict.fromkeys(("agent", "agent_chat", "agents"), _AGENT),
    **dict.fromkeys(("async_images", "async_invoke", "post"), _ANY),
    **dict.fromkeys(("audio", "speech"), _SOUND),
    **dict.fromkeys(("beta", "complete", "completions", "messages", "responses"), _CHAT),
    **dict.fromkeys(
        ("apps", "billing", "databases", "droplets", "gpu_droplets", "inference", "nfs", "regions"), _CONTROL
    ),
    **dict.fromkeys(("copy", "with_options"), _OPTIONS),
    **dict.fromkeys(("with_raw_response", "with_streaming_response"), _RAW),
    **dict.fromkeys(("knowledge_bases", "query_knowledge_base", "retrieve"), _KNOWLEDGE),
    "embeddings": "client.embed(model=..., input=...)",
    "files": "client.batches.create(requests), which uploads its file by itself",
    "images": "client.request('/images/generations', {...})",
    "list_models": _MODELS,
}
"""Attributes that other packages' clients have, and what to write."""


def name_other_spellings(client: type) -> None:
    """Let a client's methods say what is right where somebody writes as for another package."""
    for method, names in METHODS.items():
        for name, advice in names.items():
            setattr(getattr(client, method), name, OtherSpelling(f"client.{method}.{name}", advice))
