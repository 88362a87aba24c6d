"""The checklist of a release, as a program: see scripts/release.

Every check runs and says what it found; if one fails, nothing is tagged and the exit code is 1. What is built stands in
dist/ (sdist and wheel) and in build/release/ (sbom.cdx.json and licences.md), both outside git. Nothing is ever pushed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NoReturn

from packages import DIST, ROOT, environment, install, run
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name
from packaging.version import Version
from public_api import BREAKS, MAY_BREAK, SNAPSHOT, difference

from inference_do import __version__

PROJECT = "inference-do"
OUTPUT = ROOT / "build" / "release"
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-CMU"),
        *("PSF-2.0", "Unlicense", "Zlib"),
        "MPL-2.0",  # concerns changes of its own files; this project only installs them
    }
)
"""Licences (SPDX) of dependencies that go with MIT: none asks anything of a program that uses them but a notice."""
SPDX = {
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
"""What older metadata writes, in small letters, for what SPDX calls so."""
OSI = "License :: OSI Approved :: "
NOT_CHECKED = "NOT CHECKED"
BY_HAND = (".ci/run", "scripts/matrix", "scripts/soak", "scripts/real-model")
"""What else belongs before a release, and takes longer than a checklist may."""


class FailedCheckError(Exception):
    """What is wrong, and how to mend it."""


def fail(message: str) -> NoReturn:
    """Let a check fail."""
    raise FailedCheckError(message)


def git(*words: str) -> str:
    """Return what git prints, or nothing where it fails."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607  the git of whoever releases
    return done.stdout.strip() if done.returncode == 0 else ""


# --- what stands in the repository ---


def check_tree() -> str:
    """Check that everything is committed."""
    if not (commit := git("rev-parse", "--short", "HEAD")):
        fail("this is no git repository: a release is made from a clone")
    if changed := git("status", "--porcelain"):
        fail(f"not everything is committed:\n{changed}")
    return commit


def check_version(version: str, *, is_tagged: bool) -> str:
    """Check that version, package and tag agree."""
    tag = f"v{version}"
    if version != __version__:
        fail(f"the package is {__version__}, not {version}: inference_do/_version.py has it")
    if is_tagged and tag not in git("tag", "--points-at", "HEAD").split():
        fail(f"the tag {tag} is not at this commit")
    if not is_tagged and git("tag", "--list", tag):
        fail(f"the tag {tag} stands already: raise the version in inference_do/_version.py")
    return tag


def check_changelog(text: str, version: str) -> str:
    """Check that the newest heading of the changelog is this version, with a date and something below it."""
    headings = list(re.finditer(r"^## (.*)$", text, re.MULTILINE))
    newest = headings[0][1] if headings else ""
    dated = re.fullmatch(rf"{re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)", newest)
    if not dated:
        fail(f"the newest heading of CHANGELOG.md is {newest!r}; it must be '## {version} (YYYY-MM-DD)'")
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)  # it may be so already elsewhere
    try:
        is_in_future = dt.date.fromisoformat(dated[1]) > tomorrow
    except ValueError:
        fail(f"CHANGELOG.md: {dated[1]} is no date")
    if is_in_future:
        fail(f"CHANGELOG.md: {dated[1]} is in the future")
    below = text[headings[0].end() : headings[1].start() if len(headings) > 1 else None]
    if not re.sub(r"(?m)^#.*$|(?s:<!--.*?-->)", "", below).strip():
        fail(f"CHANGELOG.md says nothing of {version}")
    return newest


def check_promise(version: str, *, is_tagged: bool) -> str:
    """Check that the version is after the last release, and that it may change what is public as it does.

    What breaks users is for a version that may; what else has changed, such as a default, is not for a patch release.
    """
    if git("rev-parse", "--is-shallow-repository") == "true":
        fail("this clone has no history: git fetch --unshallow --tags")
    last = git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^" if is_tagged else "HEAD")
    if not last:
        return "the first release"
    if Version(version) <= Version(last):
        fail(f"{version} is not after {last}, the last release: raise the version in inference_do/_version.py")
    before = git("show", f"{last}:{SNAPSHOT.relative_to(ROOT)}").splitlines()
    now = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    text = difference(before, now)
    if BREAKS in text and not may_break(last, version):
        fail(f"something went since {last}, and {version} may not break users:\n{text}")
    if MAY_BREAK in text and Version(version).release[:2] == Version(last).release[:2]:
        fail(f"something has changed since {last}, which is not for a patch release:\n{text}")
    return f"as in {last}" if not text else f"since {last}, all of it for the changelog:\n{text}"


