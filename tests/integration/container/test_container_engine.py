"""Jobs in containers of a real runtime, by the engine alone."""

from __future__ import annotations

import re

import pytest
from container_host import follow, run, task

from tests.waiting import eventually

HOSTILE = """it's "x" $HOME `id` $(id) \\ ; & | < > * ? # é
second line"""


def test_a_program_runs_and_its_log_is_whole_and_in_order(engine):
    error, log = run(engine, "for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf unfinished")

    assert error == ""
    assert log == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\nunfinished"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("exit 7", "Exit status 7"),
        ("kill -9 $$", "Exit status 137 (killed by SIGKILL)"),
    ],
)
def test_a_failure_is_told_with_its_status(engine, command, error):
    assert run(engine, command)[0] == error


def test_arguments_and_variables_arrive_as_they_are(engine):
    error, log = run(engine, 'printf "%s|" "$VALUE"; printf "[%s]"', HOSTILE, "", "-n", env={"VALUE": HOSTILE})

    assert (error, log) == ("", f"{HOSTILE}|[{HOSTILE}][][-n]")


def test_names_that_shells_cannot_set_reach_programs_and_stop_nothing(engine):
    env = {"SLURM-JOBID": "16", "A B": "x", "NUL": "a\0b", "": "x", "GOOD": "yes"}

    error, log = run(engine, "tr '\\0' '\\n' < /proc/1/environ; echo $GOOD", env=env)

    assert error == ""
    assert log.startswith("Left out of the environment, because no process can have them: 'NUL', ''.\n")
    assert {"SLURM-JOBID=16", "A B=x", "yes"} <= set(log.splitlines())


def test_a_job_sees_its_project_the_mounts_and_nothing_of_the_executor(host, monkeypatch):
    monkeypatch.setenv("COLONIES_PRVKEY", "c" * 64)
    monkeypatch.setenv("AWS_S3_SECRETKEY", "s" * 40)
    engine = host.engine()
    project = host.fs_dir / "p" / "run 1"
    project.mkdir(parents=True)
    (project / "in.txt").write_text("from outside\n")
    (host.fs_dir / ".executor" / "secret").write_text("state of the executor\n")

    error, log = run(
        engine,
        "pwd; cat in.txt; echo x > out.txt; cat /data/p/*/in.txt; ls -A /cfs/.executor /data/.executor; env",
        env={"PROJECT_DIR": "/cfs/p/run 1"},
        mount="/data",
    )

    assert error == ""
    assert log.startswith("/cfs/p/run 1\nfrom outside\nfrom outside\n/cfs/.executor:\n\n/data/.executor:\n")
    assert (project / "out.txt").read_text() == "x\n"
    assert "PYTHONUNBUFFERED=1" in log
    assert re.search(r"^COLONIES_PROCESS_ID=[0-9a-f]{64}$", log, re.MULTILINE)
    assert "COLONIES_PRVKEY" not in log
    assert "AWS_" not in log


def test_without_a_project_a_job_begins_in_an_empty_directory(engine):
    assert run(engine, "ls -A; touch x", env={"PROJECT_DIR": "/cfs/not/there"}) == ("", "")


def test_nothing_is_left_of_a_job_but_its_files(host, engine):
    (host.fs_dir / "kept").mkdir()
    run(engine, "echo x > /cfs/kept/result", nodes=2, init_command="touch /made")
    run(engine, "sleep 1000 & exit 3")

    assert host.left() == set()
    assert (host.fs_dir / "kept" / "result").read_text() == "x\n"


# --- ranks ------------------------------------------------------------------------------------------------------------


