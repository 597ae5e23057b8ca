"""What holds for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None)  # a machine with more to do is no failure
settings.load_profile("suite")
settings.register_profile("soak", max_examples=5000, deadline=None)
if os.environ.get("POLLINATOR_SOAK"):
    settings.load_profile("soak")


@pytest.fixture(scope="session", autouse=True)
def _home_of_the_tests(tmp_path_factory):
    """Leave the user's embedded colony and ledger alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLLINATOR_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Where everything must be tested (CI), a test that was skipped for want of a tool is a failure."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("CI") and not os.environ.get("POLLINATOR_TEST_COLONY"):
        terminalreporter.write_line(f"{len(skipped)} tests were skipped, and in CI none may be.", red=True)
        terminalreporter._session.exitstatus = 1
