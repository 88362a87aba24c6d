"""The service under gunicorn, with a model that was made, and asked, before the workers were forked."""

from __future__ import annotations

import os

from service.app import create_app

from langchain_do import ChatDigitalOcean

MODEL = ChatDigitalOcean(model="gemma-4-31B-it")
MODEL.invoke("before the fork")

app = create_app()


@app.get("/shared")
def shared() -> dict[str, object]:
    return {"process": os.getpid(), "text": MODEL.invoke("after it").text}


@app.get("/shared-in-tasks")
async def shared_in_tasks() -> dict[str, object]:
    return {"process": os.getpid(), "text": "".join([chunk.text async for chunk in MODEL.astream("after it")])}
