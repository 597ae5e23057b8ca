"""How a job runs, and what can be done with it meanwhile. It is all one which object store there is."""

from __future__ import annotations

import threading
import zipfile

import pytest

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import ConfigurationError, JobCancelled, JobFailed, ProjectError
from pollinator_magic.jobs import Job, submit
from pollinator_magic.project import Project
from tests.jobs import ENDLESS, WAIT_S, contents, follow_until_text, own_lines, run, write


@pytest.fixture(scope="session")
def storage(colony):
    return colony.any_storage


# --- how it runs -----------------------------------------------------------------------------------------------------


def test_another_language_runs_by_its_command(session, project):
    write(project.src, {"main.sh": 'echo "in $0 with $(ls data)"; printf 1,2 > result/table.csv'})

    job = run(session, project.with_options(cmd="sh -e", source="main.sh"))

    assert own_lines(job) == ["in src/main.sh with hello.txt"]
    assert contents(job) == {"table.csv": b"1,2"}


def test_variables_of_the_environment_arrive_whatever_is_in_them(session, project):
    variables = {"PLAIN": "plain", "QUOTED": "a 'b' \"c\" $HOME `date` <&> + ü\n2", "EMPTY": ""}

    job = run(
        session,
        project.with_options(env=variables),
        "import json, os\n"
        "json.dump({name: os.environ[name] for name in ('PLAIN', 'QUOTED', 'EMPTY')}, open('result/e.json', 'w'))",
    )

    assert job.results["e.json"].json() == variables


def test_init_runs_before_the_program_and_one_that_fails_fails_the_job(session, project):
    good = project.with_options(init="echo 'first & foremost' > $PROJECT_DIR/prepared.txt")
    bad = project.with_options(init="echo cannot prepare; exit 7")

    assert own_lines(run(session, good, "print(open('prepared.txt').read().strip())")) == ["first & foremost"]
    with pytest.raises(JobFailed, match="init") as failure:
        run(session, bad)
    assert "cannot prepare" in failure.value.log_tail


def test_packages_are_installed_for_the_job_alone(session, project, tmp_path):
    wheel = tmp_path / "pollen_of_the_test-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pollen_of_the_test.py", "word = 'installed'")
        info = "pollen_of_the_test-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: pollen-of-the-test\nVersion: 1.0\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    cell = "import pollen_of_the_test as package; print(package.word)"

    job = run(session, project.with_options(pip=[wheel.as_uri()]), cell)

    assert own_lines(job)[-1] == "installed"
    with pytest.raises(JobFailed) as failure:
        run(session, project, cell)
    assert "No module named 'pollen_of_the_test'" in failure.value.log_tail


def test_every_rank_of_a_parallel_job_runs(session, project):
    job = run(
        session,
        project.with_options(nodes=2, ppn=2, cpu="500m", mem="100Mi"),
        "import os; open(f'result/{os.environ[\"SLURM_PROCID\"]}', 'w').write(os.environ['SLURM_NTASKS'])",
    )

    assert contents(job) == {str(rank): b"4" for rank in range(4)}


# --- while it runs ---------------------------------------------------------------------------------------------------


def test_a_running_job_is_cancelled_and_following_it_ends(session, project):
    job = submit(session, project, source=ENDLESS)
    events: list[object] = []
    following = threading.Thread(target=lambda: events.extend(job.follow()), name="follow")
    following.start()
    follow_until_text(Job(session, job.process))

    Job(session, job.process).cancel()
    following.join(WAIT_S)

    assert not following.is_alive()
    assert job.process.status is ProcessState.CANCELLED
    with pytest.raises(JobCancelled, match="was cancelled"):
        job.wait(WAIT_S)


def test_waiting_ends_at_its_timeout_while_the_job_runs_on(session, project):
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)

    with pytest.raises(TimeoutError, match="still running"):
        job.wait(timeout_s=0.05)

    assert job.state is ProcessState.RUNNING
    job.cancel()


def test_a_job_that_outlives_its_walltime_is_stopped_and_says_so(session, project):
    with pytest.raises(JobFailed, match="walltime of 2 s"):
        run(session, project.with_options(walltime="2"), ENDLESS)


def test_a_closed_session_leaves_no_threads_and_can_be_used_again(colony, storage, project):
    before = set(threading.enumerate())
    session = colony.session(storage)
    submit(session, project)
    session.close()
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("pollinator")]

    assert left == []
    assert own_lines(run(session, project, "print('again')")) == ["again"]
    session.close()


def test_a_job_is_taken_up_by_another_session_with_a_beginning_of_its_id(colony, storage, session, project, tmp_path):
    job = run(session, project, "open('result/x.txt', 'w').write('x'); print('done')")

    with colony.session(storage) as other:
        taken_up = Job.attach(other, job.id[:10])
        with_project = Job.attach(other, job.id, Project.open(project.root))

        assert taken_up.id == with_project.id == job.id
        assert own_lines(taken_up) == ["done"]
        assert contents(with_project) == {"x.txt": b"x"}
        with pytest.raises(ConfigurationError, match="say where its results shall go"):
            taken_up.fetch_results()
        assert list(taken_up.fetch_results(to=tmp_path / "elsewhere")) == ["x.txt"]


def test_a_job_of_another_project_does_not_get_this_projects_directory(session, project, executor, tmp_path):
    job = run(session, project, "pass")
    other = Project.create(tmp_path / "other", executor)

    assert Job.attach(session, job.id, other).project is None


def test_a_project_without_a_program_is_refused_before_anything_is_sent(session, project):
    (project.src / "main.py").unlink()

    with pytest.raises(ProjectError, match=r"environment\.source 'main\.py' is not a file"):
        submit(session, project)

    assert "client" not in vars(session)
