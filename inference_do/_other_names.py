"""What users of other packages write, and what to write here.

Those packages are langchain-openai, langchain-gradient, llama-index-llms-openai-like,
llama-index-llms-digitalocean-gradientai, llama-index-digitalocean-embeddings, gradient, pydo, dogradient and httpx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ConfigError, UnknownAttributeError

__all__ = ["ELSEWHERE", "OtherSpelling", "name_other_spellings", "no_attribute"]

_LEAVE = "leave it out"
_LIMIT = "use max_tokens="
_MODEL = "use model="
_NONE_HERE = "DigitalOcean has none: leave it out (default_headers= adds any header)"
_PROXY = "set HTTPS_PROXY, or give http_client=httpx.Client(proxy=...)"
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
    "azure_deployment": _MODEL,
    "cert": _OWN_CLIENT,
    "check_embedding_ctx_length": _TEXTS,
    "client": "use http_client=",
    "connect_timeout": _PHASES,
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
    "is_chat_model": "every model is one here: leave it out",
    "limits": _OWN_CLIENT,
    "max_attempts": _RETRIES,
    "max_length": _LIMIT,
    "max_new_tokens": _LIMIT,
    "max_output_tokens": _LIMIT,
    "max_tokens_to_sample": _LIMIT,
    "model_id": _MODEL,
    "model_kwargs": _FIELDS,
    "model_slug": _MODEL,
    "mounts": _OWN_CLIENT,
    "num_predict": _LIMIT,
    "num_results": "use similarity_top_k=, in LangChain k=",
    "num_retries": _RETRIES,
    "openai_api_type": _LEAVE,
    "openai_api_version": _LEAVE,
    "openai_organization": _NONE_HERE,
    "openai_project": _NONE_HERE,
    "openai_proxy": _PROXY,
    "organization": _NONE_HERE,
    "project": _NONE_HERE,
    "proxies": _PROXY,
    "proxy": _PROXY,
    "read": "the wait for the first event is first_token=, that between two events idle=",
    "read_timeout": _PHASES,
    "request_timeout": "use timeout=",
    "retries": _RETRIES,
    "retry_max_seconds": _RETRIES,
    "retry_min_seconds": _RETRIES,
    "reuse_client": "connections are always used again: leave it out",
    "should_use_structured_outputs": "it follows the model: leave it out",
    "show_progress_bar": _LEAVE,
    "skip_empty": _TEXTS,
    "stream_chunk_timeout": "use timeout=Timeout(idle=...)",
    "strict": "it belongs to with_structured_output() and bind_tools(); LlamaIndex's schemas are strict if they can be",
    "tiktoken_enabled": _TEXTS,
    "tiktoken_model_name": "token counts are estimates; LangChain's custom_get_token_ids= replaces them",
    "tokenizer": "tokens are counted by LlamaIndex's Settings.tokenizer or LangChain's custom_get_token_ids=",
    "total_timeout": _PHASES,
    "transport": _OWN_CLIENT,
    "trust_env": _OWN_CLIENT,
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
        raise ConfigError(message)


def no_attribute(owner: object, name: str) -> UnknownAttributeError:
    """Return the error for an attribute that a client does not have."""
    kind = type(owner).__name__
    advice = f": use {ATTRIBUTES[name]}" if name in ATTRIBUTES else ""
    return UnknownAttributeError(f"{kind!r} object has no attribute {name!r}{advice}")


_CHAT = "client.chat(model=..., messages=...), or client.stream(...) with the same arguments"
METHODS: Mapping[str, Mapping[str, str]] = {
    "chat": {"complete": _CHAT, "completions": _CHAT, "create": _CHAT},
    "embed": {"create": "client.embed(model=..., input=...)"},
    "models": {"list": "client.models()", "retrieve": "client.models()"},
}
"""Names below ours that other packages' clients have, and what to write: `client.chat.completions.create(...)`."""

ATTRIBUTES: Mapping[str, str] = {
    "agents": "Client(base_url=...) with the agent's URL",
    "beta": _CHAT,
    "completions": _CHAT,
    "embeddings": "client.embed(model=..., input=...)",
    "images": "client.request('/images/generations', {...})",
    "knowledge_bases": "inference_do.KnowledgeBase",
    "responses": _CHAT,
    "retrieve": "inference_do.KnowledgeBase",
}
"""Attributes that other packages' clients have, and what to write."""


def name_other_spellings(client: type) -> None:
    """Let a client's methods say what is right where somebody writes as for another package."""
    for method, names in METHODS.items():
        for name, advice in names.items():
            setattr(getattr(client, method), name, OtherSpelling(f"client.{method}.{name}", advice))
