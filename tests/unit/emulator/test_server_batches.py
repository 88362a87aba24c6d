"""The emulator's batches over plain HTTP: files at presigned URLs, jobs by the clock, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from inference_do.emulator import Clock, Emulator

SECONDS = 100.0
GPT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


def openai_line(custom_id: str, body: Any = GPT, url: str = "/v1/chat/completions", **more: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body, **more}


class Jobs:
    """Asks an emulator for batches, with httpx."""

    def __init__(self, emu: Emulator, clock: Clock) -> None:
        self.emu, self.clock = emu, clock
        headers = {"authorization": f"Bearer {emu.api_key}"}
        self.http = httpx.Client(base_url=emu.base_url, headers=headers, timeout=5)
        self.plain = httpx.Client(timeout=5)
        self.made = 0

    def intent(self, name: str = "requests.jsonl") -> dict[str, Any]:
        response = self.http.post("/batches/files", json={"file_name": name})
        assert response.status_code == 201, response.text
        return response.json()

    def upload(self, *lines: Any) -> str:
        intent = self.intent()
        data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        assert self.plain.put(intent["upload_url"], content=data).status_code == 200
        return intent["file_id"]

    def post(self, file_id: str, /, **fields: Any) -> httpx.Response:
        self.made += 1
        body = {"provider": "openai", "completion_window": "24h", "request_id": f"q{self.made}", "file_id": file_id}
        if fields.get("provider", "openai") == "openai":
            body["endpoint"] = "/v1/chat/completions"
        body.update(fields)
        return self.http.post("/batches", json={name: value for name, value in body.items() if value is not None})

    def create(self, *lines: Any, **fields: Any) -> dict[str, Any]:
        response = self.post(self.upload(*lines), **fields)
        assert response.status_code == 201, response.text
        return response.json()

    def get(self, id_: str) -> dict[str, Any]:
        return self.http.get(f"/batches/{id_}").json()

    def results(self, id_: str) -> dict[str, list[dict[str, Any]]]:
        answer = self.http.get(f"/batches/{id_}/results").json()
        assert answer["result_available"] is True
        found: dict[str, list[dict[str, Any]]] = {}
        for kind in ("output", "error"):
            if url := answer[f"{kind}_file_url"]:
                found[kind] = [json.loads(line) for line in self.plain.get(url).text.splitlines()]
        return found


@pytest.fixture
def jobs():
    clock = Clock()
    with Emulator(clock=clock, batch_seconds=SECONDS, keys_without_batches=["sk-plain"]) as emu:
        made = Jobs(emu, clock)
        yield made
        made.http.close()
        made.plain.close()


def test_a_job_goes_through_its_states_by_the_clock(jobs):
    job = jobs.create(*(openai_line(f"r{number}") for number in range(4)), metadata={"a": "b"})
    assert (job["status"], job["provider"], job["endpoint"]) == ("validating", "openai", "/v1/chat/completions")
    assert (job["metadata"], job["request_id"], job["created_at"]) == ({"a": "b"}, "q1", "2027-01-15T08:00:00Z")
    assert job["expires_at"] == "2027-01-16T08:00:00Z"
    seen = []
    for _ in range(9):
        now = jobs.get(job["batch_id"])
        seen.append((now["status"], now["request_counts"]["completed"]))
        jobs.clock.advance(12.5)
    assert seen == [
        *[("validating", 0)] * 2,
        *[("in_progress", done) for done in range(4)],
        *[("finalizing", 4)] * 2,
        ("completed", 4),
    ]
    assert now["in_progress_at"] == "2027-01-15T08:00:25Z"
    assert (now["completed_at"], now["output_file_id"] is None, now["error_file_id"]) == (
        "2027-01-15T08:01:40Z",
        False,
        None,
    )
    rows = jobs.results(job["batch_id"])["output"]
    assert [row["custom_id"] for row in rows] == ["r3", "r2", "r1", "r0"]
    response = rows[0]["response"]
    assert (response["status_code"], response["body"]["model"]) == (200, "gpt-4o")
    assert response["body"]["choices"][0]["message"]["content"] == "You said: Hello"


def test_results_are_not_there_before_the_end_in_two_ways(jobs):
    job = jobs.create(openai_line("a"))
    path = f"/batches/{job['batch_id']}/results"
    answer = jobs.http.get(path)
    assert (answer.status_code, answer.json()["id"]) == (412, "precondition_failed")
    jobs.clock.advance(80)
    assert jobs.http.get(path).json() == {"batch_id": job["batch_id"], "result_available": False}
    jobs.clock.advance(20)
    assert jobs.http.get(path).json()["result_available"] is True


def test_each_provider_has_its_lines(jobs):
    job = jobs.create({"custom_id": "a", "params": CLAUDE}, provider="anthropic")
    assert "endpoint" not in job
    responses = {"model": "openai-gpt-5.4", "input": "Hello"}  # the platform's ids are taken too
    other = jobs.create(openai_line("b", responses, "/v1/responses"), endpoint="/v1/responses")
    jobs.clock.advance(SECONDS)
    [row] = jobs.results(job["batch_id"])["output"]
    assert row["result"]["type"] == "succeeded"
    assert row["result"]["message"]["content"] == [{"type": "text", "text": "You said: Hello"}]
    [row] = jobs.results(other["batch_id"])["output"]
    assert (row["response"]["body"]["object"], row["response"]["body"]["status"]) == ("response", "completed")


def test_a_wrong_request_is_an_error_of_its_own(jobs):
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
    wrong = {
        "hot": GPT | {"temperature": 9},
        "unknown": GPT | {"model": "nothing"},
        "stream": GPT | {"stream": True},
        "image": GPT | {"messages": [image]},
    }
    job = jobs.create(openai_line("good"), *(openai_line(name, body) for name, body in wrong.items()))
    jobs.clock.advance(SECONDS)
    assert jobs.get(job["batch_id"])["request_counts"] == {"total": 5, "completed": 1, "failed": 4}
    found = jobs.results(job["batch_id"])
    assert [row["custom_id"] for row in found["output"]] == ["good"]
    errors = {row["custom_id"]: row["response"] for row in found["error"]}
    assert {name: one["status_code"] for name, one in errors.items()} == {
        "hot": 400,
        "unknown": 404,
        "stream": 400,
        "image": 400,
    }
    assert errors["image"]["body"]["error"]["message"] == "batches take text only"


def test_a_wrong_request_of_anthropic_is_in_the_same_file(jobs):
    job = jobs.create({"custom_id": "a", "params": CLAUDE | {"max_tokens": -1}}, provider="anthropic")
    jobs.clock.advance(SECONDS)
    found = jobs.results(job["batch_id"])
    assert found.keys() == {"output"}
    result = found["output"][0]["result"]
    assert (result["type"], result["error"]["error"]["type"]) == ("errored", "invalid_request_error")


BROKEN = [
    ([b"{"], "Line 1: "),
    ([b"[]"], "Line 1: it is no object"),
    ([openai_line("a"), openai_line("a")], "Line 2: duplicate custom_id"),
    ([{**openai_line("a"), "custom_id": None}], "missing required field 'custom_id'"),
    ([openai_line("a", url="/v1/responses")], "method and url must be POST /v1/chat/completions"),
    ([openai_line("a", more=1)], "the fields must be"),
    ([openai_line("a", body=7)], "the request must be an object"),
    ([b" "], "The input file has no requests."),
]


@pytest.mark.parametrize(("lines", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_a_broken_file_fails_the_job(jobs, lines, message):
    job = jobs.create(*lines)
    assert job["status"] == "validating"
    jobs.clock.advance(30)
    failed = jobs.get(job["batch_id"])
    assert (failed["status"], failed["failed_at"] is None) == ("failed", False)
    assert message in failed["errors"][0]["message"]
    assert jobs.http.get(f"/batches/{job['batch_id']}/results").status_code == 412


REFUSED = [
    ({"provider": "google"}, 422, "provider"),
    ({"endpoint": None}, 422, "endpoint"),
    ({"endpoint": "/v1/embeddings"}, 422, "endpoint"),
    ({"provider": "anthropic", "endpoint": "/v1/messages"}, 422, "endpoint must be omitted"),
    ({"completion_window": "1h"}, 422, "24h"),
    ({"request_id": None}, 422, "request_id is required"),
    ({"metadata": {"a": 1}}, 422, "metadata"),
    ({"more": 1}, 422, "unknown field 'more'"),
    ({"file_id": "nothing"}, 404, "file_id"),
]


@pytest.mark.parametrize(("fields", "status", "message"), REFUSED, ids=str)
def test_a_wrong_job_is_refused(jobs, fields, status, message):
    answer = jobs.post(jobs.upload(openai_line("a")), **fields)
    assert answer.status_code == status
    assert answer.json().keys() == {"id", "message", "request_id"}
    assert message in answer.json()["message"]


def test_a_file_must_be_uploaded_first(jobs):
    answer = jobs.post(jobs.intent()["file_id"])
    assert (answer.status_code, answer.json()["message"]) == (400, "the input file has not been uploaded")


@pytest.mark.parametrize("name", ["a.json", ".jsonl", "a.jsonl.gz", 7])
def test_a_files_name_ends_in_jsonl(jobs, name):
    assert jobs.http.post("/batches/files", json={"file_name": name}).status_code == 422


def test_a_request_id_makes_one_job(jobs):
    file_id = jobs.upload(openai_line("a"))
    first, second = jobs.post(file_id, request_id="x"), jobs.post(file_id, request_id="x")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["batch_id"] == second.json()["batch_id"]
    assert jobs.post(file_id, request_id="x", metadata={"a": "b"}).status_code == 409


def test_a_job_is_cancelled_once_it_is_with_the_provider(jobs):
    job = jobs.create(*(openai_line(f"r{number}") for number in range(4)))
    path = f"/batches/{job['batch_id']}/cancel"
    assert jobs.http.post(path).status_code == 409
    jobs.clock.advance(50)
    assert jobs.http.post(path).json()["status"] == "cancelling"
    assert jobs.http.post(path).json()["status"] == "cancelling"  # once more changes nothing
    jobs.clock.advance(20)
    assert jobs.get(job["batch_id"])["status"] == "cancelled"
    assert jobs.http.post(path).status_code == 409
    found = jobs.results(job["batch_id"])
    assert {row["custom_id"] for row in found["output"]} == {"r0", "r1"}
    assert {row["error"]["code"] for row in found["error"]} == {"batch_cancelled"}


def test_a_job_expires_after_a_day_with_what_it_has():
    clock = Clock()
    with Emulator(clock=clock, batch_seconds=150_000.0) as emu:
        jobs = Jobs(emu, clock)
        with jobs.http, jobs.plain:
            job = jobs.create(*({"custom_id": f"r{n}", "params": CLAUDE} for n in range(4)), provider="anthropic")
            clock.advance(86_401)
            assert jobs.get(job["batch_id"])["status"] == "expired"
            rows = jobs.results(job["batch_id"])["output"]
            assert [row["result"]["type"] for row in rows] == ["expired", "expired", "succeeded", "succeeded"]
            clock.advance(30 * 86_400)
            assert jobs.http.get(f"/batches/{job['batch_id']}").status_code == 404


def test_the_list_has_pages(jobs):
    ids = [jobs.create(openai_line("a"))["batch_id"] for _ in range(3)]
    page = jobs.http.get("/batches", params={"limit": 2}).json()
    assert [job["batch_id"] for job in page["data"]] == [ids[2], ids[1]]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[2], ids[1], True)
    page = jobs.http.get("/batches", params={"after": ids[1]}).json()
    assert ([job["batch_id"] for job in page["data"]], page["has_more"]) == ([ids[0]], False)
    assert jobs.http.get("/batches", params={"status": "completed"}).json()["data"] == []
    assert jobs.http.get("/batches", params={"limit": 101}).status_code == 400
    assert jobs.http.get("/batches", params={"status": "odd"}).status_code == 400


# --- storage ---


@pytest.mark.parametrize("kind", [None, "application/octet-stream"])
def test_an_upload_has_the_right_type_or_none(jobs, kind):
    url = jobs.intent()["upload_url"]
    headers = {} if kind is None else {"content-type": kind}
    assert jobs.plain.put(url, content=b"{}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "application/jsonl"}, 403, "SignatureDoesNotMatch"),
        ({"authorization": "Bearer x"}, 400, "InvalidArgument"),
    ],
)
def test_an_upload_with_more_is_refused(jobs, headers, status, code):
    answer = jobs.plain.put(jobs.intent()["upload_url"], content=b"{}", headers=headers)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)


def test_an_upload_needs_its_length_its_signature_and_its_time(jobs):
    url = jobs.intent()["upload_url"]
    assert jobs.plain.put(url, content=iter([b"{}"])).status_code == 411
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace("Expires=900", "Expires=901"), url + "&a=b"):
        assert "SignatureDoesNotMatch" in jobs.plain.put(wrong, content=b"{}").text
    assert "SignatureDoesNotMatch" in jobs.plain.get(url).text  # it is for a PUT
    jobs.clock.advance(901)
    answer = jobs.plain.put(url, content=b"{}")
    assert (answer.status_code, "Request has expired" in answer.text) == (403, True)


def test_results_have_urls_that_expire(jobs):
    job = jobs.create(openai_line("a"))
    jobs.clock.advance(SECONDS)
    url = jobs.http.get(f"/batches/{job['batch_id']}/results").json()["output_file_url"]
    assert jobs.plain.get(url).status_code == 200
    jobs.clock.advance(901)
    assert jobs.plain.get(url).status_code == 403


def test_a_large_upload_without_a_key_is_taken_where_one_is_awaited(jobs):
    url = jobs.intent()["upload_url"]
    assert jobs.plain.put(url, content=b"x" * 3_000_000).status_code == 200
    assert jobs.plain.put(url.replace("/batch-storage/", "/other/"), content=b"x" * 3_000_000).status_code == 413


# --- keys, paths, records ---


def test_a_key_may_lack_the_permission(jobs):
    headers = {"authorization": "Bearer sk-plain"}
    answer = jobs.http.get("/batches", headers=headers)
    assert (answer.status_code, answer.json()["id"]) == (403, "forbidden")
    assert jobs.http.get("/models", headers=headers).status_code == 200
    assert jobs.http.get("/batches", headers={"authorization": "Bearer none"}).status_code == 401


def test_paths_take_their_methods(jobs):
    assert jobs.http.delete("/batches").status_code == 405
    assert jobs.http.get("/batches/files").status_code == 404  # it is no batch's id
    assert jobs.http.get("/batches/nothing").status_code == 404
    assert jobs.http.post("/batches", content=b"{").status_code == 400


def test_requests_are_recorded_and_forgotten(jobs):
    jobs.create(openai_line("a"))
    assert [(one.method, one.path.split("/")[1]) for one in jobs.emu.requests] == [
        ("POST", "v1"),
        ("PUT", "batch-storage"),
        ("POST", "v1"),
    ]
    jobs.emu.reset()
    assert jobs.http.get("/batches").json()["data"] == []


def test_scripted_answers_are_those_of_lines_too(jobs):
    jobs.emu.reply("Paris")
    job = jobs.create(openai_line("a"))
    jobs.clock.advance(SECONDS)
    [row] = jobs.results(job["batch_id"])["output"]
    assert row["response"]["body"]["choices"][0]["message"]["content"] == "Paris"


def test_without_a_clock_it_goes_on_by_itself():
    with Emulator(batch_seconds=0.001) as emu:
        jobs = Jobs(emu, Clock())
        with jobs.http, jobs.plain:
            job = jobs.create(openai_line("a"))
            while jobs.get(job["batch_id"])["status"] != "completed":
                pass
            assert len(jobs.results(job["batch_id"])["output"]) == 1


def test_a_clock_goes_forward_only():
    clock = Clock(5.0)
    clock.advance(2)
    assert clock() == 7.0
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(-1)
