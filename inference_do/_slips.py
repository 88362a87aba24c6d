"""Names that users bring along: a key, an address or a setting under another name than ours, and slips of the pen.

One list for the client and both frameworks. It is asked when an object is made and for each call, before anything is
traced or sent. Whatever raises an error has no secret among its variables: what is found is masked where it stood.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import SecretStr

from ._keys import MASK
from ._other_names import ELSEWHERE
from .errors import ConfigError, UnknownArgumentError

__all__ = [
    "BODIES",
    "CALL_NAMES",
    "check_arguments",
    "check_names",
    "looks_like_key",
    "problem_of_config",
    "problem_of_names",
]

SLIP = 0.85
"""How alike an unknown name must be to a known one to be taken for a slip; `top_k` and `top_p` are 0.80."""

LIKE_A_KEY = re.compile(r"\s*(?:(?i:bearer)\s+\S{8,}|sk[-_][\w-]{6,}|do[opr]_v1_\w+)\s*")
"""DigitalOcean's model access keys and tokens, those of other providers, and what stands in an Authorization header."""

API_KEY = re.compile(r"(api|access|secret|private|inference|auth|bearer|refresh)_?(keys?|tokens?)(_|$)")
SECRET = re.compile(
    r"(^|_)(key|token|secrets?|password|passwd|pwd|passphrase|credentials?|bearer|authorization|auth|jwt|pat)$"
)
SECRET_ANYWHERE = re.compile(r"(^|_)(secret|password|passwd|passphrase|credentials?|bearer|authorization)(_|$)")
NO_SECRET = re.compile(
    r"(^|_)(cache|idempotency|safety|sort|group|partition|routing|name|label|field)_key$"
    r"|(^|_)(bos|eos|pad|unk|sep|cls|mask|stop|start|end|begin|first|last|next|new|special|image|audio|video|think"
    r"|thinking|reasoning|tool|per|min|max|n|num)_token$"
)
"""Names of requests' fields that end in such a word and hold no secret."""

ADDRESS = re.compile(r"(^|_)(api_?base|base_?url|api_?url|server_?url|url_?base|endpoint|api_?host)$|^(url|host|base)$")

FREE = frozenset(
    {
        "default_headers",
        "default_query",
        "extra_headers",
        "extra_query",
        "filters",
        "functions",
        "http_async_client",
        "http_client",
        "input",
        "messages",
        "metadata",
        "prompt",
        "query",
        "response_format",
        "tools",
    }
)
"""Arguments whose values are the caller's text, schemas, or meant for secrets of others."""

FRAMEWORKS_OWN = ("lc_", "ls_")
"""How names begin that LangChain adds for its traces; schemas are among their values."""

OWN_SECRETS = FREE | {"api_key"}
"""Arguments in which a key may stand."""

BODIES = frozenset({"additional_kwargs", "default_params", "extra_body", "model_kwargs"})
"""Arguments that hold further fields of a request."""

SENT_AS_THEY_ARE = frozenset({"default_params", "extra_body"})
"""Those whose fields become fields of the request's body."""
API_NAMES = frozenset({"api", "use_responses_api"})

CALL_NAMES = frozenset(
    """
    chat_template_kwargs default_params encoding_format extra_body extra_headers extra_query
    filter_kb_content_by_query_metadata frequency_penalty
    function_call functions include_functions_info include_guardrails_info include_retrieval_info input
    input_type instruction_override k kb_filters logit_bias logprobs max_completion_tokens max_retries max_tokens
    messages metadata min_p min_tokens modalities model model_affinity n parallel_tool_calls prediction
    presence_penalty prompt_cache_key prompt_cache_retention provide_citations reasoning reasoning_effort
    repetition_penalty response_format retrieval_method safety_identifier seed service_tier stop store stream
    stream_options temperature thinking timeout tool_choice tools top_k top_logprobs top_p truncate user verbosity
    web_search_options dimensions strict audio alpha filters num_results query
    api use_responses_api include truncation instructions background previous_response_id
    """.split()  # noqa: SIM905  a list would take a line for each
)
"""Fields of requests, and options of a call."""


