"""Tests against a real server, which `scripts/real-model` starts; without it they are not collected."""

import os

collect_ignore_glob = [] if os.environ.get("EXAMPLE_MODEL") == "smollm2" else ["test_*.py"]
