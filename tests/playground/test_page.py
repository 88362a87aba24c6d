"""The playground's page in Chromium, as its users see it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from browser import browser, resize, set_color_scheme

from inference_do.emulator import DelayEvents, Emulator, Reset, Stall, Status

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

MODEL = "gemma-4-31B-it"
THINKS = "openai-gpt-oss-120b"
HTML = "<img src=x onerror=\"document.title='run'\"><b>bold</b>"
SECONDS = 20.0
"""Seconds to wait for what a page shows; it takes milliseconds on a machine that does nothing else."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with browser() as started:
        yield started


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(playground=True) as emulator:
        yield emulator


class Page:
    """The page on an emulator; elements are named by selectors, of which the last that fits is meant."""

    def __init__(self, chrome: Chrome, emulator: Emulator) -> None:
        self.chrome = chrome
        self.emulator = emulator
        resize(chrome, 1200)
        set_color_scheme(chrome, "light")
        chrome.get(emulator.page_url)
        self.wait(lambda: self.text("#connection") == "connected" and self.text("#count") == "1")
        chrome.get_log("browser")

    def find(self, selector: str) -> Any:
        return self.chrome.find_elements("css selector", selector)[-1]

    def text(self, selector: str) -> str:
        return str(self.run("return [...document.querySelectorAll(arguments[0])].at(-1)?.innerText ?? ''", selector))

    def run(self, script: str, *values: Any) -> Any:
        return self.chrome.execute_script(script, *values)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def write(self, selector: str, text: str) -> None:
        self.find(selector).clear()
        self.find(selector).send_keys(text)

    def choose(self, selector: str, value: str) -> None:
        self.run(
            "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('change', { bubbles: true }))",
            selector,
            value,
        )

    def say(self, text: str) -> None:
        self.write("#prompt", text)
        self.click("#send")

    def wait(self, is_so: Callable[[], Any]) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        seen = f"{is_so}: "
        return WebDriverWait(self.chrome, SECONDS, 0.02).until(lambda _: is_so(), seen)

    def sees(self, selector: str, text: str) -> None:
        self.wait(lambda: text in self.text(selector))

    def ask(self, prompt: str = "Hello", **headers: str) -> httpx.Response:
        """Ask the emulator beside the page, as another client does."""
        given = {"authorization": f"Bearer {self.emulator.api_key}", **headers}
        sent = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
        return httpx.post(f"{self.emulator.base_url}/chat/completions", json=sent, headers=given)


@pytest.fixture
def page(chrome: Chrome, emu: Emulator) -> Iterator[Page]:
    opened = Page(chrome, emu)
    yield opened
    wrong = [entry["message"] for entry in chrome.get_log("browser")]
    assert not [
        text for text in wrong if "Failed to load resource" not in text
    ]  # which a fault makes; the rest is ours
    chrome.get("about:blank")


