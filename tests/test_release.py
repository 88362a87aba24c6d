"""The checklist of a release: each check passes where it should, and fails by name where it should not."""

import datetime as dt
import importlib
import re
import shutil
from email.message import Message
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference_do import __version__

pytest.importorskip("griffe")  # a test tool, as for the snapshot
ROOT = Path(__file__).parent.parent
TODAY = dt.datetime.now(dt.UTC).date()


@pytest.fixture
def release(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("release")


@pytest.fixture
def repository(release, monkeypatch, tmp_path, capsys):
    """A repository with one commit, in place of the project's own."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "tests").mkdir()
    snapshot = tmp_path / "tests" / "public_api.txt"
    snapshot.write_text("a.f def()\na.g def()\n")
    monkeypatch.setattr(release, "SNAPSHOT", snapshot)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "One"]):
        release.run("git", *words, cwd=tmp_path)

    def git(*words):
        return release.run("git", *words, cwd=tmp_path)

    def main(*arguments):
        monkeypatch.setattr("sys.argv", ["release", *arguments])
        release.main()
        return capsys.readouterr().out

    return SimpleNamespace(folder=tmp_path, snapshot=snapshot, git=git, main=main)


@pytest.fixture
def output(release, monkeypatch, tmp_path):
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "OUTPUT", tmp_path / "out")
    return tmp_path / "out"


def metadata(**fields):
    message = Message()
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            message[name.replace("_", "-")] = value
    return message


def distribution(name, version="1.0", **fields):
    return SimpleNamespace(version=version, metadata=metadata(Name=name, **fields))


# --- the repository ---


def test_what_is_not_committed_is_named(release, repository):
    assert re.fullmatch("[0-9a-f]+", release.check_tree())
    (repository.folder / "new.py").touch()
    with pytest.raises(release.FailedCheckError, match=r"not everything is committed:\n\?\? new\.py"):
        release.check_tree()


def test_a_folder_that_is_no_repository_is_named(release, monkeypatch, tmp_path):
    monkeypatch.setattr(release, "ROOT", tmp_path)
    with pytest.raises(release.FailedCheckError, match="no git repository"):
        release.check_tree()


def test_version_and_tag_agree(release, repository):
    tag = f"v{__version__}"
    assert release.check_version(__version__, is_tagged=False) == tag
    with pytest.raises(release.FailedCheckError, match=f"{tag} is not at this commit"):
        release.check_version(__version__, is_tagged=True)
    repository.git("tag", tag)
    assert release.check_version(__version__, is_tagged=True) == tag
    with pytest.raises(release.FailedCheckError, match=f"{tag} stands already"):
        release.check_version(__version__, is_tagged=False)
    with pytest.raises(release.FailedCheckError, match=rf"is {re.escape(__version__)}, not 99\.0"):
        release.check_version("99.0", is_tagged=True)


@pytest.mark.parametrize("below", ["New.", "### Added\n\n- Something.", "<!-- a note -->\nNew."])
def test_a_dated_heading_passes(release, below):
    text = f"# Changelog\n\n## 1.2.0 ({TODAY})\n\n{below}\n\n## 1.1.0 (2026-01-01)\n"
    assert release.check_changelog(text, "1.2.0") == f"1.2.0 ({TODAY})"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Changelog\n", "is ''"),
        ("## 1.2.0 (unreleased)\n\nNew.\n", "must be '## 1.2.0"),
        (f"## 1.1.0 ({TODAY})\n\nNew.\n", "must be '## 1.2.0"),
        (f"## 1.2.0 ({TODAY + dt.timedelta(days=3)})\n\nNew.\n", "in the future"),
        ("## 1.2.0 (2026-13-01)\n\nNew.\n", "2026-13-01 is no date"),
        (f"## 1.2.0 ({TODAY})\n\n## 1.1.0 (2026-01-01)\n\nOld.\n", r"says nothing of 1\.2\.0"),
        (f"## 1.2.0 ({TODAY})\n\n### Added\n\n<!-- to\ndo -->\n", r"says nothing of 1\.2\.0"),
    ],
)
def test_other_headings_fail(release, text, said):
    with pytest.raises(release.FailedCheckError, match=said):
        release.check_changelog(text, "1.2.0")


def test_names_may_go_only_in_a_version_that_may_break(release, repository):
    assert release.check_promise("1.2.0", is_tagged=False) == "the first release"
    repository.git("tag", "v1.2.0")
    assert release.check_promise("1.2.1", is_tagged=False) == "as in v1.2.0"
    repository.snapshot.write_text("a.f def()\na.g def()\na.h def()\n")
    assert "came:\n  a.h def()" in release.check_promise("1.3.0", is_tagged=False)
    repository.snapshot.write_text("a.f def()\n")
    assert "a.g def()" in release.check_promise("2.0.0", is_tagged=False)
    with pytest.raises(release.FailedCheckError, match=r"1\.3\.0 may not break users:\n(.*\n)*.*a\.g def\(\)"):
        release.check_promise("1.3.0", is_tagged=False)


def test_a_changed_signature_is_not_for_every_version(release, repository):
    repository.git("tag", "v1.2.0")
    repository.snapshot.write_text("a.f def(x=1)\na.g def()\n")
    with pytest.raises(release.FailedCheckError, match="not for a patch release"):
        release.check_promise("1.2.1", is_tagged=False)
    assert "now a.f def(x=1)" in release.check_promise("1.3.0", is_tagged=False)
    repository.snapshot.write_text("a.f def(x)\na.g def()\n")
    with pytest.raises(release.FailedCheckError, match=r"1\.3\.0 may not break users"):
        release.check_promise("1.3.0", is_tagged=False)
    assert "now a.f def(x)" in release.check_promise("2.0.0", is_tagged=False)


@pytest.mark.parametrize("version", ["1.2.0", "1.1.9", "0.9.0"])
def test_a_version_is_after_the_last_release(release, repository, version):
    repository.git("tag", "v1.2.0")
    with pytest.raises(release.FailedCheckError, match=f"{version} is not after v1.2.0"):
        release.check_promise(version, is_tagged=False)


@pytest.mark.parametrize(
    ("before", "now", "may"),
    [
        ("1.2.3", "1.3.0", False),
        ("1.2.3", "2.0.0", True),
        ("0.1.0", "0.2.0", True),
        ("0.1.0", "0.1.1", False),
        ("0.9.0", "1.0.0", True),
    ],
)
def test_which_versions_may_break(release, before, now, may):
    assert release.may_break(before, now) is may


# --- what is installed ---


def test_a_version_that_is_not_pinned_is_named(release):
    found = [distribution("One"), distribution("Other_Name", "2.0"), distribution("third")]
    pins = "one==1.0\nother-name==2.0\nthird==1.0\n"
    assert release.check_pins(found, pins) == "3 distributions"
    with pytest.raises(release.FailedCheckError, match=r": other-name 2\.0, third 1\.0$"):
        release.check_pins(found, "one==1.0\nother-name==2.1\n")


@pytest.mark.parametrize(
    ("fields", "licence", "allowed"),
    [
        ({"License_Expression": "MIT"}, "MIT", True),
        ({"License_Expression": "mit and (gpl-3.0-only or apache-2.0)"}, "MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ({"License_Expression": "MIT AND GPL-3.0-only"}, "MIT AND GPL-3.0-only", False),
        ({"License_Expression": "MIT OR GPL-3.0-only AND ISC"}, "MIT OR GPL-3.0-only AND ISC", True),
        (
            {"License_Expression": "Apache-2.0 WITH LLVM-exception"},
            "Apache-2.0 WITH LLVM-exception",
            True,
        ),
        ({"License": "MIT License\n\nCopyright (c) Somebody"}, "MIT", True),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0", True),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD-3-Clause", True),
        (
            {"Classifier": [f"License :: OSI Approved :: {name}" for name in ("MIT License", "Ours")]},
            None,
            False,
        ),
        (
            {
                "License": "see the file",
                "Classifier": ["License :: OSI Approved :: MIT License", "Natural Language :: English"],
            },
            "MIT",
            True,
        ),
        ({"License": "GPL-3.0-or-later"}, "GPL-3.0-or-later", False),
        ({"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}, None, False),
        ({"License": "Ask us"}, None, False),
        ({}, None, False),
    ],
)
def test_licences_are_read_and_judged(release, output, fields, licence, allowed):
    found = [distribution("one", **fields)]
    assert release.licence_of(found[0].metadata) == licence
    if allowed:
        assert "all allowed" in release.check_licences(found)
    else:
        with pytest.raises(release.FailedCheckError, match=f"one 1.0: {licence or 'unknown'}"):
            release.check_licences(found)
    assert f"| one 1.0 | {licence or 'unknown'} |" in (output / "licences.md").read_text()


def answers(release, monkeypatch, *given):
    asked = []

    def audit(pins):
        asked.append(list(pins))
        return given[len(asked) - 1]

    monkeypatch.setattr(release, "audit", audit)
    return asked


FINE = {"name": "one", "version": "1.0", "vulns": []}
SKIPPED = {"name": "other", "skip_reason": "not found"}


def test_known_vulnerabilities_fail_by_name(release, monkeypatch):
    bad = {"name": "other", "version": "1.0", "vulns": [{"id": "CVE-1"}]}
    answers(release, monkeypatch, [FINE], [FINE, bad])
    with pytest.raises(release.FailedCheckError, match=r"known vulnerabilities: other 1\.0: CVE-1$"):
        release.check_vulnerabilities([distribution("one"), distribution("other")], is_needed=False)


def test_what_was_not_checked_is_named(release, monkeypatch):
    asked = answers(release, monkeypatch, [FINE], [FINE, SKIPPED])
    said = release.check_vulnerabilities([distribution("one"), distribution("other")], is_needed=False)
    assert said == "none is known; not checked: other"
    assert asked == [["one"], ["one", "other"]]


@pytest.mark.parametrize("answer", ["ConnectionError: no route", [SKIPPED]])
def test_a_service_that_does_not_answer_is_asked_once_and_named(release, monkeypatch, answer):
    asked = answers(release, monkeypatch, answer)
    said = release.check_vulnerabilities([distribution("other"), distribution("one")], is_needed=False)
    assert said.startswith("NOT CHECKED: ")
    assert asked == [["other"]]
    answers(release, monkeypatch, answer)
    with pytest.raises(release.FailedCheckError, match="NOT CHECKED"):
        release.check_vulnerabilities([distribution("other")], is_needed=True)


# --- the list ---


def test_every_check_runs_and_each_says_what_it_found(release, capsys):
    def bad():
        release.fail("it is wrong")

    def ends():
        raise SystemExit("a command said this")  # noqa: TRY003, EM101

    assert release.all_pass({"one": lambda: "fine", "two": lambda: "NOT CHECKED: nobody answers"})
    assert not release.all_pass({"bad": bad, "ends": ends, "last": lambda: "fine"})
    assert capsys.readouterr().out.splitlines() == [
        "ok     one: fine",
        "       two: NOT CHECKED: nobody answers",
        "FAILED bad: it is wrong",
        "FAILED ends: a command said this",
        "ok     last: fine",
    ]


@pytest.fixture(params=[True, False], ids=["all pass", "one fails"])
def is_fine(request, release, monkeypatch):
    checks = {} if request.param else {"bad": lambda: release.fail("it is wrong")}
    monkeypatch.setattr(release, "checks_of_source", lambda *_, **__: {})
    monkeypatch.setattr(release, "check_packages", lambda: "built")
    monkeypatch.setattr(release, "checks_of_installation", lambda *_, **__: checks)
    return request.param


@pytest.mark.parametrize(
    ("arguments", "tagged", "said"),
    [
        (["--dry-run"], [], f"git tag --annotate v{__version__}"),
        (["--check", __version__], [], "ok     packages: built\n"),
        ([], [f"v{__version__}"], f"Tagged. Left to do:\n  git push origin v{__version__}"),
    ],
)
def test_only_a_release_that_passes_is_tagged(repository, is_fine, arguments, tagged, said):
    if is_fine:
        assert said in repository.main(*arguments)
    else:
        with pytest.raises(SystemExit, match="cannot be released yet"):
            repository.main(*arguments)
    assert repository.git("tag").split() == (tagged if is_fine else [])
