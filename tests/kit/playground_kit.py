"""What the playground's page does over HTTP, without a browser."""

from __future__ import annotations

import re
import time
from typing import Any, Self

import httpx

from inference_do.emulator import Emulator


class PlaygroundPage:
    """What the page does: it reads its token, and asks the control API with it."""

    def __init__(self, emulator: Emulator) -> None:
        self.url = emulator.page_url
        self.http = httpx.Client(base_url=self.url, timeout=20)
        found = re.search(r'name="playground-token" content="([^"]+)"', self.http.get("/").text)
        assert found is not None
        self.token = found[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, value: Any = None, **headers: str) -> httpx.Response:
        given = {"x-playground-token": self.token, **headers}
        return self.http.request(method, f"/_playground/{path}", json=value, headers=given)

    def state(self, after: int = 0, wait: float = 0) -> dict[str, Any]:
        return self.ask("GET", f"state?after={after}&wait={wait}").json()

    def details(self, position: int = -1) -> dict[str, Any]:
        return self.ask("GET", f"requests/{self.state()['ids'][position]}").json()

    def ended(self, count: int = 1) -> list[dict[str, Any]]:
        """Return the entries of the list, once there are so many that have ended."""
        for _ in range(200):
            listed = self.state()["requests"]
            if len(listed) >= count and all(entry["end"] for entry in listed):
                return listed
            time.sleep(0.02)
        raise AssertionError(listed)
