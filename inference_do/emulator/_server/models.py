"""Which models the emulator serves, and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._model.tokens import prompt_tokens
from inference_do.models import ModelInfo, known_models, model_info

from .embeddings import DIMENSIONS


@dataclass(frozen=True, slots=True)
class ServedModels:
    """The known models, and those that the emulator was made with."""

    own: frozenset[str]
    locked: frozenset[str]

    def find(self, body: Mapping[str, Any], path: str) -> ModelInfo:
        """Return the model that a request names.

        Raises:
            Refusal: The model is missing, locked, unknown or not served at this path.
        """
        model = body.get("model")
        if not isinstance(model, str):
            raise Refusal(400, "model is required and must be a string")
        if model in self.locked:
            raise Refusal(403, "this model is not available for your subscription tier", "forbidden_error")
        if model in self.own and model not in known_models():
            return ModelInfo(id=model, kind="chat", dimensions=DIMENSIONS)
        info = model_info(model)
        if not info.is_known:
            raise Refusal(404, "model not found", "not_found_error")
        if info.endpoints and path not in info.endpoints:
            raise Refusal(400, f"model {model!r} is not served on {path}; it is on {', '.join(info.endpoints)}")
        return info

    def listing(self) -> dict[str, Any]:
        """Return the list of models, as `GET /v1/models` has it."""
        listed = [_entry(info) for info in known_models().values() if info.listed]
        known = {entry["id"] for entry in listed}
        listed += [_entry(ModelInfo(id=id_)) for id_ in sorted((self.own | self.locked) - known)]
        return {"object": "list", "data": listed}

    def entry(self, model: str) -> dict[str, Any]:
        """Return one model, as `GET /v1/models/{id}` has it.

        Raises:
            Refusal: 404; it is not in the list.
        """
        found = next((entry for entry in self.listing()["data"] if entry["id"] == model), None)
        if found is None:
            raise Refusal(404, "model not found", "not_found_error")
        return dict(found)


def check_size(request: Mapping[str, Any], info: ModelInfo) -> None:
    """Refuse a prompt that is longer than the model takes.

    Raises:
        Refusal: 400.
    """
    count = prompt_tokens(request)
    limit = info.context_window and info.usable_context
    if limit is not None and count > limit:
        text = f"the token count: [{count}] exceeds the model: [{info.id}]'s maximum token count: [{limit}]"
        raise Refusal(400, text)


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