@lru_cache(maxsize=16)
def _parameters(owner: type) -> frozenset[str]:
    return frozenset(inspect.signature(owner).parameters) - {"unknown"}


def check_arguments(owner: type, unknown: dict[str, Any], **texts: Any) -> None:
    """Refuse arguments that a class does not take, and keys among those that it takes.

    Args:
        owner: The class.
        unknown: Arguments that it does not take.
        **texts: Arguments that it takes, in whose place a key may have been given.

    Raises:
        UnknownArgumentError: There is one.
    """
    if not unknown and not any(isinstance(value, str | bytes) for value in texts.values()):
        return
    names = _parameters(owner)
    problem = problem_of_names({**texts, **unknown}, names, sent_as=None)
    if problem is None and unknown:
        problem = f"{owner.__name__} has no argument {_shown(next(iter(unknown)))}: it takes {', '.join(sorted(names))}"
    if problem:
        unknown.clear()
        texts.clear()
        raise UnknownArgumentError(problem)


def check_names(given: dict[str, Any], known: Collection[str] = CALL_NAMES) -> None:
    """Refuse a key, an address or a slip among the arguments of a call.

    Args:
        given: The arguments by name; a secret among them is masked in place if they are refused.
        known: Names that are right.

    Raises:
        ConfigError: One is refused.
    """
    if all(
        name in SIMPLE and not (isinstance(value, str) and LIKE_A_KEY.fullmatch(value)) for name, value in given.items()
    ):
        return
    if misplaced := OF_CLIENTS & given.keys():
        message = f"{min(misplaced)} cannot be given to a call, only to the client or the model that makes it"
        raise ConfigError(message)
    if problem := problem_of_names(given, known):
        raise ConfigError(problem)


SETTINGS = (
    "api_key",
    "base_url",
    "timeout",
    "max_retries",
    "retry_ambiguous",
    "default_headers",
    "default_query",
    "allow_http",
    "ca",
    "rate_limit",
    "rate_limit_wait",
    "on_retry",
)
"""What a client is made of, by the names of its arguments; a framework's model has fields of these names."""

OF_CLIENTS = frozenset(SETTINGS) - CALL_NAMES - {"api_key", "base_url"}
"""Settings of a client that no call can change; a key and an address are refused with more to say."""

SIMPLE = CALL_NAMES - BODIES
"""Names of a call whose values need no look unless they are text. This is on the path of every call."""


def problem_of_names(
    given: dict[str, Any], known: Collection[str], *, sent_as: str | None = "extra_body"
) -> str | None:
    """Return what is wrong with the names of arguments, None if nothing is.

    Args:
        given: The arguments by name; a secret among them is masked in place.
        known: Names that are right.
        sent_as: The argument that sends any name as it is, if there is one.
    """
    for name, value in given.items():
        if value is None or (name in known and _is_harmless(name, value)):
            continue
        if problem := _problem_of_value(name, value, is_known=name in known):
            given[name] = MASK
            return problem
        if name not in known and (problem := _problem_of_name(name, known, sent_as)):
            return problem
    return None


def _is_harmless(name: str, value: Any) -> bool:
    """Return whether an argument of a right name holds no key: most do not, and this is quick."""
    if isinstance(value, str) and name not in OWN_SECRETS:
        return LIKE_A_KEY.fullmatch(value) is None
    return isinstance(value, int | float) or name in OWN_SECRETS


def problem_of_config(config: Mapping[str, Any]) -> str | None:
    """Return why a configuration of LangChain's may hold a key; an application's own secrets may stand in it."""
    for name, value in {**config, **(config.get("configurable") or {})}.items():
        if API_KEY.search(_plain(name)) and not callable(value):
            return _no_secret(name)
        if isinstance(value, str) and looks_like_key(value):
            return _like_a_key(name)
    return None


def _problem_of_value(name: str, value: Any, *, is_known: bool) -> str | None:
    """Return why an argument may hold a secret."""
    if not is_known and _may_be_secret(name, value):
        return _no_secret(name)
    if name in FREE or name.startswith(FRAMEWORKS_OWN):
        return None
    if isinstance(value, Mapping):
        return _problem_of_fields(name, value) if name in BODIES or not is_known else None
    if (isinstance(value, SecretStr) and not is_known) or any(map(looks_like_key, _texts(value))):
        return _like_a_key(name)
    return None


