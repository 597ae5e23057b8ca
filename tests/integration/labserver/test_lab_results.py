"""The results of a job as pages of JupyterLab list, open and download them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from pollinator_magic.errors import DamagedFile
from pollinator_magic.jobs import Job, submit
from pollinator_magic.jobs.ledger import Ledger, Origin
from pollinator_magic.labserver.refusals import Refused
from pollinator_magic.labserver.resultcache import ResultCache, Wanted
from tests.jobs import ENDLESS, WAIT_S, run

TABLE = "x,y\n" + "".join(f"{number},{number * number}\n" for number in range(5000))
LEAVES = f"""
import os, pathlib
os.makedirs("result/deep/er", exist_ok=True)
pathlib.Path("result/table.csv").write_text({TABLE!r})
pathlib.Path("result/page.html").write_text("<script>alert(document.cookie)</script>")
pathlib.Path("result/deep/er/ünï [1] *.txt").write_text("a name with everything")
pathlib.Path("result/deep/er/table.csv").write_text("another")
pathlib.Path("result/empty").write_text("")
os.makedirs("result/.pollinator", exist_ok=True)
pathlib.Path("result/.pollinator/own.json").write_text("1")
"""


@pytest.fixture(scope="module")
def job(jupyter, session, tmp_path_factory):
    """A job with results whose project's directory is gone."""
    from pollinator_magic.project import Project

    root = jupyter.root / tmp_path_factory.mktemp("gone").name
    done = run(session, Project.create(root, "local"), LEAVES)
    shutil.rmtree(root)
    return done


def path(job: Job, name: str) -> str:
    return f"jobs/{job.id}/results/{requests.utils.quote(name)}"


def cached(jupyter) -> list[Path]:
    directory = jupyter.root.parent / "cache" / "pollinator_magic"
    return sorted(file for file in directory.rglob("*") if file.is_file())


def test_results_are_listed_with_size_and_checksum_as_people_order_them(jupyter, job):
    told = jupyter.told(f"jobs/{job.id}/results")

    assert told["complete"] is True
    assert [file["name"] for file in told["files"]] == [
        *("empty", "page.html", "table.csv", "deep/er/table.csv", "deep/er/ünï [1] *.txt")
    ]
    table = next(file for file in told["files"] if file["name"] == "table.csv")
    assert table == {
        "name": "table.csv",
        "size": len(TABLE),
        "sha256": hashlib.sha256(TABLE.encode()).hexdigest(),
    }


def test_a_name_that_no_file_can_have_keeps_no_other_result_from_the_list_and_the_record(jupyter, session, project):
    job = run(session, project, "open('result/a.csv', 'w').write('1')")
    file = session.client.file_named(job.result_label, "a.csv")
    file.name = "evil\n.csv"
    session.client.add_file(file)

    told, record = jupyter.told(f"jobs/{job.id}/results"), jupyter.told(f"jobs/{job.id}/record")

    assert [file["name"] for file in told["files"]] == ["a.csv"]
    assert told["notes"] == [r"Not listed: 'evil\n.csv'. No file here can have such a name."]
    assert "2 results" in record["text"]
    assert "… 1 more" in record["text"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("table.csv", TABLE),
        ("deep/er/table.csv", "another"),
        ("deep/er/ünï [1] *.txt", "a name with everything"),
        ("empty", ""),
    ],
)
def test_a_result_comes_although_the_project_is_gone(jupyter, job, name, content):
    reply = jupyter.get(path(job, name))

    assert reply.status_code == 200
    assert reply.content == content.encode()
    assert reply.headers["Content-Length"] == str(len(content))
    assert reply.headers["ETag"] == f'"{hashlib.sha256(content.encode()).hexdigest()}"'


def test_nothing_of_a_result_can_run_in_the_browser(jupyter, job):
    reply = jupyter.get(path(job, "page.html"))

    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="page.html"')
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    policy = [rule.strip() for rule in reply.headers["Content-Security-Policy"].split(";")]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy


def test_a_name_cannot_get_out_of_its_header(jupyter, session, project):
    name = 'a"; filename=evil.html; x="é;.txt'
    job = run(session, project, f"open('result/' + {name!r}, 'w').write('1')")

    reply = jupyter.get(path(job, name))

    assert reply.content == b"1"
    assert reply.headers["Content-Disposition"] == (
        'attachment; filename="a__ filename_evil.html_ x____.txt"; '
        "filename*=UTF-8''a%22%3B%20filename%3Devil.html%3B%20x%3D%22%C3%A9%3B.txt"
    )


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-9", 0, 10), ("100-", 100, None), ("-7", -7, None), ("10-10", 10, 11), ("5-999999999", 5, None)],
)
def test_a_part_is_exactly_what_was_asked_for(jupyter, job, asked, start, end):
    reply = jupyter.get(path(job, "table.csv"), headers={"Range": f"bytes={asked}"})

    assert reply.status_code == 206
    assert reply.content == TABLE.encode()[start:end]
    first = start % len(TABLE)
    assert reply.headers["Content-Range"] == f"bytes {first}-{first + len(reply.content) - 1}/{len(TABLE)}"


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", f"bytes={len(TABLE)}-{len(TABLE)}"])
def test_a_part_that_is_not_there_is_refused(jupyter, job, asked):
    reply = jupyter.get(path(job, "table.csv"), headers={"Range": asked})

    assert reply.status_code == 416
    assert reply.headers["Content-Range"] == f"bytes */{len(TABLE)}"
    assert set(reply.json()) == {"message", "remedy"}


