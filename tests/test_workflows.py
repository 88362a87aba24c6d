"""The workflows of GitHub run what is pinned, with as few rights as they need, on each Python that is promised."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in FILES}


@pytest.mark.parametrize("name", TEXTS)
def test_each_action_is_a_commit_with_its_version_beside_it(name):
    used = re.findall(r"uses: (.*)", TEXTS[name])
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_workflow_may_read_and_no_more_unless_a_job_says_why(name):
    assert "\npermissions:\n  contents: read\n\n" in TEXTS[name]
    rights = re.findall(r"^ +([\w-]+: write.*)$", TEXTS[name], re.MULTILINE)
    assert [right for right in rights if " # " not in right] == []


def test_every_python_that_is_promised_is_tried():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    promised = [found[1] for line in classifiers if (found := re.fullmatch(r".*Python :: (3\.\d+)", line))]
    tried = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", TEXTS["ci"])[1])
    assert tried == [*promised, "3.14"]