def may_break(before: str, now: str) -> bool:
    """Say whether a version may break users of another: a new major one, or before 1.0 a new minor one."""
    old, new = Version(before).release, Version(now).release
    return new[0] > old[0] or (new[0] == old[0] == 0 and new[1] > old[1])


# --- what users install ---


def check_packages() -> str:
    """Build the packages and try them, as scripts/packages does."""
    return run(ROOT / "scripts" / "packages").strip()


def installed(folder: Path) -> tuple[Path, list[Distribution]]:
    """Install the wheel with all extras; return the environment, and what came besides the package itself."""
    [wheel] = DIST.glob("*.whl")
    python = environment(folder / "env")
    install(python, f"{wheel}[all]")
    [packages] = (folder / "env" / "lib").glob("python3*/site-packages")
    found = [one for one in distributions(path=[str(packages)]) if name_of(one) != PROJECT]
    return folder / "env", sorted(found, key=name_of)


def name_of(distribution: Distribution) -> str:
    """Return a distribution's name as an index writes it."""
    return canonicalize_name(distribution.metadata["Name"])


def check_pins(found: list[Distribution], constraints: str) -> str:
    """Check that each distribution has its version in constraints.txt."""
    pins = dict(line.split("==") for line in constraints.splitlines() if "==" in line)
    wrong = [f"{name_of(one)} {one.version}" for one in found if pins.get(name_of(one)) != one.version]
    if wrong:
        fail(f"not pinned in constraints.txt, which scripts/constraints writes: {', '.join(wrong)}")
    return f"{len(found)} distributions"


def licence_of(metadata: Mapping[str, str]) -> str | None:
    """Return a distribution's licence as an SPDX expression; None if its metadata names none that is known.

    Its `License-Expression` counts, else the first line of its `License`, else all of its classifiers.
    """
    read = getattr(metadata, "get_all", lambda _: [])
    classifiers = [line.removeprefix(OSI) for line in read("Classifier") or [] if line.startswith(OSI)]
    written = (metadata.get("License") or "").strip().split("\n")[0]
    words = [metadata.get("License-Expression"), written, " AND ".join(map(as_spdx, classifiers))]
    for text in filter(None, words):
        try:
            return str(canonicalize_license_expression(as_spdx(text)))
        except InvalidLicenseExpression:
            continue
    return None


def as_spdx(text: str) -> str:
    """Return SPDX's name for a licence of older metadata, or the text itself."""
    return SPDX.get(text.strip().lower(), text.strip())


def is_allowed(expression: str) -> bool:
    """Say whether a licence, a canonical SPDX expression, lets this project depend on what has it."""
    words = re.sub(r" WITH \S+", "", expression).replace("(", " ( ").replace(")", " ) ").split()
    logic = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    return bool(eval(" ".join(logic.get(word, str(word in ALLOWED)) for word in words)))  # noqa: S307  True, and, or


def check_licences(found: list[Distribution]) -> str:
    """List the licences; check that each is known and allowed."""
    licences = {f"{name_of(one)} {one.version}": licence_of(one.metadata) for one in found}
    rows = [f"| {name} | {licence or 'unknown'} |" for name, licence in licences.items()]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "licences.md").write_text("\n".join(["| distribution | licence |", "|---|---|", *rows, ""]))
    wrong = [f"{name}: {licence or 'unknown'}" for name, licence in licences.items() if not is_allowed(licence or "?")]
    if wrong:
        fail(f"not in the list of licences that go with MIT: {'; '.join(wrong)}")
    return f"{len(licences)} distributions, all allowed: {(OUTPUT / 'licences.md').relative_to(ROOT)}"


