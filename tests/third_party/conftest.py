"""Lets the judge's tests use the three ways in that the tests of life use."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "life"))
