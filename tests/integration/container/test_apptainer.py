"""Images for Apptainer and `exec`, with the stand-in of tests/standins, which really changes root."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.exports import export_lines
from pollinator_magic.executors.imagenames import ImageRefused
from pollinator_magic.executors.slurm.apptainer import Bind, ImageError, Images, exec_vector
from tests.waiting import eventually

SINGULARITY = str(Path(__file__).parents[2] / "standins" / "singularity")


@pytest.fixture
def images(tmp_path):
    return Images(SINGULARITY, tmp_path / "images")


def prepare(images, name, *, rebuild=False, said=None, cancelled=lambda: False):
    return images.prepare(name, rebuild=rebuild, say=(said if said is not None else []).append, cancelled=cancelled)


def pulls(tmp_path):
    file = tmp_path / "images" / ".pulls"
    return file.read_text().splitlines() if file.exists() else []


def hidden(tmp_path):
    """Return what is beside the images that could be a half one."""
    return [path.name for path in (tmp_path / "images").glob(".*.part")]


def inside(image, *words, binds=(), cwd="/", **options):
    command = exec_vector(SINGULARITY, image, binds, cwd=cwd, command=words, **options)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_an_image_is_fetched_once_and_runs(images, tmp_path):
    said = []
    path = prepare(images, "python:3.12", said=said)
    again = prepare(images, "docker://python:3.12", said=said)

    assert again == path
    assert said == ["Fetching the image python:3.12."]
    assert pulls(tmp_path) == ["docker://python:3.12"]
    status, out, _ = inside(path, "cat", "/etc/standin")
    assert (status, out.split()[0]) == (0, "docker://python:3.12")


def _prepare_in_a_process(directory, found):
    found.put(prepare(Images(SINGULARITY, directory), "python:3.12"))


def test_jobs_and_executors_that_ask_at_the_same_time_fetch_it_once(images, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    found = spawn.Queue()
    others = [spawn.Process(target=_prepare_in_a_process, args=(tmp_path / "images", found)) for _ in range(3)]
    threads = [threading.Thread(target=lambda: found.put(prepare(images, "python:3.12"))) for _ in range(3)]
    for one in [*others, *threads]:
        one.start()
    paths = {found.get(timeout=60) for _ in [*others, *threads]}
    for one in [*others, *threads]:
        one.join()

    assert len(paths) == 1
    assert len(pulls(tmp_path)) == 1


def test_rebuilding_fetches_it_anew_while_a_running_job_keeps_the_old_one(images, tmp_path):
    old = prepare(images, "python:3.12")
    held = old.open("rb")
    content = old.read_bytes()

    new = prepare(images, "python:3.12", rebuild=True)

    assert new == old
    assert new.read_bytes() != content
    assert held.read() == content
    held.close()
    assert len(pulls(tmp_path)) == 2


def test_those_who_waited_for_a_rebuild_take_its_result(images, tmp_path):
    prepare(images, "python:3.12")
    lock = images._lock(tmp_path / "images" / "python%3A3.12.sif")
    said = []
    with lock:
        waiting = [
            threading.Thread(target=prepare, args=(images, "python:3.12"), kwargs={"rebuild": True, "said": said})
            for _ in range(3)
        ]
        for one in waiting:
            one.start()
        eventually(lambda: len(said) == 3)
    for one in waiting:
        one.join()

    assert len(pulls(tmp_path)) == 2
    assert said.count("Waiting for somebody else who fetches the same image.") == 3


@pytest.mark.parametrize(("name", "reason"), [("nosuch/img:1", "manifest unknown"), ("a/halfway", "unexpected EOF")])
def test_an_image_that_cannot_be_fetched_says_why_and_leaves_nothing(images, tmp_path, name, reason):
    with pytest.raises(ImageError, match=rf"(?s)image {name} could not be fetched \(exit status 255\).*{reason}"):
        prepare(images, name)

    assert images.cached() == []
    assert hidden(tmp_path) == []


def test_a_rebuild_that_fails_leaves_the_old_image(images):
    path = prepare(images, "python:3.12")
    content = path.read_bytes()
    broken = Images("/bin/false", path.parent)

    with pytest.raises(ImageError):
        prepare(broken, "python:3.12", rebuild=True)

    assert path.read_bytes() == content


def test_a_cancelled_pull_ends_with_all_of_its_processes(images, tmp_path):
    cancel = threading.Event()
    errors = []

    def ask():
        try:
            prepare(images, "an/endless", cancelled=cancel.is_set)
        except ImageError as error:
            errors.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    eventually(lambda: hidden(tmp_path))
    cancel.set()
    asking.join()

    assert errors == ["Cancelled."]
    assert hidden(tmp_path) == []
    assert not running_with(str(tmp_path))


def test_whoever_waits_for_a_pull_can_be_cancelled_too(images, tmp_path):
    (tmp_path / "images").mkdir()
    with images._lock(tmp_path / "images" / "python.sif"), pytest.raises(ImageError, match=r"Cancelled\."):
        prepare(images, "python", cancelled=lambda: True)


def test_an_executor_that_was_killed_while_it_fetched_leaves_no_half_image_and_no_lock(images, tmp_path):
    code = (
        "import sys; from pathlib import Path; from pollinator_magic.executors.slurm.apptainer import Images;"
        "Images(sys.argv[1], Path(sys.argv[2])).prepare('an/endless', rebuild=False, say=print, cancelled=bool)"
    )
    directory = str(tmp_path / "images")
    killed = subprocess.Popen([sys.executable, "-c", code, SINGULARITY, directory], stdout=subprocess.DEVNULL)
    eventually(lambda: hidden(tmp_path))
    killed.kill()
    killed.wait()
    for pid in running_with(directory):
        os.kill(pid, signal.SIGKILL)

    assert images.cached() == []
    with pytest.raises(ImageError, match="could not be fetched"):
        prepare(Images("/bin/false", tmp_path / "images"), "an/endless")
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("name", ["--force", "../x", "a b", "/etc/passwd", "/", "a;id", ""])
def test_what_is_no_image_is_refused_before_anything_runs(images, tmp_path, name):
    with pytest.raises((ImageRefused, ImageError)):
        prepare(images, name)

    assert not (tmp_path / "images").exists()


def test_files_are_images_only_below_directories_that_the_site_allows(tmp_path):
    site, other = tmp_path / "site", tmp_path / "other"
    site.mkdir()
    other.mkdir()
    (site / "own.sif").touch()
    (other / "secret.sif").touch()
    (site / "link.sif").symlink_to(other / "secret.sif")
    images = Images(SINGULARITY, tmp_path / "images", allowed=[site])

    assert prepare(images, str(site / "own.sif")) == site / "own.sif"
    for name in (other / "secret.sif", site / "../other/secret.sif", site / "link.sif"):
        with pytest.raises(ImageError, match=f"takes files from {site} only"):
            prepare(images, str(name))
    with pytest.raises(ImageError, match="There is no image"):
        prepare(images, str(site / "none.sif"))


def test_the_cache_tells_what_is_there_and_drops_what_nobody_asked_for(images):
    old = prepare(images, "ghcr.io/a/old:1")
    long_ago = time.time() - 1000
    os.utime(old, (long_ago, long_ago))
    prepare(images, "b/new")

    assert [one.name for one in images.cached()] == ["ghcr.io/a/old:1", "b/new"]
    assert [one.name for one in images.prune(unused_s=500)] == ["ghcr.io/a/old:1"]
    assert [one.name for one in images.cached()] == ["b/new"]
    assert images.cached()[0].bytes > 1_000_000


def test_asking_for_an_image_keeps_it_in_the_cache(images):
    path = prepare(images, "python")
    long_ago = time.time() - 1000
    os.utime(path, (long_ago, long_ago))

    prepare(images, "python")

    assert images.prune(unused_s=500) == []


def test_an_image_that_is_being_fetched_is_not_dropped(images):
    path = prepare(images, "python")
    with images._lock(path):
        assert images.prune(unused_s=0) == []
    assert path.exists()


def test_a_job_sees_its_binds_and_another_root(images, tmp_path):
    image = prepare(images, "python:3.12")
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "in").write_text("from outside\n")
    binds = [Bind(tmp_path / "fs", "/cfs"), Bind(tmp_path, "/all", read_only=True)]

    status, out, err = inside(
        image,
        "/bin/sh",
        "-c",
        "pwd; cat in; echo x > out; ls /work /home; echo y > /all/no; exit 7",
        binds=binds,
        cwd="/cfs",
    )

    assert status == 7
    assert out == "/cfs\nfrom outside\n"
    assert (tmp_path / "fs" / "out").read_text() == "x\n"
    assert err.count("No such file or directory") == 2
    assert "Read-only file system" in err


def test_hostile_variables_arrive_as_they_were(images, tmp_path):
    image = prepare(images, "python:3.12")
    hostile = {"A": "a,b=c", "B": 'it\'s "x"\n$$ $HOME `id` \\', "C": "", "D": "Grüße", "PATH": "/usr/bin:/bin:/own"}
    (tmp_path / "exports").write_text(export_lines(hostile))
    code = "import os, sys; print(ascii([os.environ.get(name) for name in sys.argv[1:]]))"

    reading = ["/bin/sh", "-c", '. /job/exports && exec "$@"', "sh"]

    status, out, err = inside(image, *reading, "python3", "-c", code, *hostile, binds=[Bind(tmp_path, "/job")])

    assert (status, err) == (0, "")
    assert out.strip() == ascii(list(hostile.values()))


def test_ranks_keep_what_the_queue_tells_them_and_lose_what_modules_set_for_the_host(images, monkeypatch):
    image = prepare(images, "python:3.12")
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("PYTHONHOME", "/of/the/host")
    monkeypatch.setenv("LD_PRELOAD", "libc.so.6")

    code = "import os; print(os.environ['SLURM_PROCID'], 'LD_PRELOAD' in os.environ)"

    assert inside(image, "python3", "-c", code) == (0, "3 False\n", "")


def test_a_job_has_a_home_of_its_own(images, tmp_path):
    image = prepare(images, "python:3.12")
    home = tmp_path / "home"
    home.mkdir()

    status, out, _ = inside(image, "/bin/sh", "-c", 'echo "$HOME"; echo x > ~/kept', home=str(home))

    assert (status, out) == (0, f"{home}\n")
    assert (home / "kept").exists()


@pytest.mark.parametrize("gpu", ["", "nv", "rocm"])
def test_accelerators_are_asked_for_by_option(images, gpu):
    image = prepare(images, "python:3.12")

    assert inside(image, "/bin/sh", "-c", "echo $STANDIN_GPU", gpu=gpu)[1] == f"{gpu}\n"


@pytest.mark.parametrize("path", ["/a:b", "/a,b", "relative", '/a"b', "/a\nb", "/a\\b"])
def test_paths_that_options_cannot_express_are_refused(path):
    with pytest.raises(ConfigurationError, match="choose a plain absolute path"):
        exec_vector("apptainer", Path("/x.sif"), [Bind(Path("/x"), path)], cwd="/", command=["true"])
    with pytest.raises(ConfigurationError):
        exec_vector("apptainer", Path("/x.sif"), [Bind(Path(path), "/x")], cwd="/", command=["true"])
    with pytest.raises(ConfigurationError):
        exec_vector("apptainer", Path("/x.sif"), [], home=path, cwd="/", command=["true"])


def test_a_program_that_catches_the_signal_to_end_says_how_it_ended(images):
    """What the stand-in promises: tests of cancellation rely on it."""
    image = prepare(images, "python:3.12")
    trap = 'trap "echo saved; exit 3" TERM; echo ready; while :; do sleep 0.05; done'
    command = exec_vector(SINGULARITY, image, [], cwd="/", command=["/bin/sh", "-c", trap])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "ready\n"

    os.killpg(process.pid, signal.SIGTERM)

    assert process.stdout.read() == "saved\n"
    assert process.wait() == 3


def running_with(text):
    """Return the processes whose command line has this in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in line:
                found.append(int(entry.name))
    return found
