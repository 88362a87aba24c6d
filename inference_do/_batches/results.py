"""A line of a results file as a result: a canonical completion, or an error of the class that it means.

OpenAI's lines: `{custom_id, response: {status_code, request_id, body}, error}`, those of Anthropic
`{custom_id, result: {type: succeeded | errored | canceled | expired, message?, error?}}`. Both are read whatever the
batch says it is.
https://platform.openai.com/docs/api-reference/batch, https://platform.claude.com/docs/en/api/creating-message-batches
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference_do._protocol.json import dump_json, load_json
from inference_do._protocol.retry import is_retryable
from inference_do._protocol.status import from_status, parse_error_body
from inference_do._provider_ids import platform_id
from inference_do._wires.chat_completions import read_completion
from inference_do._wires.messages import Messages
from inference_do._wires.responses import Responses
from inference_do.errors import InferenceError, ProtocolError
from inference_do.response import ResponseInfo
from inference_do.types import ChatCompletion

from .types import ANSWER, BatchResult

__all__ = ["read_result"]

UNANSWERED = {
    "batch_expired": "the batch expired before this request was answered",
    "batch_cancelled": "the batch was cancelled before this request was answered",
    "expired": "the batch expired before this request was answered",
    "canceled": "the batch was cancelled before this request was answered",
    "cancelled": "the batch was cancelled before this request was answered",
}
SERVER_ERROR = 500


def read_result(data: bytes) -> BatchResult:
    """Read a line. What cannot be read becomes a result with an error: the lines behind it are worth having."""
    try:
        line = load_json(data)
    except ValueError:
        line = None
    if not isinstance(line, dict) or not isinstance(custom_id := line.get("custom_id"), str):
        return BatchResult(
            custom_id="", error=ProtocolError("a line of the results is none of a request: no custom_id")
        )
    result, response = line.get("result"), line.get("response")
    try:
        if isinstance(result, dict):
            return _of_anthropic(custom_id, result)
        if isinstance(response, dict) and response.get("body") is not None:
            return _of_openai(custom_id, response)
    except ValueError as error:
        reason = str(error)[:200]
        return BatchResult(custom_id=custom_id, error=ProtocolError(f"the result is not what was asked for: {reason}"))
    return BatchResult(custom_id=custom_id, error=_unanswered(line.get("error")))


def _of_openai(custom_id: str, response: Mapping[str, Any]) -> BatchResult:
    status, body = response.get("status_code"), response["body"]
    request_id = response.get("request_id") or None
    if isinstance(status, int) and status >= 400:  # noqa: PLR2004  where HTTP's errors begin
        return BatchResult(custom_id=custom_id, error=_failed(status, body, request_id))
    if not isinstance(body, dict):
        message = "its body is no object"
        raise ValueError(message)  # noqa: TRY004  what readers raise
    model = platform_id(str(body.get("model") or ""))
    if body.get("object") == "response" or "output" in body:
        return _answered(custom_id, Responses(model).read(dump_json(body)), model, "responses", request_id)
    return _answered(custom_id, read_completion(dump_json(body)), model, "chat_completions", request_id)


def _of_anthropic(custom_id: str, result: Mapping[str, Any]) -> BatchResult:
    message = result.get("message")
    if isinstance(message, dict):
        model = platform_id(str(message.get("model") or ""))
        completion = Messages(_request_of(message, model)).read(dump_json(message))
        return _answered(custom_id, completion, model, "messages", None)
    error = result.get("error")
    if not isinstance(error, dict):
        return BatchResult(custom_id=custom_id, error=_unanswered({"code": result.get("type")}))
    detail = parse_error_body(error)
    status = (detail and detail.status) or SERVER_ERROR
    return BatchResult(custom_id=custom_id, error=_failed(status, error, error.get("request_id")))


def _request_of(message: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return as much of the request as the reader needs: the schema that was asked for, if one was."""
    names = (block.get("name") for block in message.get("content") or () if isinstance(block, dict))
    name = next((name for name in names if isinstance(name, str) and name.startswith(ANSWER)), None)
    if name is None:
        return {"model": model}
    schema = {"type": "json_schema", "json_schema": {"name": name}}
    return {"model": model, "response_format": schema, "thinking": {"type": "enabled"}}


def _answered(custom_id: str, completion: ChatCompletion, model: str, api: str, request_id: Any) -> BatchResult:
    headers = {"x-request-id": request_id} if isinstance(request_id, str) else {}
    completion.came_with(ResponseInfo(200, headers, 1, api))
    return BatchResult(custom_id=custom_id, completion=completion, model=model or None)


def _failed(status: int, body: Any, request_id: Any) -> InferenceError:
    """Make the error that a single call has for this status and body."""
    text = dump_json(body).decode("utf-8", "replace")
    error = from_status(status, text, attempts=1, request_id=request_id if isinstance(request_id, str) else None)
    error.retryable = is_retryable(error, {})
    return error


def _unanswered(error: Any) -> InferenceError:
    """Make the error of a request that was never answered; it may be asked again."""
    detail = error if isinstance(error, dict) else {}
    code = str(detail.get("code") or detail.get("type") or "")
    said = str(detail.get("message") or "")[:500]
    if code in UNANSWERED:
        return InferenceError(UNANSWERED[code], retryable=True)
    return InferenceError(f"the request was not answered: {said or code or 'no reason given'}", retryable=False)
