"""What a page is told when something cannot be done."""

from __future__ import annotations

import pytest
from tornado.web import HTTPError

from pollinator_magic import errors
from pollinator_magic.labserver.refusals import Refused, problem_and_remedy, refusal_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UsageError("x"), 400),
        (errors.AccessDenied("x", status=403), 403),
        (errors.NotFound("x", status=404), 404),
        (errors.UnknownExecutor("x", "c", []), 404),
        (errors.JobCancelled("x", process_id="1"), 409),
        (errors.ServerError("x", status=400), 409),
        (errors.ServerError("x", status=500), 502),
        (errors.ServerUnreachable("x"), 502),
        (errors.InvalidReply("x", status=200), 502),
        (errors.StorageError("x"), 502),
        (errors.ObjectMissing("x"), 404),
        (errors.DamagedFile("x", path="p"), 502),
        (errors.LocalColonyError("x"), 502),
        (errors.ConfigurationError("x"), 503),
        (Refused(416, "x", "y"), 416),
        (HTTPError(403), 403),
        (HTTPError(400, "x"), 400),
    ],
)
def test_each_kind_of_error_has_its_status(error, status):
    assert refusal_of(error).status == status
    assert refusal_of(error).message


def test_what_nobody_has_foreseen_tells_nothing_of_itself():
    refusal = refusal_of(RuntimeError("the key is 1234"))

    assert refusal.status == 500
    assert "1234" not in refusal.message + refusal.remedy


@pytest.mark.parametrize(
    ("message", "problem", "remedy"),
    [
        (
            "The Colonies server at h:1 cannot be reached: refused. Check COLONIES_SERVER_HOST. Or wait.",
            "The Colonies server at h:1 cannot be reached: refused.",
            "Check COLONIES_SERVER_HOST. Or wait.",
        ),
        (
            "The embedded colony is not running. Start it with `%pollinator local start`.",
            "The embedded colony is not running.",
            "Start it with `%pollinator local start`.",
        ),
        (
            "The daemon does not answer. `%pollinator local stop` ends it; the next job starts it again.",
            "The daemon does not answer.",
            "`%pollinator local stop` ends it; the next job starts it again.",
        ),
        ("It is so.", "It is so.", ""),
    ],
)
def test_a_message_is_divided_where_it_begins_to_say_what_to_do(message, problem, remedy):
    assert problem_and_remedy(message) == (problem, remedy)


def test_a_refusal_is_told_as_it_was_raised_percent_signs_too():
    refusal = refusal_of(Refused(404, "There is no %s.", "Look at 100%."))

    assert refusal == (404, "There is no %s.", "Look at 100%.")
    assert str(Refused(404, "There is no %s."))
