"""A headless Chromium for tests of pages, where there is one; where there is none the tests are skipped, and say so."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium has none for root, whom containers run tests as
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm of a container may be small
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHOUT = "no Chromium: install Debian's chromium and chromium-driver"


@contextmanager
def browser(*, width: int = 1200, height: int = 900) -> Iterator[Chrome]:
    """Run Chromium with a new profile; skip the test where it or its driver is not installed.

    Start one for a module, as it takes a second: `with browser() as chrome: yield chrome` in a fixture of that scope.
    What the page wrote to its console is in `chrome.get_log("browser")`.

    Args:
        width: Of the window, in CSS pixels; `resize()` changes it.
        height: The same.
    """
    program, driver = next(filter(None, map(shutil.which, NAMES)), None), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip(WITHOUT)
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = program
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        chrome = Chrome(options=options, service=ChromeService(driver))  # with both paths Selenium looks for nothing
        try:
            resize(chrome, width, height)
            yield chrome
        finally:
            chrome.quit()


def resize(chrome: Chrome, width: int, height: int = 900) -> None:
    """Give the page this size, which may be smaller than a window can be; below 500 pixels it is a phone's."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def set_color_scheme(chrome: Chrome, scheme: str) -> None:
    """Make the page see `light` or `dark` as what its user prefers."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
