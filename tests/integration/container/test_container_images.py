"""Images of container jobs: fetched from a registry when they are missing or asked for anew, once for many jobs."""

from __future__ import annotations

import secrets

import pytest
from container_host import follow, run, task

from tests.image_registry import running_registry
from tests.waiting import eventually


@pytest.fixture(scope="module")
def registry(runtime):
    with running_registry() as running:
        runtime.trust_registry(running.address)
        yield running


@pytest.fixture
def image(registry):
    return registry.publish(f"team/{secrets.token_hex(4)}:1")


def name_of(image):
    return image.partition("/")[2]


def test_an_image_that_is_missing_is_fetched_and_then_used_as_it_is(engine, registry, image):
    assert run(engine, "echo $VERSION", image=image) == ("", f"Fetching the image {image}.\n1\n")

    registry.publish(name_of(image))

    assert run(engine, "echo $VERSION", image=f"docker://{image}") == ("", "1\n")


def test_an_image_is_fetched_anew_where_the_job_or_the_site_says_so(host, engine, registry, image):
    run(engine, "true", image=image)
    registry.publish(name_of(image))
    assert run(engine, "echo $VERSION", image=image, rebuild_image=True)[1].endswith("\n2\n")

    registry.publish(name_of(image))
    assert run(host.engine(pull="always"), "echo $VERSION", image=image)[1].endswith("\n3\n")


def test_a_job_that_runs_keeps_the_image_that_it_began_with(engine, registry, image):
    job = engine.start(task("echo began; until [ -e /cfs/go ]; do sleep 0.1; done; echo $VERSION", image=image))
    _, before = follow(job, until="began")
    registry.publish(name_of(image))
    _, other = run(engine, "echo $VERSION; touch /cfs/go", image=image, rebuild_image=True)
    error, after = follow(job)
    job.close()

    assert other.endswith("2\n")
    assert (error, (before + after).splitlines()[-1]) == ("", "1")


def test_an_executor_may_fetch_nothing(host, registry, image):
    engine = host.engine(pull="never")

    error, _ = run(engine, "true", image=image)

    assert error == f"There is no image {image} on this executor, and it fetches none. Choose another one."
    assert run(engine, "true", rebuild_image=True) == (
        "",
        "This executor fetches no images; the image localhost/test/python:1 is used as it is.\n",
    )


def test_an_image_that_cannot_be_fetched_says_why(host, engine, registry):
    error, log = run(engine, "true", image=f"{registry.address}/no/such:1")

    assert error.startswith(f"The image {registry.address}/no/such:1 could not be fetched: ")
    assert "manifest" in error
    assert log == f"Fetching the image {registry.address}/no/such:1.\n"
    assert host.left() == set()


@pytest.mark.parametrize("name", ["--privileged", "../etc", "a b", "/etc/passwd"])
def test_what_is_no_image_is_refused(engine, name):
    error, log = run(engine, "true", image=name)

    assert "is not the name of a container image" in error
    assert log == ""


def test_a_job_needs_an_image_if_the_site_has_none(host):
    error, _ = run(host.engine(image=""), "true")

    assert error == "The job names no container image, and this executor has none for such jobs. Use --image."


def test_an_image_that_many_jobs_ask_for_is_fetched_once(engine, registry, image):
    registry.hold.set()
    asked = registry.layers_asked_for()
    jobs = [engine.start(task("echo $VERSION", image=image)) for _ in range(3)]
    follow(jobs[0], until="Fetching")
    eventually(lambda: registry.layers_asked_for() > asked)
    told = [follow(job, until="Waiting")[1] for job in jobs[1:]]
    registry.hold.clear()
    logs = [follow(job)[1] for job in jobs]
    for job in jobs:
        job.close()

    assert told == ["Waiting for another job that fetches the same image.\n"] * 2
    assert logs == ["1\n"] * 3
    assert registry.layers_asked_for() == asked + 1


def test_a_job_can_be_cancelled_while_its_image_is_fetched(host, engine, registry, image):
    registry.hold.set()
    job = engine.start(task("true", image=image))
    follow(job, until="Fetching")
    job.cancel(grace_s=30)
    error, _ = follow(job)
    job.close()
    registry.hold.clear()

    assert error == "Cancelled."
    assert host.left() == set()
    assert run(engine, "echo $VERSION", image=image)[1].endswith("\n1\n")


def test_an_image_without_a_shell_is_told_as_such(host, engine, runtime):
    base = runtime.run("create", "--entrypoint", "/bin/rm", "localhost/test/python:1", "/bin/sh").strip()
    runtime.run("start", "--attach", base)
    runtime.run("commit", base, "localhost/test/shellless:1")

    error, _ = run(engine, "true", image="localhost/test/shellless:1")

    assert error.startswith("The container could not be started: ")
    assert error.endswith("The image has no shell.")
