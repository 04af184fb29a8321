"""`make audit` never says that nothing is known where nobody was asked."""

import os
import subprocess
import sys

from tests.known_holes import FOUND, PROJECT, UNANSWERED, verdict

CLEAN = {"name": "segno", "version": "1.6.6", "vulns": []}
HOLED = {"name": "django", "version": "5.2", "vulns": [{"id": "CVE-1", "fix_versions": ["5.2.1"], "aliases": []}]}
UNASKED = {"name": "torch", "skip_reason": "not found"}


def test_known_holes_are_named_with_the_version_that_mends_them():
    lines, code = verdict("what is installed", [CLEAN, HOLED, UNASKED])
    assert code == FOUND
    assert "django 5.2: CVE-1, mended in 5.2.1" in lines


def test_what_no_service_answered_for_is_told_and_is_a_failure():
    lines, code = verdict("what is installed", [CLEAN, UNASKED])
    assert code == UNANSWERED and "nothing is known" in lines[-1] and "torch" in lines[-1]


def test_nothing_known_of_all_of_them_is_well():
    assert verdict("what is installed", [CLEAN]) == (["what is installed: 1 packages asked about, 0 known holes"], 0)


def test_without_a_network_it_says_so_and_fails():
    nowhere = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""}
    command = [sys.executable, "-m", "tests.known_holes"]
    done = subprocess.run(command, cwd=PROJECT, env=nowhere, capture_output=True, text=True, timeout=300)
    assert done.returncode == UNANSWERED
    assert "no service for known holes can be reached" in done.stdout or "no service answered" in done.stdout
