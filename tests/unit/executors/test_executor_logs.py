from __future__ import annotations

import json
import logging
import threading
import warnings

import pytest

from pollinator_magic.executors.logs import about, logging_to_stderr

LOG = logging.getLogger("pollinator_magic.executors.test")
SECRET = 's3/cr"et'


@pytest.fixture(params=["text", "json"])
def form(request):
    return request.param


def said(capsys, form, say, *, level="info", secrets=()):
    """Return the lines that something says, those of JSON as objects."""
    with logging_to_stderr("lab", form=form, level=level, secrets=secrets):
        say()
    lines = capsys.readouterr().err.splitlines()
    return [json.loads(line) for line in lines] if form == "json" else lines


def broken():
    raise ValueError(f"it is\nbroken, {SECRET}")


def fail():
    try:
        broken()
    except ValueError:
        LOG.exception("No luck.")


def test_an_entry_is_one_line_with_its_time_and_level(capsys):
    (line,) = said(capsys, "text", lambda: LOG.warning("Three %s.", "mice"))
    time, level, message = line.split(" ", 2)
    assert time[10] == "T"
    assert time.endswith("Z")
    assert (level, message) == ("WARNING", "Three mice.")


def test_an_entry_is_one_object_with_the_executor(capsys):
    (entry,) = said(capsys, "json", lambda: LOG.warning("Three %s.", "mice"))
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "logger": "pollinator_magic.executors.test",
        "message": "Three mice.",
        "executor": "lab",
    }


def test_an_entry_says_which_process_and_which_job_it_is_about(capsys, form):
    def say():
        with about("1f00"):
            LOG.info("Begun.", extra={"job": 17, "node": "n1"})
            other = threading.Thread(target=LOG.info, args=("Elsewhere.",))
            other.start()
            other.join()
        LOG.info("Ended.")

    first, elsewhere, last = said(capsys, form, say)
    if form == "text":
        assert first.endswith(" INFO Begun. [process 1f00, job 17, node n1]")
        assert elsewhere.endswith(" INFO Elsewhere.")
        assert last.endswith(" INFO Ended.")
    else:
        assert (first["process"], first["job"], first["node"]) == ("1f00", "17", "n1")
        assert "process" not in {**elsewhere, **last}


def test_no_text_of_others_makes_an_entry_or_obeys_the_terminal(capsys):
    lines = said(capsys, "text", lambda: LOG.info("%s", "one\n2026-01-01T00:00:00.000Z ERROR two\x1b[2J\r\x85three"))
    assert [line.startswith("    ") for line in lines] == [False, True, True, True]
    assert "\x1b" not in "".join(lines)
    assert said(capsys, "json", lambda: LOG.info("one\ntwo"))[0]["message"] == "one\ntwo"


def test_a_traceback_belongs_to_its_entry(capsys, form):
    entries = said(capsys, form, fail)
    if form == "text":
        assert entries[0].endswith("ERROR No luck.")
        assert all(line.startswith("    ") for line in entries[1:])
        assert any("it is" in line for line in entries)
    else:
        assert "ValueError: it is\nbroken" in entries[0]["error"]


def test_secrets_are_in_no_entry(capsys, form):
    def say():
        LOG.info("with %s", {"header": SECRET})
        LOG.info("%s", SECRET, extra={"job": SECRET})
        fail()

    entries = said(capsys, form, say, secrets=[SECRET, "", SECRET[:4]])
    assert len(entries) > 2
    assert not any(SECRET in (entry if form == "text" else "".join(entry.values())) for entry in entries)


def test_only_what_is_important_enough_is_said_and_only_warnings_of_others(capsys, form):
    def say():
        LOG.debug("detail")
        LOG.info("news")
        LOG.error("trouble")
        logging.getLogger("botocore").info("chatter")
        logging.getLogger("botocore").warning("of others")

    assert len(said(capsys, form, say)) == 3
    assert len(said(capsys, form, say, level="error")) == 2
    assert len(said(capsys, form, say, level="debug")) == 4


@pytest.mark.filterwarnings("default")
def test_what_python_would_print_becomes_an_entry(capsys):
    def say():
        warnings.warn("beware", stacklevel=1)
        thread = threading.Thread(target=lambda: 1 / 0, name="broken")
        thread.start()
        thread.join()

    warning, broken = said(capsys, "json", say)
    assert "beware" in warning["message"]
    assert "broken" in broken["message"]
    assert "ZeroDivisionError" in broken["error"]


def test_afterwards_all_is_as_it_was(capsys):
    root, ours = logging.getLogger(), logging.getLogger("pollinator_magic")
    before = (list(root.handlers), root.level, ours.level, threading.excepthook, warnings.showwarning)
    said(capsys, "json", lambda: LOG.info("x"), level="debug")
    assert (list(root.handlers), root.level, ours.level, threading.excepthook, warnings.showwarning) == before