def test_ranks_know_which_they_are_and_reach_each_other(engine):
    talk = (  # a connection may be gone before a word has come through it
        'if [ "$SLURM_PROCID" = 0 ]; then until nc -l -p 7777 | grep from; do :; done; touch /cfs/heard; else '
        'until [ -e /cfs/heard ]; do echo "from $SLURM_PROCID at $(hostname)" | nc -w 1 $MASTER_ADDR 7777; sleep 0.1; '
        'done; fi; echo "rank $RANK of $WORLD_SIZE: $SLURM_LOCALID on $SLURM_NODEID"'
    )
    error, log = run(engine, talk, nodes=2)

    assert error == ""
    assert {"rank 0 of 2: 0 on 0", "rank 1 of 2: 0 on 1"} <= set(log.splitlines())
    assert re.search(r"^from 1 at node1-", log, re.MULTILINE)


def test_nodes_have_names_of_their_own_that_all_ranks_know(engine):
    addresses = "grep $(hostname | cut -d- -f2)$ /etc/hosts | sed 's/[[:space:]].*//' | sort -u | wc -l"
    error, log = run(engine, f"hostname; {addresses}", nodes=2, processes_per_node=2)

    assert error == ""
    names = [line.partition("-")[0] for line in log.splitlines() if line.startswith("node")]
    assert sorted(names) == ["node0", "node0", "node1", "node1"]
    assert {line for line in log.splitlines() if line.isdigit()} == {"4"}


def test_a_single_rank_has_no_variables_that_make_libraries_look_for_companions(engine):
    _, log = run(engine, "env")

    assert "SLURM_NTASKS=1" in log
    assert not re.search("^(MASTER_ADDR|WORLD_SIZE|PMI_RANK)=", log, re.MULTILINE)


def test_ranks_may_share_the_network_of_the_host(host):
    engine = host.engine(network="host")

    command = "grep -q $(hostname)$ /etc/hosts && echo $MASTER_ADDR $MASTER_PORT $(hostname | cut -d- -f1)"
    error, log = run(engine, command, nodes=2)

    assert error == ""
    (first, second) = sorted(log.splitlines())
    assert re.fullmatch(r"127\.0\.0\.1 \d+ node0", first)
    assert second == first.replace("node0", "node1")


def test_when_a_rank_fails_the_others_are_ended_and_it_is_the_one_to_blame(engine):
    command = (
        'if [ "$SLURM_PROCID" = 1 ]; then until [ -e /cfs/ready ]; do sleep 0.1; done; exit 5; fi; '
        'trap "echo told to end; exit 9" TERM; touch /cfs/ready; while :; do sleep 0.1; done'
    )
    error, log = run(engine, command, nodes=2)

    assert error == "Rank 1: exit status 5"
    assert "told to end" in log


def test_lines_of_several_ranks_stay_whole(engine):
    command = (
        'i=0; while [ $i -lt 200 ]; do printf "$SLURM_PROCID:"; echo "$i"; i=$((i+1)); done; printf end-$SLURM_PROCID'
    )
    error, log = run(engine, command, nodes=2)

    assert error == ""
    assert sorted(log.splitlines()) == sorted([f"{r}:{i}" for r in range(2) for i in range(200)] + ["end-0", "end-1"])


# --- init-cmd ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [1, 2])
def test_the_init_command_runs_once_and_all_that_it_does_is_there_for_the_command(engine, nodes):
    init = "echo preparing; mkdir -p /opt/tool ~/own; echo works > /opt/tool/x; cd /opt/tool; "
    init += "export GREETING='a  b' LOCAL; L=1"
    error, log = run(
        engine, 'pwd; cat x; ls -d ~/own; echo "$GREETING|$OWN|$L"; hostname', init_command=init, nodes=nodes,
        env={"OWN": HOSTILE},
    )  # fmt: skip

    assert error == ""
    assert log.count("preparing") == 1
    for text in ("/opt/tool\n", "works\n", "/root/own\n", f"a  b|{HOSTILE}|\n"):
        assert log.count(text) == nodes
    assert {line[:5] for line in log.splitlines() if line.startswith("node")} == {
        f"node{node}" for node in range(nodes)
    }


