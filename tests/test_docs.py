"""The Python of the documentation runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_blocks_of_the_platforms_page_run():
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", "docs/platform.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "docs/platform.md: 5 blocks ran" in done.stdout
    assert "length '' 5" in done.stdout
    assert "qwen3-coder-flash code-generation" in done.stdout


def test_the_blocks_of_the_emulators_page_run():
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", "docs/emulator.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "docs/emulator.md: 3 blocks ran" in done.stdout


def test_the_blocks_of_the_page_about_jobs_run():
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", "docs/jobs.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "docs/jobs.md: 2 blocks ran" in done.stdout
    assert "\n200 0 0.00" in done.stdout
    assert "You said: row 99" in done.stdout


def test_the_blocks_of_the_page_of_batches_run():
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", "docs/batches.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "docs/batches.md: 5 blocks ran" in done.stdout
    assert "city=" in done.stdout


def test_the_block_of_the_page_of_clusters_runs():
    done = subprocess.run(
        [sys.executable, "tools/run_readme.py", "docs/clusters.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "docs/clusters.md: 1 blocks ran" in done.stdout
    assert "You said: Hello" in done.stdout
