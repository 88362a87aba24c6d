"""`client.batches`, in threads and in event loops, on an emulator whose clock the tests move."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import httpx
import pytest
from batch_kit import CLAUDE, GPT, GPT_RESPONSES, SECONDS, SOON, Loops, Threads, emulator, request, requests

from inference_do import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    BatchResult,
    Client,
    ConfigError,
    ConflictError,
    InferenceError,
    Ledger,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServerError,
    estimate_cost,
    register_model,
)
from inference_do._batches.results import read_result
from inference_do._provider_ids import platform_id, provider_id, provider_of
from inference_do.emulator import Emulator, RawBody, Reset, Status

KINDS = [Threads, Loops]


@pytest.fixture(params=KINDS, ids=["threads", "loops"])
def kind(request):
    return request.param


@pytest.fixture
def placed():
    with emulator() as (emu, clock):
        yield emu, clock


@pytest.fixture
def emu(placed):
    return placed[0]


@pytest.fixture
def clock(placed):
    return placed[1]


@pytest.fixture
def batches(kind, emu):
    return kind(emu)


def sent_lines(emu: Emulator) -> list[dict]:
    [upload] = [r for r in emu.requests if r.method == "PUT"]
    return [json.loads(line) for line in upload.body.splitlines()]


def sent_job(emu: Emulator) -> dict:
    return next(r.json for r in emu.requests if (r.method, r.path) == ("POST", "/v1/batches"))


# --- the whole way ---


@pytest.mark.parametrize(
    ("model", "endpoint"),
    [(GPT, "/v1/chat/completions"), (GPT_RESPONSES, "/v1/responses"), (CLAUDE, None)],
    ids=["chat_completions", "responses", "messages"],
)
def test_a_batch_is_made_waited_for_and_read(batches, emu, clock, model, endpoint):
    seen = []

    def look(batch):
        seen.append((batch.status, batch.request_counts.ended))
        clock.advance(12.5)

    made = batches.create(iter(requests(4, model)), metadata={"team": "a"})
    assert (made.status, made.is_final, made.endpoint) == ("validating", False, endpoint)
    assert (made.metadata, made.provider) == ({"team": "a"}, "anthropic" if endpoint is None else "openai")
    ended = batches.call("wait", made.id, progress=look, poll=SOON)
    assert (ended.status, ended.is_final, ended.request_counts.completed) == ("completed", True, 4)
    assert seen[0] == ("validating", 0)
    assert ("in_progress", 1) in seen
    assert seen[-1] == ("completed", 4)
    assert (ended.completed_at - ended.created_at).total_seconds() == SECONDS
    ledger = Ledger()
    found = batches.results(ended, ledger=ledger)
    assert list(found) == ["r3", "r2", "r1", "r0"]  # in any order: by custom_id
    for number, result in ((int(name[1:]), result) for name, result in found.items()):
        assert result.error is None
        assert result.completion.text == f"You said: Hello {number}"
        assert result.completion.choices[0].finish_reason == "stop"
        assert result.model == model
        assert result.usage.output_tokens > 0
        assert result.cost.total == pytest.approx(estimate_cost(model, result.usage).total / 2)
    assert ledger.total.calls == 4
    assert ledger.total.cost == pytest.approx(sum(result.cost.total for result in found.values()))
    apis = {None: "messages", "/v1/responses": "responses", "/v1/chat/completions": "chat_completions"}
    assert found["r0"].completion.response_info.api == apis[endpoint]


def test_lines_are_what_the_wires_make(batches, emu):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    batches.create([request("a", temperature=0.5, max_tokens=7, tools=[tool])])
    [line] = sent_lines(emu)
    assert line == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "Hello"}],
            "temperature": 0.5,
            "max_completion_tokens": 7,
            "tools": [tool],
        },
    }
    emu.reset()
    batches.create([request("a", model=CLAUDE, max_tokens=7, stop=["x"])])
    [line] = sent_lines(emu)
    assert line.keys() == {"custom_id", "params"}
    assert (line["params"]["model"], line["params"]["max_tokens"]) == ("claude-haiku-4-5", 7)
    assert line["params"]["stop_sequences"] == ["x"]
    assert sent_job(emu).keys() == {"file_id", "provider", "completion_window", "request_id"}
    emu.reset()
    batches.create([request("a", model=GPT_RESPONSES)])
    [line] = sent_lines(emu)
    assert line["url"] == sent_job(emu)["endpoint"] == "/v1/responses"
    assert line["body"]["input"]


def test_the_presigned_urls_are_asked_without_the_key(kind, emu, clock):
    batches = kind(emu, default_headers={"x-team": "a"}, default_query={"q": "1"})
    made = batches.create(requests(2))
    clock.advance(SECONDS)
    assert len(batches.results(made.id)) == 2
    elsewhere = [r for r in emu.requests if r.path.startswith("/batch-storage/")]
    assert [r.method for r in elsewhere] == ["PUT", "GET"]
    for one in elsewhere:
        assert not {"authorization", "x-team", "cookie"} & one.headers.keys()
        assert "q=1" not in one.query
    assert elsewhere[0].headers["content-type"] == "application/octet-stream"
    assert elsewhere[0].headers["content-length"] == str(len(elsewhere[0].body))
    others = [r for r in emu.requests if r not in elsewhere]
    assert all(r.headers["authorization"] == f"Bearer {emu.api_key}" for r in others)


def test_a_callers_own_http_client_adds_nothing_to_a_presigned_url(emu, clock):
    own = httpx.Client(headers={"authorization": "Bearer other", "x-own": "1"}, cookies={"a": "b"})
    with own:
        batches = Threads(emu, http_client=own)
        made = batches.create(requests(1))
        clock.advance(SECONDS)
        assert batches.results(made.id)["r0"].completion.text == "You said: Hello 0"
    for one in (r for r in emu.requests if r.path.startswith("/batch-storage/")):
        assert not {"authorization", "x-own", "cookie"} & one.headers.keys()


async def test_a_callers_own_asynchronous_client_serves_as_well(emu, clock):
    async with httpx.AsyncClient(headers={"x-own": "1"}) as own:
        client = AsyncClient(emu.api_key, base_url=emu.base_url, http_client=own)
        made = await client.batches.create(requests(1))
        clock.advance(SECONDS)
        assert [result.custom_id async for result in client.batches.results(made)] == ["r0"]
    for one in (r for r in emu.requests if r.path.startswith("/batch-storage/")):
        assert not {"authorization", "x-own"} & one.headers.keys()


def test_large_files_are_sent_in_parts(batches, emu, clock):
    text = "x" * 500_000
    made = batches.create(request(f"r{number}", text + str(number)) for number in range(12))  # above what is held
    [upload] = [r for r in emu.requests if r.method == "PUT"]
    assert len(upload.body) > 6_000_000
    clock.advance(SECONDS)
    found = batches.results(made.id)
    assert len(found) == 12
    assert all(result.completion or result.error for result in found.values())


# --- secrets ---


def test_no_log_and_no_error_has_a_presigned_url(batches, emu, clock, caplog):
    caplog.set_level(logging.DEBUG)
    emu.script(None, Status(403, "<Error><Code>X</Code><Message>no</Message><Query>X-Amz-Signature</Query></Error>"))
    made = batches.create(requests(1))  # the first URL is refused, and another one is asked for
    assert made.status == "validating"
    uploads = [r for r in emu.requests if r.method == "PUT"]
    assert len(uploads) == 2
    emu.script(None, Status(403), None, Status(403))
    with pytest.raises(PermissionDeniedError, match="the presigned URL was refused") as caught:
        batches.create(requests(1))
    text = "".join(traceback.format_exception(caught.value)) + caught.value.body
    shown = caplog.text + text
    for one in (r for r in emu.requests if r.method == "PUT"):
        signature = one.query.rpartition("=")[2]
        assert len(signature) == 64
        assert signature not in shown
        assert one.path not in caplog.text
    assert "PUT http://127.0.0.1" in caplog.text  # httpx's own line


def test_what_storage_says_is_in_the_error(batches, emu, clock):
    made = batches.create(requests(1))
    clock.advance(SECONDS)
    path, _ = emu._api.batches.storage.url("GET", f"{made.id}-output.jsonl")
    clock.advance(1_000)
    url = emu.base_url.removesuffix("/v1") + path
    emu._faults_on_get = True
    answer = RawBody(json.dumps({"result_available": True, "output_file_url": url}).encode())
    emu.script(answer, None, answer, None)
    with pytest.raises(PermissionDeniedError, match="AccessDenied: Request has expired; the presigned URL") as caught:
        batches.results(made.id)
    assert "X-Amz" not in str(caught.value) + caught.value.body
    emu.script(
        RawBody(json.dumps({"result_available": True, "output_file_url": url[:-4]}).encode()), None, answer, None
    )
    with pytest.raises(PermissionDeniedError, match="AccessDenied"):  # the first one is SignatureDoesNotMatch
        batches.results(made.id)


def test_a_frame_shows_no_presigned_url(emu):
    emu.script(None, Status(500), Status(500), Status(500))
    with pytest.raises(ServerError) as caught:
        Threads(emu).create(requests(1))
    shown = []
    trace = caught.value.__traceback__
    while trace is not None:
        shown += [repr(value) for value in trace.tb_frame.f_locals.values()]
        trace = trace.tb_next
    assert not [text for text in shown if "X-Amz-Signature" in text]


@pytest.mark.parametrize(
    "url", ["ftp://host/a", "https://user:pw@host/a", "/relative", "https://[::1", "https://host/ä", 7, ""]
)
def test_a_presigned_url_that_cannot_be_used_is_refused_and_not_repeated(batches, emu, url):
    body = json.dumps({"file_id": "f", "upload_url": url}).encode()
    emu.script(RawBody(body))
    with pytest.raises(ProtocolError) as caught:
        batches.create(requests(1))
    assert "user:pw" not in str(caught.value)
    assert not [r for r in emu.requests if r.method == "PUT"]


def test_files_go_to_https_only_where_the_api_is_https(private, certificate):
    client = Client(private.api_key, base_url=private.base_url, ca=certificate[0])
    private.script(RawBody(json.dumps({"file_id": "f", "upload_url": "http://127.0.0.1:9/f?X=1"}).encode()))
    with pytest.raises(ProtocolError, match="it must be https"):
        client.batches.create(requests(1))
    assert client.batches.create(requests(1)).status == "validating"


# --- requests that cannot be sent ---

WRONG = [
    ([], "a batch needs at least one request"),
    ("abc", "requests must be an iterable of requests, each a dict, not str"),
    ({"custom_id": "a"}, "each a dict, not dict"),
    ([request("a"), "b"], "line 2: a request must be a dict, not str"),
    ([request("a"), request("")], "line 2: each request needs a custom_id"),
    ([{"model": GPT, "messages": []}], "line 1: each request needs a custom_id"),
    ([request("a"), request("b"), request("a")], "line 3: an earlier request has the same custom_id"),
    ([request("a", model="")], r"line 1 \(custom_id 'a'\): model must be a model's id"),
    ([request("a", model="llama3.3-70b-instruct")], "'llama3.3-70b-instruct' is none that is known"),
    ([request("a", model="openai-gpt-oss-120b")], "batches are for OpenAI's and Anthropic's models"),
    ([request("a"), request("b", model=CLAUDE)], r"line 2 \(custom_id 'b'\): .* all requests have one provider"),
    ([request("a"), request("b", model=GPT_RESPONSES)], r"line 2 .* make one batch for each endpoint"),
    ([request("a", stream=True)], "a request of a batch has no stream"),
    ([request("a", timeout=5)], "a request of a batch has no timeout"),
    ([request("a", extra_headers={"x": "y"})], "a request of a batch has no extra_headers"),
    ([request("a", api="messages")], "go to chat_completions or responses, not to api='messages'"),
    ([{**request("a"), "messages": []}], "line 1 .*: messages must hold at least one message"),
    ([{**request("a"), "messages": "Hello"}], "line 1 .*: messages must be a list of messages"),
    ([request("a", model=CLAUDE, seed=7)], "line 1 .*: the messages API has no seed"),
    ([request("a b", model=CLAUDE)], "Anthropic takes 1 to 64 letters"),
    ([request("a", temperature=object())], "line 1 .*: the request has no JSON form"),
    (
        [{**request("a"), "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}],
        r"line 1 .*: messages\[0\] has a part of type 'image_url': batches take text only",
    ),
]


@pytest.mark.parametrize(("made", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_cannot_be_sent_is_named_before_anything_is_sent(batches, emu, made, message):
    with pytest.raises(ConfigError, match=message):
        batches.create(made)
    assert emu.requests == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "google"}, "provider must be 'openai' or 'anthropic', not 'google'"),
        ({"endpoint": "/v1/embeddings"}, "endpoint must be '/v1/chat/completions' or '/v1/responses'"),
        ({"provider": "anthropic", "endpoint": "/v1/responses"}, "have no endpoint: leave out '/v1/responses'"),
        ({"provider": "anthropic"}, "'openai-gpt-4o' is a model of openai, and this batch is for anthropic"),
        (
            {"endpoint": "/v1/responses"},
            "'openai-gpt-4o' is on /v1/chat/completions, /v1/messages, and this batch goes",
        ),
    ],
    ids=str,
)
def test_provider_and_endpoint_must_fit(batches, emu, options, message):
    with pytest.raises(ConfigError, match=message):
        batches.create(requests(1), **options)
    assert emu.requests == []


def test_there_are_at_most_50_000_requests_and_200_mb(batches, emu, monkeypatch):
    monkeypatch.setattr("inference_do._batches.lines.MOST_REQUESTS", 3)
    with pytest.raises(ConfigError, match=r"line 4 .*: a batch has at most 3 requests"):
        batches.create(requests(4))
    monkeypatch.setattr("inference_do._batches.lines.MOST_BYTES", 300)
    with pytest.raises(ConfigError, match=r"line 3 .*: the file would be larger than 300 bytes"):
        batches.create(requests(3))
    assert emu.requests == []


def test_a_failing_iterable_is_the_callers_error(batches, emu):
    def rows():
        yield request("a")
        raise KeyError

    with pytest.raises(KeyError):
        batches.create(rows())
    assert emu.requests == []


def test_an_agent_has_no_batches():
    client = Client("k", base_url="https://abc.agents.do-ai.run")
    with pytest.raises(ConfigError, match="an agent has no batches"):
        client.batches.create(requests(1))


def test_the_providers_own_ids_are_taken_and_extra_body_wins(batches, emu):
    batches.create([request("a", model="gpt-4.1-mini"), request("b", extra_body={"model": "openai-gpt-4o", "x": 1})])
    assert [(line["body"]["model"], line["body"].get("x")) for line in sent_lines(emu)] == [
        ("gpt-4.1-mini", None),
        ("openai-gpt-4o", 1),
    ]


def test_an_unknown_model_needs_its_provider(batches, emu):
    with pytest.raises(ConfigError, match="provider= says whose it is"):
        batches.create([request("a", model="ft:something")])
    batches.create([request("a", model="ft:something")], provider="openai")
    assert sent_job(emu)["provider"] == "openai"


# --- idempotency ---


def test_a_batch_is_made_once_whatever_happens_to_the_answers(batches, emu):
    emu.script(None, None, Reset(before_head=True), None)
    made = batches.create(requests(1))
    posts = [r.json for r in emu.requests if (r.method, r.path) == ("POST", "/v1/batches")]
    assert len(posts) == 2
    assert posts[0] == posts[1]
    assert made.request_id == posts[0]["request_id"]
    assert [batch.id for batch in batches.list()] == [made.id]


def test_each_part_of_making_a_batch_is_tried_again(batches, emu):
    emu.script(Status(503), None, Status(503), Reset(before_head=True), None, Status(500), None)
    made = batches.create(requests(3))
    uploads = [r for r in emu.requests if r.method == "PUT"]
    assert len(uploads) == 3
    assert len({r.body for r in uploads}) == 1  # from the beginning each time
    assert made.status == "validating"


def test_another_batch_of_the_same_request_id_is_a_clear_error(batches, emu):
    first = batches.create(requests(1), request_id="nightly")
    assert first.request_id == "nightly"
    with pytest.raises(
        ConflictError, match=f"request_id 'nightly' is taken: batch {first.id} \\(validating\\)"
    ) as caught:
        batches.create(requests(2), request_id="nightly")
    assert caught.value.attempts == 1  # asking again would not help
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


# --- waiting ---


def test_waiting_ends_at_its_deadline(batches, emu):
    made = batches.create(requests(1))
    with pytest.raises(APITimeoutError, match=f"batch {made.id} has not ended within 0.2 s; it goes on") as caught:
        batches.call("wait", made.id, poll=SOON, timeout=0.2)
    assert (caught.value.phase, caught.value.retryable) == ("total", True)


def test_waiting_survives_an_outage(kind, emu, clock):
    emu._faults_on_get = True
    batches = kind(emu, max_retries=0)
    made = batches.create(requests(1))
    emu.script(Status(503), Reset(before_head=True), Status(429), None)
    ended = batches.call("wait", made.id, poll=SOON, progress=lambda _: clock.advance(SECONDS))
    assert ended.status == "completed"


def test_waiting_does_not_survive_what_will_not_pass(batches, emu):
    with pytest.raises(NotFoundError):
        batches.call("wait", "00000000-0000-0000-0000-000000000000", poll=SOON)


def test_an_endless_outage_ends_the_wait(kind, emu, monkeypatch):
    monkeypatch.setattr("inference_do._batches.steps.MOST_FAILURES", 2)
    batches = kind(emu, max_retries=0)
    made = batches.create(requests(1))
    emu.stop()
    with pytest.raises(APIConnectionError):
        batches.call("wait", made.id, poll=SOON)


def test_progress_is_lines_where_there_is_no_terminal(batches, emu, clock, capsys, monkeypatch):
    made = batches.create(requests(2))
    clock.advance(SECONDS)
    batches.call("wait", made.id, progress=True)
    assert capsys.readouterr().err == f"batch {made.id}: completed: 2 of 2 requests\n"


@pytest.mark.parametrize("options", [{"poll": 0}, {"poll": "x"}, {"timeout": -1}, {"timeout": True}], ids=str)
def test_waits_are_seconds(batches, options):
    with pytest.raises(ConfigError, match="must be a number of seconds above 0"):
        batches.call("wait", "a", **options)


# --- results ---


def test_results_of_a_batch_that_goes_on_are_an_error(batches, emu, clock):
    made = batches.create(requests(2))
    clock.advance(60)
    with pytest.raises(InferenceError, match=f"batch {made.id} has not ended: in_progress, 1 of 2 requests") as caught:
        batches.results(made.id)
    assert caught.value.retryable


NOT_YET = RawBody(b'{"result_available": false}')


@pytest.mark.parametrize("answer", [Status(412), NOT_YET], ids=["412", "result_available"])
def test_results_that_are_not_there_yet_are_asked_for_again(batches, emu, clock, answer):
    made = batches.create(requests(1))
    clock.advance(SECONDS)
    emu._faults_on_get = True
    emu.script(answer, None, answer)
    found = batches.results(made.id, poll=SOON)
    assert found["r0"].completion.text == "You said: Hello 0"
    assert [r.path.endswith("/results") for r in emu.requests[3:-1]] == [True, False, True, False, True]


def test_results_that_never_come_are_an_error_in_the_end(batches, emu, clock):
    made = batches.create(requests(1))
    clock.advance(SECONDS)
    emu._faults_on_get = True
    emu.script(*[NOT_YET, None] * 500)
    with pytest.raises(APITimeoutError, match=r"the results of batch .* were not there within 0.1 s"):
        batches.results(made.id, poll=SOON, timeout=0.1)


@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_errors_of_single_requests_have_the_class_of_their_status(batches, emu, clock, model):
    wrong = request("wrong", model=model, extra_body={"temperature": 9})  # what is not looked at here
    made = batches.create([request("right", model=model), wrong])
    clock.advance(SECONDS)
    assert batches.call("get", made.id).request_counts.failed == 1
    ledger = Ledger()
    found = batches.results(made.id, ledger=ledger)
    assert found["right"].completion.text == "You said: Hello"
    assert found["wrong"].completion is None
    assert isinstance(found["wrong"].error, BadRequestError)
    assert (found["wrong"].error.status, found["wrong"].error.retryable) == (400, False)
    assert "temperature" in found["wrong"].error.message
    assert (ledger.total.calls, found["wrong"].usage, found["wrong"].cost.total) == (1, None, None)


@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_a_cancelled_batch_hands_out_what_was_answered(batches, emu, clock, model):
    made = batches.create(requests(4, model))
    clock.advance(50)
    assert batches.call("cancel", made.id).status == "cancelling"
    clock.advance(20)
    ended = batches.call("wait", made.id)
    assert (ended.status, ended.request_counts.completed, ended.request_counts.total) == ("cancelled", 2, 4)
    found = batches.results(made.id)
    assert {name for name, result in found.items() if result.completion} == {"r0", "r1"}
    for name in ("r2", "r3"):
        assert found[name].error.message == "the batch was cancelled before this request was answered"
        assert found[name].error.retryable


def test_a_batch_without_any_answer_has_no_results(batches, emu, clock):
    made = batches.create(requests(2))
    clock.advance(SECONDS)
    emu._faults_on_get = True
    counts = {"total": 2, "completed": 0, "failed": 0}
    batch = {"batch_id": made.id, "status": "cancelled", "request_counts": counts}
    emu.script(Status(412), RawBody(json.dumps(batch).encode()))
    assert batches.results(made.id) == {}


@pytest.mark.parametrize("model", [GPT, CLAUDE])
def test_an_expired_batch_hands_out_what_was_answered(kind, model):
    with emulator(batch_seconds=150_000.0) as (emu, clock):  # half of it is answered after a day
        batches = kind(emu)
        made = batches.create(requests(4, model))
        clock.advance(86_401)
        assert batches.call("wait", made.id).status == "expired"
        found = batches.results(made.id)
        assert len(found) == 4
        assert {name for name, result in found.items() if result.completion} == {"r0", "r1"}
        late = [result.error.message for result in found.values() if result.error]
        assert set(late) == {"the batch expired before this request was answered"}


def test_a_batch_that_failed_says_why(batches, emu, clock):
    made = batches.create([request("a", extra_body={"model": GPT})])
    job = emu._api.batches.jobs[made.id]
    job.errors.append({"code": "invalid_input_file", "message": "Line 42: missing field", "line": 42})
    clock.advance(SECONDS)
    ended = batches.call("wait", made.id)
    assert (ended.status, ended.errors[0].line) == ("failed", 42)
    with pytest.raises(InferenceError, match="has failed, and has no results: line 42: Line 42: missing field"):
        batches.results(made.id)


def test_results_are_kept_for_30_days(batches, emu, clock):
    made = batches.create(requests(1))
    clock.advance(29 * 86_400)
    assert len(batches.results(made.id)) == 1
    clock.advance(2 * 86_400)
    with pytest.raises(NotFoundError):
        batches.results(made.id)


def test_a_download_that_breaks_off_goes_on_where_it_was(batches, emu, clock):
    made = batches.create(request(f"r{number}", "x" * 5_000) for number in range(40))
    clock.advance(SECONDS)
    batches.call("get", made.id)
    emu._faults_on_get = True
    emu.script(None, Reset(at_byte=5_000), Reset(at_byte=12_000), None)
    found = list(batches.results(made.id))
    assert found == [f"r{number}" for number in reversed(range(40))]
    downloads = [r for r in emu.requests if r.method == "GET" and r.path.startswith("/batch-storage/")]
    assert len(downloads) == 3


def test_a_url_that_has_expired_while_waiting_is_asked_for_again(batches, emu, clock):
    made = batches.create(requests(2))
    clock.advance(SECONDS)
    emu._faults_on_get = True
    emu.script(None, Status(403), None, None)
    assert len(batches.results(made.id)) == 2


def test_a_results_file_has_its_bounds(batches, emu, clock, monkeypatch):
    made = batches.create(requests(3))
    clock.advance(SECONDS)
    monkeypatch.setattr("inference_do._protocol.lines.MOST_LINES", 2)
    with pytest.raises(ProtocolError, match="the file has more than 2 lines"):
        batches.results(made.id)
    monkeypatch.setattr("inference_do._protocol.lines.LINE_LIMIT", 10)
    emu._faults_on_get = True
    emu.script(None, RawBody(b"x" * 100))
    with pytest.raises(ProtocolError, match="line 1 of the file is longer than 10 bytes"):
        batches.results(made.id)


def test_results_need_not_be_read_to_their_end(batches, emu, clock):
    made = batches.create(requests(3))
    clock.advance(SECONDS)
    assert batches.first_result(made.id).custom_id == "r2"


def test_structured_answers_of_anthropics_models_are_text_without_the_request(batches, emu, clock):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    form = {"type": "json_schema", "json_schema": {"name": "Place", "schema": schema}}
    made = batches.create([request("a", "Where? Paris", CLAUDE, response_format=form)])
    clock.advance(SECONDS)
    completion = batches.results(made.id)["a"].completion
    assert json.loads(completion.text).keys() == {"city"}
    assert (completion.choices[0].finish_reason, completion.choices[0].message.tool_calls) == ("stop", [])


def test_tool_calls_come_back_on_each_wire(batches, emu, clock):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "get_weather", "description": "weather", "parameters": parameters}}
    for model in (GPT, GPT_RESPONSES, CLAUDE):
        made = batches.create([request("a", "What is the weather in Paris?", model, tools=[tool])])
        clock.advance(SECONDS)
        completion = batches.results(made.id)["a"].completion
        [call] = completion.choices[0].message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
        assert completion.choices[0].finish_reason == "tool_calls"


# --- lines of results, as both providers write them ---

USED = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
CHAT = {"object": "chat.completion", "model": "gpt-4o-2024-08-06", "usage": USED}


def line(**value) -> BatchResult:
    return read_result(json.dumps({"custom_id": "a", **value}).encode())


def test_a_line_with_an_answer_of_a_dated_model():
    choices = [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]
    found = line(response={"status_code": 200, "request_id": "r-1", "body": {**CHAT, "choices": choices}}, error=None)
    assert (found.completion.text, found.model, found.completion.request_id) == ("Hi", "openai-gpt-4o", "r-1")


FAILED = [
    ({"response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, RateLimitError, True),
    ({"response": {"status_code": 401, "body": {"error": {"message": "key"}}}}, AuthenticationError, False),
    ({"response": {"status_code": 500, "body": {}}}, ServerError, True),
    ({"response": {"status_code": 200, "body": {"choices": []}}}, ProtocolError, False),
    ({"response": {"status_code": 200, "body": "text"}}, ProtocolError, False),
    ({"response": None, "error": {"code": "batch_expired", "message": "late"}}, InferenceError, True),
    ({"response": None, "error": {"code": "odd", "message": "odd thing"}}, InferenceError, False),
    ({"result": {"type": "expired"}}, InferenceError, True),
    ({"result": {"type": "canceled"}}, InferenceError, True),
    (
        {
            "result": {
                "type": "errored",
                "error": {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
            }
        },
        APIStatusError,
        True,
    ),
    ({"result": {"type": "errored", "error": {"type": "invalid_request", "message": "no"}}}, BadRequestError, False),
    ({"result": {"type": "succeeded", "message": {"content": []}}}, ProtocolError, False),
    ({}, InferenceError, False),
]


@pytest.mark.parametrize(("value", "error", "retryable"), FAILED, ids=str)
def test_a_line_with_an_error(value, error, retryable):
    found = line(**value)
    assert (found.custom_id, found.completion) == ("a", None)
    assert isinstance(found.error, error)
    assert found.error.retryable is retryable


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b"{}", b'{"custom_id": 7}', b"\xff"])
def test_a_line_that_is_none_becomes_an_error(data):
    found = read_result(data)
    assert found.custom_id == ""
    assert isinstance(found.error, ProtocolError)


# --- the rest ---


def test_a_cancelled_or_ended_batch_cannot_be_cancelled(batches, emu, clock):
    made = batches.create(requests(1))
    with pytest.raises(ConflictError, match="not been submitted to the provider") as caught:
        batches.call("cancel", made.id)
    assert caught.value.attempts == 1
    clock.advance(SECONDS)
    with pytest.raises(ConflictError, match="the batch is completed and cannot be cancelled"):
        batches.call("cancel", made.id)


def test_the_list_goes_over_pages(batches, emu, clock):
    ids = [batches.create(requests(1)).id for _ in range(5)]
    clock.advance(SECONDS)
    ids.append(batches.create(requests(1)).id)
    newest = ids[::-1]
    assert [batch.id for batch in batches.list()] == newest
    before = len(emu.requests)
    assert [batch.id for batch in batches.list(limit=2)] == newest
    assert len(emu.requests) - before == 3
    assert [batch.id for batch in batches.list(after=newest[3])] == newest[4:]
    assert [batch.id for batch in batches.list(status="validating")] == newest[:1]


def test_a_key_without_the_permission_says_so(kind):
    with emulator(keys_without_batches=["sk-do-plain-key"]) as (emu, _):
        batches = kind(emu, api_key="sk-do-plain-key")
        with pytest.raises(PermissionDeniedError, match="a model access key needs the permission for batch inference"):
            batches.create(requests(1))


def test_an_id_is_a_text(batches):
    with pytest.raises(ConfigError, match="id must be a batch's id, not None"):
        batches.call("get", None)


def test_batches_pickle_and_show_what_they_are(batches, emu):
    made = batches.create(requests(1), request_id="k")
    again = pickle.loads(pickle.dumps(made))
    assert (again, again.request_id, type(again).__module__) == (made, "k", "inference_do.batches")


@pytest.mark.parametrize(
    ("model", "provider", "own"),
    [
        ("openai-gpt-4.1", "openai", "gpt-4.1"),
        ("openai-o3-mini", "openai", "o3-mini"),
        ("openai-gpt-99", "openai", "gpt-99"),
        ("gpt-4.1-mini", "openai", "gpt-4.1-mini"),
        ("anthropic-claude-4.6-sonnet", "anthropic", "claude-sonnet-4-6"),
        ("anthropic-claude-opus-4", "anthropic", "claude-opus-4-0"),
        ("anthropic-claude-fable-5.1", "anthropic", "claude-fable-5-1"),
        ("anthropic-claude-3.5-haiku", "anthropic", "claude-3-5-haiku-latest"),
        ("claude-3-5-sonnet-latest", "anthropic", "claude-3-5-sonnet-latest"),
        ("openai-gpt-oss-20b", None, "gpt-oss-20b"),
        ("glm-5.2", None, "glm-5.2"),
    ],
)
def test_the_providers_ids(model, provider, own):
    assert provider_of(model) == provider
    assert provider_id(model) == own


@pytest.mark.parametrize(
    ("reported", "model"),
    [
        ("gpt-4o-2024-08-06", "openai-gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "openai-gpt-4o-mini"),
        ("claude-haiku-4-5-20251001", "anthropic-claude-haiku-4.5"),
        ("claude-opus-4-20250514", "anthropic-claude-opus-4"),
        ("openai-gpt-4o", "openai-gpt-4o"),
        ("gpt-99", "gpt-99"),
    ],
)
def test_a_reported_id_is_the_platforms(reported, model):
    assert platform_id(reported) == model


def test_a_registered_model_is_known_to_batches():
    register_model("openai-gpt-99", provider="OpenAI", endpoints=["/v1/responses"], input_price=2.0, output_price=4.0)
    assert platform_id("gpt-99-2027-01-01") == "openai-gpt-99"