def test_a_chat_is_sent_as_it_is_set(page):
    page.choose("#model", THINKS)
    page.write("#system", "Be brief.")
    page.write("#temperature", "0.5")
    page.say("Hello")
    page.sees("article .text", "You said: Hello")
    page.sees("article .hint", "finish reason stop")
    assert "The last message is from the user" in page.text("article .reasoning .thought")
    sent = page.emulator.requests[-1].json
    assert (sent["model"], sent["temperature"], sent["stream"]) == (THINKS, 0.5, True)
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    page.say("And now?")
    page.sees("article .text", "And now?")
    assert [message["role"] for message in page.emulator.requests[-1].json["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_what_is_said_is_text_and_never_html(page):
    """Prompt, answer, reasoning, names of models and tools, headers, bodies and errors."""
    emu = page.emulator
    emu.reply(HTML, reasoning=HTML)
    page.say(HTML)
    page.sees("article .text", HTML)
    assert page.text("article.user") == HTML
    assert page.text("article .thought") == HTML
    emu.reply(tool_calls=[(HTML, {HTML: HTML})])
    page.say("call")
    page.sees("article .call", HTML)
    emu.script(Status(500, {"error": {"message": HTML}}))
    page.click(".results button")
    page.sees("article [role=alert]", HTML)
    sent = {"model": HTML, "messages": [{"role": "user", "content": HTML}]}
    httpx.post(f"{emu.base_url}/{HTML}?{HTML}", json=sent, headers={"user-agent": HTML, "x-note": HTML})
    page.wait(lambda: page.text("#count") == "5")
    page.click("#request-list li:first-child summary")
    page.wait(lambda: HTML in page.text("#request-list li:first-child .details"))
    page.click("#tab-limits")
    page.click("#limit-form .main")
    page.wait(lambda: page.text("#limits-on") == "on")
    httpx.post(f"{emu.base_url}/chat/completions", json=sent, headers={"authorization": f"Bearer {emu.api_key}"})
    page.sees("#limit-list", HTML)
    assert page.chrome.title == "inference-do: playground"
    assert page.run("return document.querySelectorAll('img, b').length") == 0


def test_text_comes_piece_by_piece_and_stop_ends_the_request(page):
    emu = page.emulator
    emu.reply("one two three four five six")
    emu.script([DelayEvents(0.01), Stall(after_events=4)])
    page.say("count")
    page.wait(lambda: page.text("article .text").startswith("one"))
    assert "six" not in page.text("article .text")
    assert page.run("return getComputedStyle(send).display") == "none"
    page.click("#stop")
    page.sees("article .notice", "Stopped.")
    page.wait(lambda: emu.disconnects)
    page.sees("#request-list li:first-child .status", "200 client left")
    page.say("again")
    page.sees("article:last-child .text", "You said: again")


def test_a_tool_call_is_answered_by_hand(page):
    page.click("[data-tools]")
    page.sees("article .call", "get_weather")
    assert json.loads(page.text("article .call pre")) == {"city": "Paris"}
    page.say("not yet")
    page.sees("#chat-note", "Answer the tool calls first.")
    page.write("article .call textarea", "rain")
    page.click(".results button")
    page.sees("article:last-child .text", "The answer is: rain")
    *_, call, result = page.emulator.requests[-1].json["messages"]
    assert result == {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "rain"}


def test_tools_that_are_no_json_lose_nothing(page):
    """The results of a tool call are still there when they can be sent."""
    page.click("[data-tools]")
    page.sees("article .call", "get_weather")
    page.click("#tools-field summary")
    tools = page.run("return document.getElementById('tools').value")
    page.write("#tools", "[{")
    page.write("article .call textarea", "rain")
    page.click(".results button")
    page.sees("article [role=alert]", "The tools are no JSON")
    page.run(f"document.getElementById('tools').value = {json.dumps(tools)}")
    page.click("article [role=alert] button")
    page.sees("article:last-child .text", "The answer is: rain")
    assert [message["role"] for message in page.emulator.requests[-1].json["messages"]] == ["user", "assistant", "tool"]


def test_a_broken_answer_says_so_and_can_be_sent_again(page):
    emu = page.emulator
    emu.script(Status(503), Reset(after_events=2))
    page.say("Hello")
    page.sees("article [role=alert]", "503: ")
    page.click("article [role=alert] button")
    page.sees("article [role=alert]", "the connection broke")
    page.click("article [role=alert] button")
    page.sees("article .text", "You said: Hello")
    assert page.run("return document.querySelectorAll('article').length") == 2
    assert [request.json["messages"] for request in emu.requests[1:]] == [[{"role": "user", "content": "Hello"}]] * 3


def test_requests_of_all_clients_appear_as_they_come(page):
    page.ask("first", **{"user-agent": "curl/8.0", "x-extra": "seen"})
    page.sees("#request-list li:first-child", "curl/8.0")
    row = "#request-list li:first-child"
    page.click(f"{row} summary")
    page.wait(lambda: "You said: first" in page.text(f"{row} .details"))
    shown = page.text(f"{row} .details")
    assert "x-extra: seen" in shown
    assert "authorization: Bearer (hidden)" in shown
    assert page.emulator.api_key not in page.run("return document.getElementById('requests').innerText")
    assert '"content": "first"' in shown
    assert '"total_tokens"' in shown
    page.ask("second")
    page.wait(lambda: page.text("#count") == "3")
    assert "You said: first" in page.text("#request-list li:nth-child(2) .details")  # it stays open
    page.click("#clear")
    page.wait(lambda: page.text("#count") == "0")
    assert "None yet" in page.text("#no-requests")


def test_faults_are_switched_on_and_off(page):
    page.click("#tab-faults")
    page.write("#field-status", "418")
    page.write("#fault-times", "2")
    page.click("#fault-form .main")
    page.sees("#fault-list", "Status(status=418) for the next 2 requests")
    assert page.text("#faults-on") == "2"
    assert page.ask().status_code == 418
    page.sees("#fault-list", "Status(status=418) for the next request")
    page.choose("#fault", "RateLimited")
    page.click("input[value=always]")
    page.click("#fault-form .main")
    page.sees("#fault-list", "RateLimited(reset_after=2.0) for all requests")
    assert [page.ask().status_code for _ in range(3)] == [418, 429, 429]
    page.click("#faults-clear")
    page.sees("#fault-list", "None.")
    assert page.ask().status_code == 200
    page.choose("#fault", "RawStream")
    page.write("#field-chunks", "no list")
    page.click("#fault-form .main")
    page.sees("#fault-note", "chunks is no JSON")


def test_every_fault_can_be_switched_on_as_its_form_begins(page):
    page.click("#tab-faults")
    names = page.run("return [...document.querySelector('#fault').options].map((option) => option.value)")
    for name in names:
        page.choose("#fault", name)
        page.run("document.querySelector('#fault-form').requestSubmit()")
        page.wait(lambda: len(page.emulator.faults) == names.index(name) + 1)  # noqa: B023  it is called at once
    assert [type(fault).__name__ for fault in page.emulator.faults] == names


def test_a_limit_shows_what_is_left(page):
    page.click("#tab-limits")
    page.sees("#limit-state", "No limit is set.")
    page.write("#limit-requests", "2")
    page.write("#limit-seconds", "1000")
    page.click("#limit-form .main")
    page.sees("#limit-state", "2 requests within 1000 s")
    page.ask()
    page.sees("#limit-list", "1 of 2 requests")
    page.choose("#model", MODEL)
    page.say("one more")
    page.sees("article .text", "one more")
    page.say("too many")
    page.sees("article [role=alert]", "There is room again at")
    page.click("#limit-clear")
    page.sees("#limit-state", "No limit is set.")


def test_lines_to_copy_are_right(page):
    pytest.importorskip("langchain_core")
    pytest.importorskip("llama_index")
    page.click("#tab-use")
    emu = page.emulator
    shown = page.text("#snippets")
    assert (
        f"export DIGITALOCEAN_INFERENCE_BASE_URL={emu.base_url}\nexport DIGITALOCEAN_INFERENCE_KEY={emu.api_key}"
        in shown
    )
    for block in page.run("return [...document.querySelectorAll('#snippets pre')].map((pre) => pre.innerText)")[2:]:
        before = emu.posts
        exec(compile(block, "snippet", "exec"), {})
        assert emu.posts == before + 1
    grant = {"origin": emu.page_url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.chrome.execute_cdp_cmd("Browser.grantPermissions", grant)
    page.click("#snippets .block:first-child .copy")
    page.sees("#snippets .block:first-child .copy", "Copied")
    assert "DIGITALOCEAN_INFERENCE_KEY" in page.run("return navigator.clipboard.readText()")


def test_keys_alone_are_enough(page):
    from selenium.webdriver.common.keys import Keys

    def press(*keys: str) -> None:
        for key in keys:
            page.chrome.switch_to.active_element.send_keys(key)

    page.run("document.getElementById('tab-requests').focus()")
    press(Keys.ARROW_RIGHT)
    assert page.run("return [document.activeElement.id, faults.hidden, requests.hidden]") == ["tab-faults", False, True]
    press(Keys.END, Keys.HOME, Keys.ARROW_LEFT)
    assert page.run("return document.activeElement.id") == "tab-use"
    page.run("document.getElementById('prompt').focus()")
    press("Hello", Keys.ENTER)
    page.sees("article .text", "You said: Hello")
    assert page.run("return document.activeElement.id") == "prompt"
    unnamed = page.run(
        "return [...document.querySelectorAll('input, select, textarea, button')]"
        ".filter((field) => !field.labels?.length && !field.innerText && !field.ariaLabel)"
        ".filter((field) => !field.closest('[hidden]'))"
        ".map((field) => field.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(page, scheme):
    """Text has a contrast of 4.5 to what is behind it (WCAG 2.2, 1.4.3)."""
    set_color_scheme(page.chrome, scheme)
    page.emulator.script(Status(503))
    page.say("Hello")
    page.sees("article [role=alert]", "503")
    for view in ("requests", "faults", "limits", "use"):
        page.click(f"#tab-{view}")
        assert page.run(CONTRASTS) == []


CONTRASTS = """
const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = numbers(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
};
const wrong = [];
for (const element of document.querySelectorAll("body *")) {
  const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!hasText || !element.checkVisibility() || element.disabled || element.closest("option, noscript")) continue;
  const two = [luminance(numbers(getComputedStyle(element).color)), luminance(behind(element))].sort((a, b) => b - a);
  const ratio = (two[0] + 0.05) / (two[1] + 0.05);
  if (ratio < 4.5) wrong.push(`${ratio.toFixed(1)} ${element.outerHTML.slice(0, 80)}`);
}
return wrong;
"""


def test_a_phone_has_room_for_it(page):
    resize(page.chrome, 390, 844)
    page.ask("x" * 2_000, **{"user-agent": "y" * 300})
    page.emulator.reply("z" * 500, reasoning="r" * 500)
    page.click("#tab-chat")
    page.say("Hello")
    page.sees("article .text", "zzz")
    for view in ("chat", "requests", "faults", "limits", "use"):
        page.click(f"#tab-{view}")
        if view == "requests":
            page.click("#request-list li:last-child summary")
        wide = "return [document.documentElement.scrollWidth, innerWidth, document.querySelector('main').scrollWidth]"
        assert page.run(wide) == [390, 390, 390]
        assert (
            page.run(
                "return [...document.querySelectorAll('main > section')].filter((s) => s.checkVisibility()).length"
            )
            == 1
        )


def test_nothing_moves_while_an_answer_comes(page):
    page.run(
        "window.moves = []; new PerformanceObserver((list) => {"
        "for (const entry of list.getEntries()) window.moves.push(entry.value) }).observe({ type: 'layout-shift' })"
    )
    page.emulator.always = DelayEvents(0.01)
    page.say("Hello, how are you?")
    page.sees("article .hint", "finish reason")
    assert sum(page.run("return window.moves")) < 0.02


def test_a_restart_is_said(page):
    page.emulator.stop()
    page.sees("#connection", "not connected")
    port = int(page.emulator.page_url.rsplit(":", 1)[1].rstrip("/"))
    with Emulator(playground=True, port=port):
        page.sees("#connection", "load the page again")


def test_many_clients_at_once_are_listed_once_each(page):
    clients = [threading.Thread(target=page.ask, args=(f"n{number}",)) for number in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    page.wait(lambda: page.text("#count") == "21")
    assert page.run("return document.querySelectorAll('#request-list li').length") == 21
