"""Which languages the peers are in: those that ``LANGUAGES`` names. Others' tests are not collected."""

import os

import pytest

LANGUAGES = os.environ.get("LANGUAGES", "js").split()
collect_ignore_glob = [] if "go" in LANGUAGES else ["test_go_*.py"]


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param