@pytest.mark.parametrize("nodes", [1, 2])
def test_an_init_command_that_fails_fails_the_job(engine, nodes):
    error, log = run(engine, "echo never", init_command="echo before; exit 3", nodes=nodes)

    assert error == "The init-cmd failed: echo before; exit 3: exit status 3"
    assert log == "before\n"


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nodes", "where"), [(1, ""), (2, " on node 1")])
def test_too_much_memory_is_told_as_such_and_only_there(engine, nodes, where, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    command = f"[ $SLURM_NODEID = {nodes - 1} ] || exec sleep 100; tail /dev/zero"

    error, _ = run(engine, command, memory_bytes=32 << 20, nodes=nodes)

    assert error == f"Killed: used more than 32Mi of memory{where}"
    assert not any((tmp_path / "empty").iterdir())


def test_a_node_s_memory_is_divided_among_its_ranks_and_each_has_its_processors(engine):
    read = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"
    share = "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"

    _, log = run(engine, f"echo $({read}) $({share})", memory_bytes=64 << 20, processes_per_node=2, cpu_millis=250)

    assert [line.split()[:2] for line in log.splitlines()] == [[str(32 << 20), "25000"]] * 2


def test_a_site_without_cgroups_sets_no_limits(host):
    error, _ = run(host.engine(limits=False), "true", memory_bytes=8 << 20, cpu_millis=999_000)

    assert error == ""


def test_a_job_that_nobody_ends_ends_itself(host, monkeypatch):
    from pollinator_magic.executors.container import commandline

    monkeypatch.setattr(commandline, "_SAFETY_S", 1)  # a minute else

    error, log = run(host.engine(), "trap '' TERM; echo began; sleep 1000; sleep 1000", walltime_s=1)

    assert error == "Stopped: ran longer than its walltime of 1 s"
    assert log.startswith("began\n")


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_a_cancelled_job_may_tidy_up(engine):
    job = engine.start(task('trap "echo tidy; exit 0" TERM; echo began; while :; do sleep 0.1; done', nodes=2))
    _, before = follow(job, until="began\nbegan")
    job.cancel(grace_s=30)
    error, after = follow(job)
    job.close()

    assert error == "Cancelled."
    assert (before + after).count("tidy") == 2


def test_a_cancelled_job_that_does_not_end_is_killed(host, engine):
    job = engine.start(task("trap '' TERM; echo began; while :; do sleep 0.1; done"))
    follow(job, until="began")
    job.cancel(grace_s=0.2)
    error, _ = follow(job)
    job.close()

    assert error == "Cancelled."
    assert host.left() == set()


def test_a_job_can_be_cancelled_before_it_has_begun(host, engine):
    job = engine.start(task("echo never"))
    job.cancel(grace_s=5)
    assert follow(job) == ("Cancelled.", "")
    job.close()

    assert host.left() == set()


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_job_can_be_cancelled_during_its_init_command(host, engine, nodes):
    job = engine.start(task("echo never", init_command="echo preparing; sleep 1000", nodes=nodes))
    follow(job, until="preparing")
    job.cancel(grace_s=0.5)
    error, log = follow(job)
    job.close()

    assert error == "Cancelled."
    assert "never" not in log
    assert host.left() == set()


def test_closing_a_job_that_runs_kills_it(host, engine):
    job = engine.start(task("echo began; sleep 1000", nodes=2))
    follow(job, until="began")
    job.close()

    assert host.left() == set()


def test_a_container_that_somebody_else_kills_or_removes_is_told_as_such(host, engine):
    for words, error in (
        (
            ("kill", "--signal", "KILL"),
            "The container was killed from outside, not through the colony. Submit the job again.",
        ),
        (("stop",), "The container was killed from outside, not through the colony. Submit the job again."),
        (
            ("rm", "--force"),
            "The container was removed, not through the colony. Submit the job again if that was not meant.",
        ),
    ):
        job = engine.start(task("echo began; sleep 1000"))
        follow(job, until="began")
        host.runtime.run(*words, *host.runtime.containers())
        assert follow(job)[0] == error
        job.close()


def test_one_question_is_about_all_jobs_and_none_is_asked_without_jobs(host, runtime):
    engine = host.engine(query_s=0.1, longest_query_s=5)
    jobs = [engine.start(task("echo began; sleep 1000")) for _ in range(4)]
    for job in jobs:
        follow(job, until="began")
    names = runtime.containers()
    asked = runtime.commands.count("ps")

    def all_known_to_run():
        for job in jobs:
            job.poll()
        return all(engine.roster.status(name).startswith("Up") for name in names)

    eventually(all_known_to_run)

    assert len(names) == 4
    assert runtime.commands.count("ps") - asked < len(names)
    for job in jobs:
        job.close()
    eventually(lambda: engine.roster._thread is None)


# --- what a site sets -------------------------------------------------------------------------------------------------


def test_jobs_run_as_the_user_that_the_site_sets_with_a_home_of_their_own(host):
    host.fs_dir.chmod(0o777)
    engine = host.engine(user="1000:1000")

    error, log = run(
        engine, "echo $(id -u) ~ $(cat ~/made); touch /cfs/mine /root/no", init_command="echo x > ~/made", nodes=2
    )

    assert error.startswith("Rank ")
    assert log.count("1000 /.pollinator-home x\n") == 2
    assert log.count("/root/no: Permission denied") == 2
    assert (host.fs_dir / "mine").stat().st_uid == 1000
    assert host.left() == set()


def test_an_image_may_be_read_only(host):
    error, log = run(host.engine(read_only=True), "touch /no; touch /tmp/yes ~/yes && echo written; pwd")

    assert error == ""
    assert "Read-only file system" in log
    assert "written" in log


def test_a_job_gains_no_privileges_by_programs_that_would_give_them(engine):
    _, log = run(engine, "grep NoNewPrivs /proc/self/status")

    assert log.split() == ["NoNewPrivs:", "1"]


def test_jobs_see_more_directories_and_options_of_the_site(host, tmp_path):
    shared = tmp_path / "shared, with a comma"
    shared.mkdir()
    (shared / "x").write_text("data of the site\n")
    engine = host.engine(volumes=[f"{shared}:/site:ro"], options=["--shm-size=4m", "--env=SITE=yes"])

    error, log = run(engine, "cat /site/x; touch /site/no; df -k /dev/shm | tail -1; echo $SITE")

    assert error == ""
    assert "data of the site" in log
    assert "Read-only file system" in log
    assert re.search(r"\b4096\b", log)
    assert log.endswith("yes\n")


def test_accelerators_belong_to_one_job_at_a_time(host):
    engine = host.engine(gpus=["/dev/null:/dev/gpu0", "/dev/null:/dev/gpu1"])
    holding = engine.start(task("ls /dev/gpu*; echo began; sleep 1000", gpus=1))
    _, first = follow(holding, until="began")
    _, second = run(engine, "ls /dev/gpu*", gpus=1)
    waiting = engine.start(task("ls /dev/gpu*", nodes=2, gpus=1))
    _, told = follow(waiting, until="Waiting")
    holding.close()
    error, third = follow(waiting)
    waiting.close()

    assert first.startswith("/dev/gpu0\nbegan")
    assert second == "/dev/gpu1\n"
    assert told == "Waiting for GPUs that other jobs use.\n"
    assert (error, sorted(third.split())) == ("", ["/dev/gpu0", "/dev/gpu1"])
    assert run(engine, "true", gpus=3)[0].startswith("The job asks for 3 GPUs, and this executor has 2.")


def test_the_log_of_the_runtime_keeps_nothing_of_a_job(host, engine):
    job = engine.start(task("echo began; sleep 1000"))
    follow(job, until="began")

    (name,) = host.runtime.containers()
    assert "began" not in host.runtime.run("logs", name, check=False)
    job.close()
