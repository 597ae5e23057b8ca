"""Jobs that ask for accelerators, of a Slurm that has some to give: to the jobs they are numbers in variables."""

from __future__ import annotations

import pytest
from cluster_jobs import Follower, run, task, without_news_of_the_queue

from pollinator_magic.colonies.models import Gpu

NAMES = {"nvidia-a100": "a100", "nvidia-2080ti": "2080ti", "any": ""}
SHOW = 'echo "$SLURMD_NODENAME" has "$CUDA_VISIBLE_DEVICES"'


@pytest.fixture(params=["gpus-per-node", "gres"])
def engine(request, nodes):
    return nodes.engine(partition="gpu", gpu_option=request.param, gpu_names=NAMES)


def test_a_job_gets_as_many_accelerators_as_it_asks_for_and_no_others(engine):
    assert run(engine, SHOW, gpus=2) == ("", "g1 has 0,1\n")
    assert run(engine, SHOW, gpus=1, gpu_name="nvidia-2080ti") == ("", "g2 has 0\n")
    assert run(engine, SHOW) == ("", "g1 has \n")


def test_each_node_has_as_many(engine):
    error, log = run(engine, SHOW, gpus=1, nodes=2)

    assert error == ""
    assert sorted(log.splitlines()) == ["g1 has 0", "g2 has 0"]


def test_ranks_of_a_node_see_all_of_its_accelerators(engine):
    error, log = run(engine, f"{SHOW} $SLURM_LOCALID", gpus=2, processes_per_node=2, memory_bytes=0)

    assert error == ""
    assert sorted(log.splitlines()) == ["g1 has 0,1 0", "g1 has 0,1 1"]


def test_accelerators_are_asked_for_by_what_slurm_calls_them(engine):
    assert run(engine, SHOW, gpus=1, gpu_name="nvidia-a100")[1] == "g1 has 0\n"
    assert run(engine, SHOW, gpus=1, gpu_name="2080ti")[1] == "g2 has 0\n"  # its own name for them will do
    assert run(engine, SHOW, gpus=1, gpu_name="any")[0] == ""


def test_two_jobs_that_run_together_do_not_get_the_same(engine):
    wanted = [task(f"{SHOW}; sleep 600", gpus=1, gpu_name="nvidia-a100") for _ in range(2)]
    followers = [Follower(engine.start(one)) for one in wanted]
    for follower in followers:
        follower.until(lambda follower=follower: follower.text.endswith("\n"))

    assert {follower.text for follower in followers} == {"g1 has 0\n", "g1 has 1\n"}
    for follower in followers:
        follower.job.close()


def test_slurm_says_so_too(engine):
    line = 'echo "$SLURM_JOB_GPUS/$SLURM_STEP_GPUS"'

    assert run(engine, line, gpus=2) == ("", "0,1/\n")
    assert run(engine, line, gpus=1, nodes=2)[1] == "0/0\n0/0\n"


def test_a_process_of_a_colony_gets_what_its_specification_asks_for(engine, site):
    site.worker(engine=engine)

    process = site.wait(site.submit(SHOW, conditions={"gpu": Gpu(name="nvidia-a100", count=2)}), within_s=90)

    assert process.errors == []
    assert without_news_of_the_queue(site.log(process.processid)) == ["g1 has 0,1"]
    offered = site.user.executor(site.host).capabilities.hardware
    assert sorted((one.gpu.name, one.gpu.count) for one in offered) == [("nvidia-2080ti", 1), ("nvidia-a100", 2)]


@pytest.mark.parametrize(("gpus", "name"), [(3, ""), (2, "nvidia-2080ti"), (1, "nosuch")])
def test_accelerators_that_there_are_not_are_refused_with_what_to_ask_less_of(engine, gpus, name):
    error, log = run(engine, SHOW, gpus=gpus, gpu_name=name)

    assert error.startswith("Slurm did not take the job: ")
    assert log == ""


def test_the_accelerators_of_each_kind_of_node_are_described(engine):
    found = {hardware.gpu.name: hardware for hardware in engine.describe().hardware}

    assert found.keys() == {"nvidia-a100", "nvidia-2080ti"}
    assert (found["nvidia-a100"].gpu.count, found["nvidia-a100"].gpu.nodecount) == (2, 2)
    assert (found["nvidia-2080ti"].gpu.count, found["nvidia-2080ti"].nodes) == (1, 1)
