"""What a wire beside chat completions needs of the API: an answer to a canonical request, by the model's own limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .model_limits import check_model_limits
from .models import check_size
from .searches import Search, search_of, with_source

if TYPE_CHECKING:
    from inference_do.emulator._http import HeaderList
    from inference_do.emulator.quirks import Quirks
    from inference_do.models import ModelInfo

    from .completion import Completion
    from .prompt_cache import PromptCache


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCall:
    """One request to a wire, beside its body."""

    info: ModelInfo
    quirks: Quirks
    cache: PromptCache
    allow_unknown: bool
    finish: Callable[[Mapping[str, Any], Quirks], Completion]
    """Makes the completion of a canonical request."""
    headers: HeaderList = ()

    def complete(
        self, chat: Mapping[str, Any], quirks: Quirks, *, forces_search: bool
    ) -> tuple[Completion, Search | None, Quirks]:
        """Complete a canonical request, with a search of the web if the model makes one.

        Args:
            chat: The request.
            quirks: The habits to copy, with how this wire counts.
            forces_search: Whether the model must search.

        Returns:
            The completion, the search, and the habits with what the prompt cache did.

        Raises:
            Refusal: What the model refuses.
        """
        check_model_limits(chat, self.info, replace(quirks, claude_images=True))
        check_size(chat, self.info)
        quirks = self.cache.noted(chat, self.info, quirks)
        completion = self.finish(chat, quirks)
        search = None if completion.is_scripted else search_of(chat, forced=forces_search)
        if search is not None:
            answers = tuple(with_source(answer, search) for answer in completion.answers)
            completion = replace(completion, answers=answers)
        return completion, search, quirks
