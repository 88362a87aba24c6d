"""Tests against real servers, which `scripts/real-model` starts; without them they are not collected."""

import os

collect_ignore_glob = [] if os.environ.get("EXAMPLE_MODEL") == "smollm2" else ["test_*.py"]
if not os.environ.get("EXAMPLE_GATEWAY_BASE_URL"):
    collect_ignore_glob.append("test_wires.py")