def _problem_of_fields(where: str, fields: Mapping[Any, Any]) -> str | None:
    """Return why further fields of a request may hold a secret or an address.

    An address inside one of the fields is that of an image or a page. What a JSON schema calls its properties is not
    looked at: `{"properties": {"token": {"type": "string"}}}` holds no token.
    """
    for name, value in fields.items():
        if name in BODIES or (name not in FREE and not _is_schemas(name, value)):
            if problem := _problem_of_value(str(name), value, is_known=name in CALL_NAMES or name in BODIES):
                return f"{where}: {problem}"
            if where in SENT_AS_THEY_ARE and name in API_NAMES:
                return f"{where}: {name!r} says which API is asked, and is no field of a request: give it on its own"
            is_address = where in BODIES and isinstance(value, str) and "://" in value and _says_address(str(name))
            if is_address and name not in CALL_NAMES:
                return f"{where}: {_no_address(name)}"
    return None


def _is_schemas(name: Any, value: Any) -> bool:
    """Return whether a field holds JSON schemas by names that are their author's."""
    is_of_schemas = name in {"properties", "patternProperties", "$defs", "definitions"}
    return is_of_schemas and isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes | bytearray):
        yield bytes(value).decode("latin-1")
    elif isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            if isinstance(item, str | bytes | SecretStr):
                yield from _texts(item)


def _may_be_secret(name: str, value: Any) -> bool:
    """Return whether a name says that its value is a secret; numbers and switches are none."""
    return not isinstance(value, int | float) and _says_secret(name)


@lru_cache(maxsize=512)
def _says_secret(name: str) -> bool:
    plain = _plain(name)
    if API_KEY.search(plain) or SECRET_ANYWHERE.search(plain):
        return True
    return bool(SECRET.search(plain)) and not NO_SECRET.search(plain)


@lru_cache(maxsize=512)
def _says_address(name: str) -> bool:
    return bool(ADDRESS.search(_plain(name)))


def _plain(name: str) -> str:
    """Return a name in small letters with underscores: `apiKey`, `api-key` and `API_KEY` are `api_key`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def looks_like_key(value: str) -> bool:
    """Return whether a text looks like a key."""
    return LIKE_A_KEY.fullmatch(value) is not None


def _shown(name: str) -> str:
    return "an argument" if looks_like_key(name) else repr(name)


def _no_secret(name: str) -> str:
    return (
        f"{_shown(name)} may hold a secret and is not sent: a key is given as api_key= when the object is made, "
        "secrets for others as default_headers= or extra_headers="
    )


def _like_a_key(name: str) -> str:
    return f"the value of {_shown(name)} looks like a key: a key is given as api_key= when the object is made"


def _no_address(name: object) -> str:
    return f"there is no argument {name!r}: the address is given as base_url= when the object is made"


def _problem_of_name(name: str, known: Collection[str], sent_as: str | None) -> str | None:
    """Return why a name is refused that is none of ours."""
    if name.startswith(FRAMEWORKS_OWN):
        return None
    if looks_like_key(name):
        return "the name of an argument looks like a key: a key is given as api_key= when the object is made"
    if _says_address(name):
        return _no_address(name)
    if advice := ELSEWHERE.get(name):
        return f"there is no argument {name!r}: {advice}"
    if close := _closest(name, frozenset(known)):
        note = f" ({sent_as}= sends any name as it is)" if sent_as else ""
        return f"there is no argument {name!r}: did you mean {close!r}?{note}"
    return None


@lru_cache(maxsize=512)
def _closest(name: str, known: frozenset[str]) -> str | None:
    """Return the known name that an unknown one is nearly; remembered, as a call may bring the same one each time."""
    import difflib  # noqa: PLC0415  only needed for names that are not known

    if (plain := _plain(name)) in known:
        return plain
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=SLIP)), None)
