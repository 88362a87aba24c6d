"""Tests of the examples on engines for several machines; `scripts/cluster-examples` installs them and sets CLUSTER."""

import os

collect_ignore_glob = [] if os.environ.get("CLUSTER") else ["test_*.py"]
