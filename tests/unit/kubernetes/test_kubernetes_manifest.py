from __future__ import annotations

import json
import os
import shlex
import subprocess

import pytest
from cluster_objects import PLACE, task
from hypothesis import given, settings
from hypothesis import strategies as st

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.kubernetes import manifest
from pollinator_magic.executors.kubernetes.settings import Gpu, KubernetesSettings, Toleration
from tests.kubernetes_rules import expanded, problem

SITE = KubernetesSettings(claim="files")
FULL = KubernetesSettings(
    claim="files",
    sub_path="colony/files",
    image="python:3.12",
    image_pull_secrets=["registry"],
    user=1234,
    fs_group=2000,
    node_selector={"pool": "batch"},
    tolerations=[Toleration(key="gpu", operator="Exists", effect="NoSchedule"), Toleration(key="x", value="y")],
    priority_class="low",
    runtime_class="nvidia",
    service_account="jobs",
    labels={"team": "physics"},
    annotations={"example.org/cost-centre": "42 / a"},
    gpus={"a100": Gpu(node_selector={"gpu": "a100"}), "mi250": Gpu(resource="amd.com/gpu")},
)


def job(one=None, site=SITE, place=PLACE):
    return manifest.job(one or task(), site, place, "attempt")


def container(made):
    return made["spec"]["template"]["spec"]["containers"][0]


def env_of(made):
    """The variables as the container gets them."""
    env = {}
    for variable in container(made)["env"]:
        env[variable["name"]] = expanded(variable["value"], env)
    return env


def arguments(made):
    """The command and its arguments as the container gets them."""
    one = container(made)
    return [expanded(word, env_of(made)) for word in [*one["command"], *one["args"]]]


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
hostile = st.one_of(
    words,
    st.sampled_from(["$(HOME)", "$$(HOME)", "$HOME", "$", "$$", "a\nb", "'\"", "`id`", "$(PYTHONUNBUFFERED)", "ü€😀"]),
)
names = st.one_of(
    st.sampled_from(["A", "SLURM-JOBID", "PROJECT_DIR", "HOME", "JOB_COMPLETION_INDEX", "a b", "1X", "..x", ".", "ä"]),
    words.filter(lambda name: name and "=" not in name),
)
tasks = st.builds(
    Task,
    process_id=st.one_of(st.text("0123456789abcdef", min_size=64, max_size=64), st.just("Some_Other-Id")),
    command=hostile.filter(bool),
    args=st.lists(hostile, max_size=3).map(tuple),
    mount=st.sampled_from(["/cfs", "/data", "/cfs/", "/data/deep er", "/cfs/below"]),
    init_command=st.one_of(st.just(""), hostile),
    image=st.sampled_from(["python:3.12", "ghcr.io/a/b@sha256:" + "0" * 64, "docker://busybox"]),
    rebuild_image=st.booleans(),
    nodes=st.integers(1, 127),
    processes_per_node=st.integers(1, 200),
    cpu_millis=st.integers(10, 10**6),
    memory_bytes=st.integers(0, 1 << 45),
    gpus=st.integers(0, 16),
    gpu_name=st.sampled_from(["", "a100", "mi250"]),
    walltime_s=st.integers(0, 10**7),
    env=st.dictionaries(names, hostile, max_size=5),
)


@settings(max_examples=25 if settings().max_examples < 1000 else 1000)  # the schemas take their time
@given(tasks, st.sampled_from([SITE, FULL]))
def test_every_task_is_a_job_that_kubernetes_takes_and_nothing_of_it_is_changed(one, site):
    made = json.loads(json.dumps(job(one, site)))
    assert problem(made) is None
    line, init = arguments(made)[4:6]
    assert line == " ".join([one.command, *map(shlex.quote, one.args)])
    assert init == one.init_command
    left_out = set(manifest.left_out(one.env))
    set_by_us = {"SLURM_NTASKS", "COLONIES_PROCESS_ID"}
    given_env = env_of(made)
    assert {name: given_env.get(name) for name in one.env if name not in left_out | set_by_us} == {
        name: value for name, value in one.env.items() if name not in left_out | set_by_us
    }
    assert not left_out & set(given_env)


@given(st.text(st.sampled_from("$()AB x"), max_size=12))
def test_what_kubernetes_would_replace_arrives_as_it_was(text):
    made = job(task(command=f"x{text}", env={"A": "1", "B": text}))
    assert arguments(made)[4] == f"x{text}"
    assert env_of(made)["B"] == text


@pytest.mark.parametrize("argument", ["it's", "$(HOME)", "a\nb", "`id`", "*", "ü€😀", "", "-n", "\\"])
def test_an_argument_is_one_word_for_the_shell_of_the_pod(argument):
    line = arguments(job(task(command="printf '<%s>'", args=(argument,))))[4]
    assert subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout.decode() == f"<{argument}>"


