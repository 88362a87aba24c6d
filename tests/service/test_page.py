"""The example service's page in Chromium.

It uses langchain_do and llamaindex_do.
"""

from __future__ import annotations

import time

import pytest
from browser import browser, resize
from service_kit import QUESTION, serving, until

from inference_do.emulator import DelayEvents, RateLimited, Stall

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chrome():
    with browser() as chrome:
        yield chrome


@pytest.fixture
def page(chrome, url):
    chrome.get(url)
    chrome.get_log("browser")
    yield chrome
    complaints = [entry["message"] for entry in chrome.get_log("browser") if " 503 " not in entry["message"]]
    assert complaints == []


def ask(page, question):
    page.find_element("id", "question").send_keys(question)
    page.find_element("id", "ask").click()


def found(page, selector):
    return [element.text for element in page.find_elements("css selector", selector)]


def ended(page):
    return until(lambda: page.find_elements("css selector", ".answer") and not found(page, ".answer.running"))


def test_an_answer_is_shown_as_it_comes_with_its_sources(page, api):
    api.script(None, [DelayEvents(0.1)])
    api.reply("Everybody has 28 days of paid leave in a year.")
    ask(page, QUESTION)
    first = until(lambda: [text for text in found(page, ".running .text") if text])
    assert first[0] != "Everybody has 28 days of paid leave in a year."
    ended(page)
    assert found(page, ".asked") == [QUESTION]
    assert found(page, ".answer .text") == ["Everybody has 28 days of paid leave in a year."]
    assert len(found(page, ".source summary")) == 2
    assert "leave.md" in found(page, ".source summary")[0]
    assert page.find_element("id", "ask").is_enabled()


@pytest.mark.parametrize("engine", ["LangChain", "LlamaIndex, in threads"])
def test_the_stop_button_stops_the_model(page, api, engine):
    page.find_element("xpath", f"//option[.='{engine}']").click()
    api.script(None, Stall(after_events=4))
    ask(page, "a question of many words")
    until(lambda: [text for text in found(page, ".running .text") if text])
    began = time.monotonic()
    page.find_element("id", "stop").click()
    [disconnect] = until(lambda: api.disconnects)
    assert disconnect.time - began < 1
    ended(page)
    assert found(page, ".state") == ["Stopped."]
    assert found(page, ".answer .text")[0]


def test_a_model_s_text_is_no_html(page, api):
    text = "<img src=x onerror=\"document.title='run'\"> <b>bold</b>\n\n<script>document.title='run'</script>"
    api.script(None)
    api.reply(text)
    ask(page, "<i>a question</i>")
    ended(page)
    assert found(page, ".asked") == ["<i>a question</i>"]
    assert found(page, ".answer .text") == [text]
    assert page.title == "Answers over documents"
    assert page.find_elements("css selector", "main img, main b, main i, main script") == []


def test_a_refusal_is_shown_in_plain_words(page, api):
    with serving(api) as url:
        page.get(url)
        api.always = RateLimited(reset_after=30)
        ask(page, QUESTION)
        ended(page)
        [state] = found(page, ".state.error")
        assert state.startswith("The model is busy. Please try again in a moment. (")
        page.get_log("browser")  # where Chromium notes the 503


@pytest.mark.parametrize("width", [1200, 390, 320])
def test_nothing_is_wider_than_the_window(page, api, width):
    resize(page, width)
    try:
        api.script(None)
        api.reply("x" * 500)
        ask(page, "y" * 500)
        ended(page)
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        button = page.find_element("id", "stop").rect
        assert button["x"] + button["width"] <= width
    finally:
        resize(page, 1200)
