"""Settings of gunicorn: several workers, the code imported once before they are forked."""

from __future__ import annotations

bind = "127.0.0.1:8000"
wsgi_app = "service.app:create_app()"
worker_class = "asgi"  # gunicorn's own, from 25 on
workers = 2
preload_app = True
graceful_timeout = 30  # seconds for answers that run when it is told to stop
