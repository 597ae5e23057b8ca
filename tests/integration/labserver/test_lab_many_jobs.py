"""Thousands of jobs: small replies, whole pages, and no long silence of the server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests
from jupyter_runs import running_jupyter, variables_of

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec
from pollinator_magic.jobs.parameters import variables
from tests.colony_server import running_colony

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_runs import Jupyter

MANY = 5000
OTHERS = 200


class Crowd:
    """A colony with thousands of jobs, and a Jupyter server that has never looked at it."""

    def __init__(self, jupyter: Jupyter, user: Colonies, ids: list[str]) -> None:
        self.jupyter, self.user, self.ids = jupyter, user, ids

    def read(self, count: int, **query: object) -> list[str]:
        """Read page after page to the end."""
        found: list[str] = []
        cursor: dict[str, object] = {}
        while True:
            page = self.jupyter.told("jobs", count=count, **query, **cursor)
            assert len(page["jobs"]) <= count
            found += [job["id"] for job in page["jobs"]]
            if page["next"] is None:
                assert page["total"] == len(found)
                return found
            cursor = {"cursor": page["next"]}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    with running_colony() as colony:
        user, other = (Colonies(colony.server, colony.colony, key) for key in (colony.user_key, colony.new_user("bob")))
        ids = submit(user, MANY)
        submit(other, OTHERS)
        for process_id in ids[:50]:
            user.cancel(process_id)
        with user, other, running_jupyter(tmp_path_factory.mktemp("crowd"), **variables_of(colony)) as jupyter:
            yield Crowd(jupyter, user, ids)


def test_the_first_page_is_small_and_nothing_else_waits_for_it(crowd):
    replies: list[requests.Response] = []
    asking = threading.Thread(target=lambda: replies.append(crowd.jupyter.get("jobs")))
    asking.start()
    answered = 0
    while asking.is_alive():
        assert requests.get(f"{crowd.jupyter.url}/api/status", headers=crowd.jupyter.sign, timeout=5).ok
        answered += 1
        asking.join(0.02)  # the colony answers in this process, and is to come to it
    [reply] = replies

    assert answered > 1
    assert reply.ok
    assert len(reply.content) < 64 * 1024
    assert reply.json()["total"] == MANY + OTHERS
    assert reply.json()["counts"]["waiting"] == MANY + OTHERS - 50


def test_the_pages_are_every_job_once_newest_first(crowd):
    with crowd.jupyter.page() as page:  # so that it is kept current, and not looked at for every page
        page.until_kind("jobs")
        mine = crowd.read(500, mine=1)
        assert len(mine) == MANY
        assert set(mine) == set(crowd.ids)
        assert mine[-1] == crowd.ids[0]
        assert set(crowd.read(20, state="cancelled")) == set(crowd.ids[:50])
        assert len(crowd.read(500, text="bob")) == OTHERS


def test_the_jobs_of_a_large_sweep_are_told_and_recorded_by_the_beginnings_of_their_ids(crowd):
    names = [process_id[:12] for process_id in crowd.ids[40:190]]

    told = crowd.jupyter.post("jobs", {"jobs": [*names, crowd.ids[200], "0" * 12, "f" * 64]}).json()
    record = crowd.jupyter.post("record", {"jobs": names}).json()

    assert {job["id"] for job in told["jobs"]} == {*crowd.ids[40:190], crowd.ids[200]}
    assert "150 jobs: 10 cancelled, 140 waiting" in record["text"]
    assert record["closed"] is False


@pytest.mark.parametrize("asked", [{}, {"jobs": []}, {"jobs": "all"}, {"jobs": ["0" * 64] * 501}, {"jobs": ["0" * 13]}])
def test_what_names_no_jobs_is_refused(crowd, asked):
    assert crowd.jupyter.post("jobs", asked).status_code in {400, 404}


def test_a_page_that_begins_to_listen_is_not_sent_thousands_of_jobs(crowd):
    with crowd.jupyter.page() as page:
        greeting = page.until_kind("jobs")

    assert greeting["jobs"] == []
    assert greeting["counts"]["waiting"] == MANY + OTHERS - 50


def test_what_changes_among_thousands_is_told_alone(crowd):
    with crowd.jupyter.page() as page:
        page.until_kind("jobs")
        crowd.user.cancel(crowd.ids[100])
        [new] = submit(crowd.user, 1)
        page.until_job(crowd.ids[100], "cancelled")
        heard = [job["id"] for message in page.heard for job in message.get("jobs", [])]
        if new not in heard:
            page.until_job(new, "waiting")

    assert {job["id"] for message in page.heard for job in message.get("jobs", [])} == {crowd.ids[100], new}
    crowd.user.cancel(new)


def submit(user: Colonies, count: int) -> list[str]:
    """Submit jobs, and return their ids in the order in which the colony has them."""
    conditions = Conditions(colonyname=user.colony, executornames=["nobody"], executortype="container-executor")

    def one(number: int) -> tuple[str, str]:
        spec = FunctionSpec(funcname="execute", conditions=conditions, env=variables({"lr": 0.1, "seed": number}))
        process = user.submit(spec)
        return process.submissiontime, process.processid

    with ThreadPoolExecutor(16) as pool:
        return [process_id for _, process_id in sorted(pool.map(one, range(count)))]
