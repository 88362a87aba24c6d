"""The benchmark's own server, arithmetic and report; nothing here measures time."""

import asyncio
import json
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plot, report, scenarios
from benchmarks.bars import BARS, Bar
from benchmarks.parts import PARTS, load
from benchmarks.parts._tools import server as told_by_server
from benchmarks.rounds import Result, server
from benchmarks.series import Results, difference, middle, ratio, shortened
from benchmarks.subjects import BASELINES, SUBJECTS
from benchmarks.subjects.base import OTHER_APIS
from inference_do import AsyncClient, Client


@pytest.fixture(scope="module")
def ports():
    with server() as both:
        yield both


@pytest.fixture
def client(ports):
    with Client("a-key", base_url=f"http://127.0.0.1:{ports[0]}/v1", max_retries=0) as made:
        yield made


def asking(scenario):
    return {"model": scenarios.MODEL, "messages": [{"role": "user", "content": scenarios.question(scenario)}]}


@pytest.mark.parametrize("scenario", ["text", "text-20000", "hold-1"])
def test_a_call_gets_the_text_that_is_expected(client, scenario):
    assert client.chat(**asking(scenario)).text == scenarios.text(scenario if scenario != "hold-1" else "text")


@pytest.mark.parametrize("count", [1, 12, 500])
def test_a_stream_has_as_many_deltas_as_were_asked_for(client, count):
    texts = [chunk.text for chunk in client.stream(**asking(f"stream-{count}")) if chunk.text]
    assert len(texts) == count
    assert "".join(texts) == scenarios.text(f"stream-{count}")


@pytest.mark.parametrize("api", OTHER_APIS)
def test_a_stream_of_another_api_has_the_same_deltas(client, api):
    chunks = list(client.stream(**asking("stream-12"), api=api))
    assert [chunk.text for chunk in chunks if chunk.text] == scenarios.deltas(12)
    assert next(chunk.usage.total_tokens for chunk in chunks if chunk.usage) == 163


def test_a_tool_call_comes_in_so_many_fragments(client):
    chunks = [chunk for chunk in client.stream(**asking("tools-50")) if chunk.tool_fragments]
    arguments = [fragment.arguments for chunk in chunks for fragment in chunk.tool_fragments]
    assert len(arguments) == 1 + 50
    assert "".join(arguments) == scenarios.arguments(50)
    assert json.loads("".join(arguments))["path"] == "notes.txt"


@pytest.mark.parametrize("form", ["float", "base64"])
def test_vectors_are_the_same_in_both_forms(client, form):
    response = client.embed(model=scenarios.EMBEDDING_MODEL, input=["a", "b"], encoding_format=form)
    assert [item.embedding for item in response.data] == [vector.tolist() for vector in scenarios.vectors(2)]


def test_paced_deltas_have_their_numbers_and_times(client):
    with client.stream(**asking("paced-4-5")) as stream:
        stamps = scenarios.STAMP.findall(stream.completion().text)
    assert [number for number, _ in stamps] == ["1", "2", "3", "4"]
    times = [int(sent) for _, sent in stamps]
    assert times == sorted(times)


async def test_held_responses_come_when_enough_wait(ports):
    async with AsyncClient("a-key", base_url=f"http://127.0.0.1:{ports[0]}/v1", max_retries=0) as client:
        answers = await asyncio.gather(*(client.chat(**asking("hold-5")) for _ in range(5)))
    assert [answer.text for answer in answers] == [scenarios.text("text")] * 5


def test_the_server_counts(ports, client):
    told_by_server(ports[1], "reset")
    for _ in range(3):
        client.chat(**asking("text"))
    reported = told_by_server(ports[1], "stats")
    assert (reported["connections"], reported["requests"]) == (1, 3)


@pytest.mark.parametrize("count", [3, 500])
def test_fragments_are_as_many_as_named_and_join_to_the_arguments(count):
    pieces = scenarios.fragments(count)
    assert len(pieces) == count
    assert "".join(pieces) == scenarios.arguments(count)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_its_function_and_its_columns(part):
    assert callable(load(part))
    assert report.COLUMNS[part]


def test_every_bar_names_what_is_measured():
    for bar in BARS:
        assert bar.metric in report.COLUMNS[bar.part] or bar.metric == "mib_growth"
        assert {bar.subject, *bar.beside} <= set(SUBJECTS)
    assert set(BASELINES.values()) <= set(SUBJECTS)


def results(part, **subjects):
    """Make results of one metric, `x`, round by round."""
    return [
        Result(part, name.replace("_", " "), number, {"x": value} if value is not None else {"errors": ["it fell"]})
        for name, values in subjects.items()
        for number, value in enumerate(values)
    ]