def check_sbom(env: Path, version: str) -> str:
    """Write what is installed as CycloneDX; check that it is valid and names no place of this machine."""
    path = OUTPUT / "sbom.cdx.json"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    options = ["--mc-type", "library", "--output-reproducible", "--short-PURLs", "--of", "JSON", "-o", path]
    run(sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", ROOT / "pyproject.toml", *options, env)
    bill = json.loads(path.read_text(encoding="utf-8"))
    bill["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/{PROJECT}@{version}"}
    path.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if "file://" in path.read_text(encoding="utf-8"):
        fail(f"{path.relative_to(ROOT)} names a place of this machine")
    return f"{len(bill['components'])} components: {path.relative_to(ROOT)}"


def check_vulnerabilities(found: list[Distribution], *, is_needed: bool) -> str:
    """Ask for known vulnerabilities; where nothing answers, say so, and fail if it is needed.

    One distribution is asked for first, so that a machine without the service is not asked for each.
    """
    for asked in (found[:1], found):
        answer = audit({name_of(one): one.version for one in asked})
        if isinstance(answer, str):
            return not_checked(answer, is_needed=is_needed)
        wrong = [f"{one['name']} {one['version']}: {bug['id']}" for one in answer for bug in one.get("vulns", [])]
        if wrong:
            fail(f"known vulnerabilities: {', '.join(wrong)}")
        skipped = [one["name"] for one in answer if "skip_reason" in one]
        if len(skipped) == len(answer):
            return not_checked("the service knows none of them, so it has no vulnerabilities", is_needed=is_needed)
    return f"none is known; not checked: {', '.join(skipped) or 'none'}"


def not_checked(why: str, *, is_needed: bool) -> str:
    """Say that nothing was checked, or fail."""
    said = f"{NOT_CHECKED}: {why}"
    return fail(said) if is_needed else said


def audit(pins: Mapping[str, str]) -> list[dict[str, object]] | str:
    """Return what pip-audit finds for some versions, or why it found nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in pins.items())
        file.flush()
        options = ["--no-deps", "--disable-pip", "--timeout", "10", "--progress-spinner", "off", "-f", "json"]
        command = [sys.executable, "-m", "pip_audit", *options, "-r", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return list(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError):
        return (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]


# --- the checklist ---

Checks = dict[str, Callable[[], str]]


def checks_of_source(version: str, *, is_tagged: bool) -> Checks:
    """Return the checks of what stands in the repository, by their names."""
    return {
        "committed": check_tree,
        "version": lambda: check_version(version, is_tagged=is_tagged),
        "changelog": lambda: check_changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version),
        "public API": lambda: check_promise(version, is_tagged=is_tagged),
    }


def checks_of_installation(version: str, folder: Path, *, is_tagged: bool) -> Checks:
    """Install the wheel that was built; return the checks of what came with it."""
    env, found = installed(folder)
    return {
        "pins": lambda: check_pins(found, (ROOT / "constraints.txt").read_text(encoding="utf-8")),
        "licences": lambda: check_licences(found),
        "SBOM": lambda: check_sbom(env, version),
        "vulnerabilities": lambda: check_vulnerabilities(found, is_needed=is_tagged),
    }


def all_pass(checks: Checks) -> bool:
    """Run checks, all of them, and print what each found; return whether none failed."""
    failed = []
    for name, check in checks.items():
        if sys.stdout.isatty():
            print(f"{'…':7}{name}", end="\r", flush=True)  # some take minutes
        try:
            said = check()
        except (FailedCheckError, SystemExit) as error:  # a command that fails ends with what it said
            said = str(error)
            failed.append(name)
        word = "FAILED" if name in failed else "" if said.startswith(NOT_CHECKED) else "ok"
        print(f"{word:7}{name}: {said}", flush=True)
    return not failed


def main() -> None:
    """Check a release, and tag it where that is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/release", description="Check a release, then tag it.")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--dry-run", action="store_true", help="check, say what would be done, and tag nothing")
    ways.add_argument("--check", metavar="VERSION", help="check a version whose tag stands at this commit")
    arguments = parser.parse_args()
    version = arguments.check or __version__
    is_tagged = bool(arguments.check)
    passed = all_pass(checks_of_source(version, is_tagged=is_tagged))
    is_built = all_pass({"packages": check_packages})
    with tempfile.TemporaryDirectory() as folder:
        passed = is_built and all_pass(checks_of_installation(version, Path(folder), is_tagged=is_tagged)) and passed
    if not passed:
        sys.exit(f"\n{version} cannot be released yet: see FAILED above")
    if arguments.check:
        return
    tag = ["git", "tag", "--annotate", f"v{version}", "--message", f"{PROJECT} {version}"]
    push = f"git push origin v{version}  # .github/workflows/release.yml then publishes it"
    print(f"\nIf these have not run at this commit, run them first: {', '.join(BY_HAND)}")
    if arguments.dry_run:
        print(f"Left to do (nothing was tagged):\n  {shlex.join(tag)}\n  {push}")
        return
    run(*tag, cwd=ROOT)
    print(f"Tagged. Left to do:\n  {push}")


if __name__ == "__main__":
    main()
