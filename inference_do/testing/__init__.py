"""Tests of applications, offline: a pytest plugin around the emulator.

    def test_it_answers(digitalocean_emulator):
        digitalocean_emulator.reply("Paris", when="capital of France")
        assert my_app.ask("What is the capital of France?") == "Paris"
        assert digitalocean_emulator.requests[-1].messages[-1]["content"] == "What is the capital of France?"

pytest finds the plugin by itself. docs/testing.md describes the fixture, the marker, recordings and the guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference_do.emulator import reply

    from ._guard import RealCallError

__all__ = ["RealCallError", "reply"]


def __getattr__(name: str) -> Any:
    if name == "reply":
        from inference_do.emulator import reply  # noqa: PLC0415  suites that never use it do not load it

        return reply
    if name == "RealCallError":
        from ._guard import RealCallError  # noqa: PLC0415

        return RealCallError
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
