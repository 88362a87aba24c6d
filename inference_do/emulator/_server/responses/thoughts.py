"""Reasoning that comes back: its form, whose it is, and whether what it led to stands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.seals import opened, read_item_id

from .family import is_openai

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

ENCRYPTED = "reasoning"
"""The kind of the seals that are `encrypted_content`."""


def check_reasoning(item: Mapping[str, Any], where: str) -> None:
    """Refuse a reasoning item of a wrong form.

    Raises:
        Refusal: 400.
    """
    for name, kind, needed in (("summary", "summary_text", True), ("content", "reasoning_text", False)):
        if name not in item or (item[name] is None and not needed):
            if needed:
                raise Refusal(400, f"Missing required parameter: '{where}.{name}'.")
            continue
        if not isinstance(item[name], list):
            raise Refusal(400, f"Invalid type for '{where}.{name}': expected an array.")
        for part in item[name]:
            match part:
                case {"type": str() as found, "text": str(), **rest} if found == kind and not rest:
                    pass
                case _:
                    raise Refusal(
                        400, f"Invalid value: {part!r}. '{where}.{name}' holds parts of type {kind!r} with a text."
                    )
    if not isinstance(item.get("encrypted_content"), str | None):
        raise Refusal(400, f"Invalid type for '{where}.encrypted_content': expected a string.")


class Thoughts:
    """Follows the reasoning of a conversation; models of OpenAI's refuse what was changed, is foreign or misplaced."""

    def __init__(self, info: ModelInfo) -> None:
        self._model = info.id
        self._checks = is_openai(info)
        self._seen: set[str] = set()
        """Answers whose reasoning has come."""
        self._id: str | None = None
        """The item that waits for what it led to."""
        self._led_to: list[str] = []
        """Its calls that have not come yet."""
        self._is_next = False
        """Whether nothing has come since the reasoning."""

    def owns(self, prefix: str, item: Mapping[str, Any], where: str) -> bool:
        """Return whether the model has given an item its id.

        Raises:
            Refusal: 400, if reasoning came before the item and is not there.
        """
        found = read_item_id(prefix, self._model, item["id"])
        if found is None:
            return False
        if prefix == "rs":
            return isinstance(item.get("encrypted_content"), str)
        if found.is_reasoned and found.answer not in self._seen:
            raise Refusal(
                400,
                f"Item '{item['id']}' of type '{item.get('type', 'message')}' ({where}) was provided without its "
                f"required 'reasoning' item.",
            )
        return True

    def begin(self, item: Mapping[str, Any], where: str, *, stored: bool) -> None:
        """Take a reasoning item.

        Raises:
            Refusal: 400.
        """
        if not self._checks:
            if item.get("encrypted_content") is not None:
                raise Refusal(400, f"'{where}.encrypted_content': encrypted content is not supported with this model.")
            return
        self.close()
        sealed = item.get("encrypted_content")
        content: Mapping[str, Any] | None = None
        if sealed is not None:
            content = opened(ENCRYPTED, self._model, sealed)
            if content is None or item.get("id", content["id"]) != content["id"]:
                raise Refusal(
                    400,
                    f"The encrypted content for item {item.get('id', where)} could not be verified. Reason: Encrypted "
                    "content could not be decrypted or parsed, or it is of another item or model.",
                )
        elif not stored:
            raise Refusal(
                400, f"Missing required parameter: '{where}.encrypted_content'; nothing is stored of this item."
            )
        id_ = content["id"] if content else item["id"]
        known = read_item_id("rs", self._model, id_)
        if known is not None:
            self._seen.add(known.answer)
        self._id, self._is_next = id_, True
        self._led_to = list(content["calls"]) if content else []

    def followed(self, item: Mapping[str, Any], where: str) -> None:
        """Take an item of the model that is no reasoning.

        Raises:
            Refusal: 400, if the reasoning before it led to something else.
        """
        if self._id is None:
            return
        if item.get("type") == "function_call":
            if self._led_to and item["call_id"] in self._led_to:
                self._led_to.remove(item["call_id"])
            elif self._led_to or self._is_next:
                raise Refusal(400, f"Item '{self._id}' of type 'reasoning' did not lead to the call in '{where}'.")
        self._is_next = False

    def interrupted(self) -> None:
        """Take the result of a tool.

        Raises:
            Refusal: 400, if it follows reasoning directly.
        """
        self._check_followed()

    def close(self) -> None:
        """Take the end of what the model said.

        Raises:
            Refusal: 400, if the reasoning led to something that is missing.
        """
        self._check_followed()
        if self._id is not None and self._led_to:
            raise Refusal(
                400, f"Item '{self._id}' of type 'reasoning' was provided without its call {self._led_to[0]}."
            )
        self._id = None

    def _check_followed(self) -> None:
        if self._id is not None and self._is_next:
            raise Refusal(
                400, f"Item '{self._id}' of type 'reasoning' was provided without its required following item."
            )
