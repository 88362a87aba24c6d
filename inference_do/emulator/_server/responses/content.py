"""The content of items: texts and parts, as canonical ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.chat.messages import IMAGE
from inference_do.emulator._server.fields import only

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUT = frozenset({"input_text", "input_image", "input_file"})
OUTPUT = frozenset({"output_text", "refusal"})
KEYS: Mapping[str, frozenset[str]] = {
    "input_text": frozenset({"type", "text"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail"}),
    "input_file": frozenset({"type", "file_id", "file_url", "file_data", "filename"}),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
}


def content_of(content: Any, role: str, where: str) -> Any:
    """Check content; return it as that of a canonical message.

    Args:
        content: Text, or a list of parts.
        role: The message's role; `tool` for the output of a call.
        where: Its place in the request.

    Raises:
        Refusal: 400.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Refusal(400, f"Invalid type for '{where}': expected a string or an array, but got {content!r} instead.")
    if not content:
        raise Refusal(400, f"Invalid '{where}': it must not be an empty array.")
    return [_part(part, role, f"{where}[{index}]") for index, part in enumerate(content)]


def _part(part: Any, role: str, where: str) -> dict[str, Any]:
    allowed = OUTPUT if role == "assistant" else INPUT
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in allowed:
        supported = ", ".join(repr(name) for name in sorted(allowed))
        raise Refusal(400, f"Invalid value: {kind!r}. Supported values of '{where}.type' are: {supported}.")
    only(part, KEYS[kind], where)
    match part:
        case {"type": "input_text" | "output_text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "input_image"}:
            return _image(part, where)
        case {"type": "input_file"}:
            return _file(part, where)
    name = "refusal" if kind == "refusal" else "text"
    raise Refusal(400, f"Missing required parameter: '{where}.{name}', or it is no string.")


def _image(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    if part.get("detail", "auto") not in ("auto", "low", "high", "original"):
        raise Refusal(400, f"Invalid value: {part['detail']!r}. '{where}.detail' should be auto, low or high.")
    url, file_id = part.get("image_url"), part.get("file_id")
    if (url is None) == (file_id is None):
        raise Refusal(400, f"'{where}' takes either image_url or file_id.")
    if file_id is None and not (isinstance(url, str) and IMAGE.match(url)):
        raise Refusal(
            400,
            f"Invalid '{where}.image_url': expected an https URL or a base64 data URL of a png, jpeg, webp or gif as a "
            f"string, but got {str(url)[:60]!r}.",
        )
    return {"type": "image_url", "image_url": {"url": url or f"file:{file_id}"}}


def _file(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    given = [name for name in ("file_id", "file_url", "file_data") if name in part]
    if len(given) != 1 or not isinstance(part[given[0]], str):
        raise Refusal(400, f"'{where}' takes one of file_id, file_url and file_data, as a string; it has {given}.")
    data = part.get("file_data")
    if data is not None and not (data.startswith("data:") and ";base64," in data):
        raise Refusal(400, f"Invalid '{where}.file_data': expected a base64 data URL.")
    if data is not None and not part.get("filename"):
        raise Refusal(400, f"Missing required parameter: '{where}.filename'.")
    return {"type": "file", "file": {key: value for key, value in part.items() if key != "type"}}
