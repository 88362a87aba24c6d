"""The service: its routes, and what is made when a process starts and closed when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from _place import place
from anyio import to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, StringConstraints

from .answers import Answer, Slots
from .engines import ANSWERS, Engines
from .limits import Limits

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'"
)

READ = ["GET", "HEAD"]  # some balancers ask by HEAD

Engine = Literal["langchain", "llamaindex", "langchain-threads", "llamaindex-threads"]


class Question(BaseModel):
    """What is asked."""

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def create_app(limits: Limits | None = None) -> FastAPI:
    """Return the service; nothing is asked and no connection is made before it starts.

    Args:
        limits: By default those of the environment.
    """
    bounds = limits or Limits.from_environment()
    app = FastAPI(
        title="Answers over documents",
        lifespan=partial(_lifespan, bounds),
        max_body_size=12 * bounds.question + 1_000,  # JSON may escape each character
        openapi_url=None,
        exception_handlers={RequestValidationError: _unreadable},
    )
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.api_route("/", methods=READ)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"content-security-policy": POLICY})

    @app.api_route("/live", methods=READ)
    async def live() -> dict[str, str]:
        """Answer that the process runs."""
        return {"status": "live"}

    @app.api_route("/ready", methods=READ)
    async def ready(request: Request, response: Response) -> dict[str, Any]:
        """Answer whether there is room for another answer. No model is asked."""
        slots: Slots = request.app.state.slots
        if slots.are_taken:
            response.status_code = 503
        return {"status": "busy" if slots.are_taken else "ready", "streams": slots.taken, "most": slots.most}

    @app.post("/ask/{engine}")
    async def ask(engine: Engine, asked: Question, request: Request) -> Answer:
        """Answer a question as server-sent events."""
        if len(asked.question) > bounds.question:
            raise HTTPException(413, f"A question may have {bounds.question} characters.")
        state = request.app.state
        return Answer(partial(ANSWERS[engine], state.engines, asked.question), state.slots, bounds)

    return app


async def _unreadable(*_: object) -> JSONResponse:
    """Refuse a request that asks nothing.

    FastAPI's own answer repeats what came, and fails where that cannot be written: at half a character, at Infinity.
    """
    return JSONResponse({"detail": 'Ask one of the engines with {"question": "..."}, as JSON and not empty.'}, 422)


@asynccontextmanager
async def _lifespan(limits: Limits, app: FastAPI) -> AsyncIterator[None]:
    """Make what a process has once, after any fork, and close it at the end."""
    threads = to_thread.current_default_thread_limiter()
    threads.total_tokens = max(threads.total_tokens, limits.streams)  # an answer in threads waits in one of them
    with place(event_delay=0.03) as here:
        async with await to_thread.run_sync(Engines, here, limits) as engines:
            app.state.engines, app.state.slots = engines, Slots(limits.streams)
            yield