@pytest.mark.parametrize("asked", ["lines=1-2", "bytes=a-b", "bytes=9-3", "bytes=0-1,5-6", "bytes=-"])
def test_what_is_no_part_means_the_whole(jupyter, job, asked):
    reply = jupyter.get(path(job, "table.csv"), headers={"Range": asked})

    assert (reply.status_code, reply.content) == (200, TABLE.encode())


def test_parts_of_another_file_are_not_mixed_with_this_one(jupyter, job):
    headers = {"Range": "bytes=5-", "If-Range": '"another"'}

    assert jupyter.get(path(job, "table.csv"), headers=headers).content == TABLE.encode()


def test_who_has_it_already_is_not_sent_it_again(jupyter, job):
    etag = jupyter.get(path(job, "table.csv")).headers["ETag"]

    reply = jupyter.get(path(job, "table.csv"), headers={"If-None-Match": f'"x", {etag}'})

    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["ETag"] == etag


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "a%00b", "a%0d%0ab", "a%5cb", "C:%5cx", "./x"],
)
def test_names_that_could_lead_elsewhere_are_refused(jupyter, job, name):
    request = requests.Request("GET", jupyter.address(""), headers=jupyter.sign).prepare()
    request.url = jupyter.address(f"jobs/{job.id}/results/{name}")  # as it is, not tidied up
    with requests.Session() as pages:
        reply = pages.send(request, timeout=WAIT_S)

    assert reply.status_code == 400
    assert set(reply.json()) == {"message", "remedy"}


@pytest.mark.parametrize("name", ["nothing.csv", "deep", ".pollinator/own.json", "table.csv/x"])
def test_what_is_no_result_is_not_found(jupyter, job, name):
    reply = jupyter.get(path(job, name))

    assert reply.status_code == 404
    assert job.short_id in reply.json()["message"]


def test_an_open_job_has_no_results_yet(jupyter, session, project):
    job = submit(session, project, source=ENDLESS)
    try:
        told = jupyter.told(f"jobs/{job.id}/results")
        reply = jupyter.get(path(job, "table.csv"))
    finally:
        job.cancel()

    assert told == {"files": [], "notes": [], "complete": False}
    assert (reply.status_code, reply.json()["remedy"]) == (404, "It has not ended yet.")


def test_a_large_result_does_not_sit_in_the_memory_of_the_server(jupyter, session, project):
    job = run(session, project, "open('result/large', 'wb').write(bytes(50 << 20))")
    server = psutil.Process(jupyter.process.pid)
    jupyter.get(path(job, "large"), headers={"Range": "bytes=0-9"})
    before, most, done = server.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, server.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        digest = hashlib.sha256()
        with requests.get(
            jupyter.address(path(job, "large")), headers=jupyter.sign, stream=True, timeout=WAIT_S
        ) as reply:
            for piece in reply.iter_content(1 << 20):
                digest.update(piece)
    finally:
        done.set()
        watcher.join()

    assert digest.hexdigest() == hashlib.sha256(bytes(50 << 20)).hexdigest()
    assert most - before < 16 << 20


def test_a_reply_that_cannot_be_finished_does_not_look_like_a_whole_one(jupyter, session, project):
    job = run(session, project, "open('result/cut', 'wb').write(bytes(50 << 20))")
    address = jupyter.address(path(job, "cut"))

    with requests.get(address, headers=jupyter.sign, stream=True, timeout=WAIT_S) as reply:
        pieces = reply.iter_content(1 << 16)
        next(pieces)
        with next(file for file in cached(jupyter) if file.name == "cut").open("r+b") as kept:
            kept.truncate(1 << 10)
        with pytest.raises(requests.exceptions.RequestException):
            list(pieces)

    assert len(jupyter.get(path(job, "cut")).content) == 50 << 20


def test_what_the_project_holds_is_not_fetched(jupyter, session, project):
    job = run(session, project, "open('result/own.txt', 'w').write('mine')")
    Ledger(jupyter.home).note([job.id], project.root, Origin())
    job.fetch_results()

    assert jupyter.get(path(job, "own.txt")).content == b"mine"
    assert [file for file in cached(jupyter) if file.name == "own.txt"] == []


