"""A service that streams answers over documents: a LangChain chain and a LlamaIndex query engine, by FastAPI and SSE.

    python examples/service                                                   on http://127.0.0.1:8000
    gunicorn --chdir examples --config examples/service/gunicorn.conf.py      several workers

docs/serving.md explains it.
"""