def test_a_job_is_tried_once_and_kept_until_its_log_is_read():
    spec = job()["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["ttlSecondsAfterFinished"] >= 86_400
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_walltime_is_the_pods_because_the_jobs_own_would_delete_the_log():
    spec = job(task(walltime_s=90))["spec"]
    assert spec["template"]["spec"]["activeDeadlineSeconds"] == 90
    assert spec["activeDeadlineSeconds"] > 90 + 600
    assert "activeDeadlineSeconds" not in json.dumps(job(task(walltime_s=0)))


def test_a_pod_has_no_rights():
    pod = job()["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    security = container(job())["securityContext"]
    assert security == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_a_job_sees_the_files_at_both_mounts_and_nothing_of_the_executors_own():
    mounts = container(job(task(mount="/data"), FULL))["volumeMounts"]
    places = {mount["mountPath"]: mount for mount in mounts}
    for place in ("/cfs", "/data"):
        assert places[place] == {"name": "files", "mountPath": place, "subPath": "colony/files"}
        assert places[f"{place}/.executor"]["name"] == "hidden"
    volumes = {volume["name"]: volume for volume in job()["spec"]["template"]["spec"]["volumes"]}
    assert volumes["files"]["persistentVolumeClaim"] == {"claimName": "files"}
    assert "emptyDir" in volumes["hidden"]


def test_a_job_of_one_node_is_plain_and_one_of_several_is_indexed_with_names():
    one, four = job(), job(task(nodes=4))
    assert one["spec"]["completionMode"] == "NonIndexed"
    assert (four["spec"]["completions"], four["spec"]["parallelism"]) == (4, 4)
    assert four["spec"]["completionMode"] == "Indexed"
    name = four["metadata"]["name"]
    assert four["spec"]["template"]["spec"]["subdomain"] == f"{name}-attempt"
    assert env_of(four)["MASTER_ADDR"] == f"{name}-0.{name}-attempt"
    assert env_of(job(task(processes_per_node=2)))["MASTER_ADDR"] == "127.0.0.1"


def test_the_service_is_valid_has_no_address_and_goes_with_the_job():
    one = task(nodes=4)
    made = manifest.service(one, PLACE, "the-uid", "attempt")
    assert made["metadata"]["name"] == job(one)["spec"]["template"]["spec"]["subdomain"]
    assert problem(made) is None
    assert made["spec"]["clusterIP"] == "None"
    assert made["spec"]["selector"].items() <= job(one)["spec"]["template"]["metadata"]["labels"].items()
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job(one)["metadata"]["name"], "uid": "the-uid"}
    assert made["metadata"]["ownerReferences"] == [owner]


def test_resources_are_those_of_a_node():
    one = task(processes_per_node=4, cpu_millis=1500, memory_bytes=1000 << 20, gpus=2)
    resources = container(job(one))["resources"]
    assert resources["limits"] == {"cpu": "6000m", "memory": "1000Mi", "nvidia.com/gpu": "2"}
    assert resources["requests"] == resources["limits"]
    assert "memory" not in container(job(task(memory_bytes=0)))["resources"]["limits"]


def test_an_accelerator_is_asked_for_as_the_site_calls_it():
    made = job(task(gpus=1, gpu_name="a100"), FULL)
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "batch", "gpu": "a100"}
    assert "amd.com/gpu" in container(job(task(gpus=1, gpu_name="mi250"), FULL))["resources"]["limits"]
    with pytest.raises(PollinatorError, match="no accelerator 'h100' here, only a100, mi250"):
        job(task(gpus=1, gpu_name="h100"), FULL)


def test_what_a_site_sets_is_in_the_pod():
    pod = job(site=FULL)["spec"]["template"]["spec"]
    assert pod["tolerations"] == [
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "x", "value": "y"},
    ]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["priorityClassName"] == "low"
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["serviceAccountName"] == "jobs"
    assert pod["securityContext"]["fsGroup"] == 2000
    assert job(site=FULL)["metadata"]["labels"]["team"] == "physics"


def test_an_image_is_fetched_anew_where_that_is_asked_for():
    assert "imagePullPolicy" not in container(job())
    assert container(job(task(rebuild_image=True)))["imagePullPolicy"] == "Always"


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (task(image=""), "the job names none"),
        (task(image="Not An Image"), "not the name of a container image"),
        (task(mount="/a:b"), "mounts nothing at '/a:b'"),
        (task(command="\ud800"), "none of Unicode"),
        (task(env={"A": "\udcff"}), "none of Unicode"),
    ],
)
def test_what_cannot_be_a_job_is_refused_in_words(one, message):
    with pytest.raises(PollinatorError, match=message):
        job(one)


def test_without_a_claim_only_an_init_command_over_several_nodes_is_refused():
    bare = KubernetesSettings()
    assert problem(job(task(nodes=2), bare)) is None
    with pytest.raises(PollinatorError, match="this executor has no claim"):
        job(task(nodes=2, init_command="true"), bare)


def test_the_name_of_a_job_is_its_processes_and_leaves_room_for_its_pods():
    assert job()["metadata"]["name"] == "pollinator-" + "a" * 32
    assert job()["metadata"]["annotations"][manifest.PROCESS_ANNOTATION] == "a" * 64
    assert len(manifest.job_name("x" * 500)) <= 50


def test_nothing_of_the_executors_environment_is_in_a_job(monkeypatch):
    monkeypatch.setenv("COLONIES_PRVKEY", "0123secret")
    monkeypatch.setenv("AWS_S3_SECRETKEY", "0123secret")
    assert "0123secret" in os.environ.values()
    assert "0123secret" not in json.dumps(job(site=FULL))