def test_what_was_changed_in_the_project_is_not_taken_for_the_result(jupyter, session, project):
    job = run(session, project, "open('result/own2.txt', 'w').write('mine')")
    Ledger(jupyter.home).note([job.id], project.root, Origin())
    own = job.fetch_results()["own2.txt"].path
    for content in ("fake", "something longer"):
        own.write_text(content)

        assert jupyter.get(path(job, "own2.txt")).content == b"mine"
    own.unlink()
    own.symlink_to("/etc/passwd")
    assert jupyter.get(path(job, "own2.txt")).content == b"mine"


def test_pages_that_ask_at_once_have_it_fetched_once(session, job, tmp_path):
    wanted, fetched = wanted_of(session, job, "table.csv")
    cache = ResultCache(tmp_path)

    async def pages() -> list[bytes]:
        files = await asyncio.gather(*(cache.open(wanted) for _ in range(20)))
        try:
            return [file.read() for file in files]
        finally:
            for file in files:
                file.close()

    assert asyncio.run(pages()) == [TABLE.encode()] * 20
    assert len(fetched) == 1


def test_a_download_that_fails_leaves_nothing_and_is_tried_anew(session, job, tmp_path):
    wanted, _ = wanted_of(session, job, "table.csv")
    cache = ResultCache(tmp_path / "cache")
    damaged = Wanted(job.id, "table.csv", type(wanted.stored)(len(TABLE), "0" * 64, wanted.stored.object), wanted.files)

    with pytest.raises(DamagedFile, match=r"table\.csv"):
        asyncio.run(opened(cache, damaged))

    assert list((tmp_path / "cache").rglob("*")) == []
    assert asyncio.run(opened(cache, wanted)) == TABLE.encode()


def test_a_checksum_that_is_none_names_no_file(session, job, tmp_path):
    wanted, _ = wanted_of(session, job, "table.csv")
    forged = Wanted(job.id, "table.csv", type(wanted.stored)(5, "../../etc", wanted.stored.object), wanted.files)

    with pytest.raises(Refused, match="does not say"):
        asyncio.run(opened(ResultCache(tmp_path), forged))


def test_what_nobody_has_asked_for_longest_makes_room(session, job, tmp_path):
    names = ["table.csv", "page.html", "deep/er/table.csv"]
    table, page, deep = (wanted_of(session, job, name)[0] for name in names)
    cache = ResultCache(tmp_path, largest=len(TABLE) + page.stored.size + deep.stored.size - 1)

    def kept() -> set[str]:
        return {file.name for file in tmp_path.rglob("*") if file.is_file()}

    asyncio.run(opened(cache, table))
    asyncio.run(opened(cache, page))
    assert kept() == {"table.csv", "page.html"}
    asyncio.run(opened(cache, table))
    asyncio.run(opened(cache, deep))

    assert kept() == {"table.csv"}  # both of that name
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 2
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


def test_what_is_too_large_is_refused_with_another_way(session, job, tmp_path):
    wanted, _ = wanted_of(session, job, "table.csv")

    with pytest.raises(Refused) as refusal:
        asyncio.run(opened(ResultCache(tmp_path, largest=100), wanted))

    assert refusal.value.status_code == 413
    assert f"pull {job.short_id}" in refusal.value.remedy


def test_a_file_that_was_cut_off_on_the_disk_is_fetched_again(session, job, tmp_path):
    wanted, fetched = wanted_of(session, job, "table.csv")
    cache = ResultCache(tmp_path)
    asyncio.run(opened(cache, wanted))
    kept = next(file for file in tmp_path.rglob("*") if file.is_file())
    kept.write_bytes(kept.read_bytes()[:10])

    assert asyncio.run(opened(cache, wanted)) == TABLE.encode()
    assert len(fetched) == 2


def test_what_the_object_store_has_lost_is_told(jupyter, session, project):
    job = run(session, project, "open('result/lost.txt', 'w').write('was here once')")
    stored = session.filesystem.find(job.result_label, "lost.txt")
    next((jupyter.home / "objects").rglob(stored.object)).unlink()

    reply = jupyter.get(path(job, "lost.txt"))

    assert reply.status_code in {404, 502}
    assert "lost.txt" in reply.json()["message"]
    assert [file for file in cached(jupyter) if file.name == "lost.txt"] == []


def test_many_pages_get_whole_files_at_once(jupyter, job):
    with ThreadPoolExecutor(8) as pages:
        replies = list(pages.map(lambda _: jupyter.get(path(job, "table.csv")).content, range(24)))

    assert replies == [TABLE.encode()] * 24


async def opened(cache: ResultCache, wanted: Wanted) -> bytes:
    with await cache.open(wanted) as file:
        return file.read()


def wanted_of(session, job, name) -> tuple[Wanted, list[str]]:
    """A result, and what notes how often it is fetched."""
    fetched: list[str] = []

    class Counting:
        def fetch(self, stored, root, path):
            fetched.append(path)
            return session.filesystem.fetch(stored, root, path)

    return Wanted(job.id, name, session.filesystem.find(job.result_label, name), Counting()), fetched