def test_ratios_are_made_within_a_round():
    known = Results(results("calls", Client=[10, 30, 50], openai_SDK=[20, 30, None]))
    ours, theirs = known.series("calls", "Client", "x"), known.series("calls", "openai SDK", "x")
    assert ratio(ours, theirs) == {0: 0.5, 1: 1.0}
    assert difference(theirs, ours) == {0: 10.0, 1: 0.0}
    assert middle(ours) == 30
    assert middle({}) is None
    assert known.troubles("calls", "openai SDK") == ["it fell"]


def bar(**options):
    return Bar(what="it", part="calls", subject="Client", metric="x", **options)


def test_a_bar_is_met_by_the_median():
    known = Results(results("calls", Client=[10, 11, 90], openai_SDK=[20, 20, 100]))
    assert bar(most=11).is_met(known) is True
    assert bar(most=10.9).is_met(known) is False
    assert bar(least=12).is_met(known) is False
    assert bar(most=0.55, per="openai SDK").is_met(known) is True
    assert bar(most=0.54, per="openai SDK").is_met(known) is False
    assert bar(most=-10, above="openai SDK").is_met(known) is True
    assert bar(most=-11, above="openai SDK").is_met(known) is False
    assert bar(most=1, per="=x").is_met(known) is True
    assert bar(most=1).is_met(Results([])) is None


@pytest.mark.parametrize(
    ("value", "reported"),
    [(3, "3"), (0.0123, "0.0123"), (2.994, "2.99"), (99.96, "100"), (12345.6, "12,346"), (1.0, "1")],
)
def test_numbers_have_three_digits_that_count(value, reported):
    assert shortened(value) == reported


COUNTED = [
    Result("instructions", "Client", 0, {"call": 2.0e6, "delta": 96e3}),
    Result("instructions", "openai SDK", 0, {"call": 8.0e6, "delta": 800e3, "errors": ["ValueError: no"]}),
]


@pytest.fixture
def pages(tmp_path):
    made = report.Pages(**{name: tmp_path / name for name in ("overview", "details", "plot", "readme")})
    for page in (made.overview, made.details, made.readme):
        page.write_text(f"# Before\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n")
    return made


def test_the_tables_stand_between_the_markers(pages):
    report.write(COUNTED, pages)
    written = pages.details.read_text()
    assert written.startswith(f"# Before\n\n{report.BEGIN}\n\n### Goals\n")
    assert written.endswith(f"{report.END}\n\nafter\n")
    assert "old" not in written
    assert "| bare client: call | ≤ 1.5 M | 2 M | **no** | openai SDK 8 M |" in written
    assert "| bare client: per delta | ≤ 48 k | 96 k | **no** | openai SDK 800 k |" in written
    assert "| openai SDK | 8 | - | - | - | 800 | - | - | 4 x |" in written
    assert "* openai SDK: ValueError: no" in written
    report.write(COUNTED, pages)
    assert pages.details.read_text() == written
    assert ET.fromstring(pages.plot.read_text()).tag.endswith("svg")


def test_the_overview_has_a_row_for_each_model(pages):
    others = [
        Result("instructions", "ChatDigitalOcean", 0, {"call": 5.0e6, "delta": 108e3}),
        Result("connections", "ChatOpenAI", 0, {"streams": 99}),
    ]
    report.write([*COUNTED, *others], pages)
    for page in (pages.overview, pages.readme):
        rows = [line for line in page.read_text().splitlines() if line.startswith("| ")]
        assert rows[0].startswith("|  | a call, M instructions | a streamed delta, k instructions |")
        assert rows[2:] == [
            "| **ChatDigitalOcean** | 5 | 108 | - | - | - | - |",
            "| ChatOpenAI | - | - | - | - | 99 | - |",
        ]


def test_a_readme_without_marks_stays_as_it_is(pages):
    pages.readme.write_text("# Read me\n")
    report.write(COUNTED, pages)
    assert pages.readme.read_text() == "# Read me\n"


def test_what_is_neither_the_frameworks_nor_the_clients_is_the_adapters():
    counted = [
        COUNTED[0],
        Result("instructions", "ChatDigitalOcean", 0, {"call": 5.0e6, "delta": 192e3}),
        Result("instructions", "LangChain itself", 0, {"call": 1.0e6}),
    ]
    written = report.page(counted)
    assert "| ChatDigitalOcean: call | 5 M | 1 M (20%) | 2 M (40%) | 2 M (40%) |" in written
    assert "| ChatDigitalOcean: delta |" not in written
    assert "Whose cost it is" not in report.page(COUNTED)


def test_the_plot_has_a_bar_for_each_number():
    root = ET.fromstring(plot.drawn(Results(COUNTED)))
    rects = root.findall("{http://www.w3.org/2000/svg}rect")
    assert len(rects) == 1 + 3 + 4
    content = [text.text for text in root.findall("{http://www.w3.org/2000/svg}text")]
    assert {"2 M", "96 k", "8 M", "800 k"} <= set(content)
