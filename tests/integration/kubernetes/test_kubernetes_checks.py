"""`--check` on a replayed cluster: what works and what is missing, before anything is started."""

from __future__ import annotations

import pytest
from clusters import Grounds

from pollinator_magic.executors.kubernetes.kind import KIND
from pollinator_magic.executors.kubernetes.settings import Toleration
from tests.kubernetes_replay import _NODE


def found(grounds, **more):
    return list(KIND.check(grounds.settings(**more), grounds.fs_dir))


def bad(findings):
    return [one for one in findings if not one.good and "executor runs as user" not in one.what]


def said(findings):
    return "\n".join(f"{one.what} {one.remedy}" for one in findings)


def test_where_everything_is_there_it_is_named_and_nothing_is_made(replayed):
    findings = found(replayed)
    assert bad(findings) == []
    text = said(findings)
    assert "Kubernetes v1.36.2 at http://127.0.0.1" in text
    assert "namespace jobs" in text
    assert "1 node with 8 processors and 15 GiB" in text
    assert "claim files, ReadWriteMany" in text
    assert "not fetched now" in text
    assert {method for method, path, _ in replayed.replay.requests if "accessreviews" not in path} == {"GET"}


@pytest.mark.parametrize(
    ("refused", "text", "fatal"),
    [
        (("create", "jobs"), "this account may not: create jobs", True),
        (("get", "pods/log"), "this account may not: get pods/log", True),
        (("create", "services"), "may not create services: jobs over several nodes cannot start", False),
        (("list", "events"), "may not list events", False),
        (("list", "nodes"), "may not list nodes", False),
    ],
)
def test_each_right_that_is_missing_is_named_with_where_to_get_it(replayed, refused, text, fatal):
    replayed.replay.forbidden = {refused}
    (one,) = bad(found(replayed))
    assert text in one.what
    assert "rbac.yaml" in one.remedy
    assert one.fatal is fatal


def test_nodes_need_not_be_listed_where_amounts_are_set(replayed):
    replayed.replay.forbidden = {("list", "nodes")}
    findings = found(replayed, cpu="64", memory="256Gi")
    assert bad(findings) == []
    assert "64 processors and 256Gi for jobs, as set" in said(findings)


def test_nodes_that_take_no_jobs_are_not_counted(replayed, monkeypatch):
    taint = {"key": "pool", "value": "special", "effect": "NoSchedule"}
    monkeypatch.setattr("tests.kubernetes_replay._NODE", {**_NODE, "spec": {"taints": [taint]}})
    (one,) = bad(found(replayed))
    assert (one.what, one.fatal) == ("none of 1 nodes is ready and takes jobs", False)
    assert replayed.engine().capacity.cpu_millis is None
    tolerations = [Toleration(key="pool", value="special")]
    assert bad(found(replayed, tolerations=tolerations)) == []
    assert replayed.engine(tolerations=tolerations).capacity.cpu_millis == 8000


def test_a_claim_that_is_not_there_is_fatal_and_none_is_a_warning(replayed):
    (one,) = bad(found(replayed, claim="other"))
    assert (one.what, one.fatal) == ("claim other is not there", True)
    (one,) = bad(found(replayed, claim=""))
    assert ("no claim is set" in one.what, one.fatal) == (True, False)


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ({"status": {"phase": "Pending"}}, "claim files is Pending, not Bound"),
        (
            {"status": {"phase": "Bound"}, "spec": {"accessModes": ["ReadWriteOnce"]}},
            "claim files is ReadWriteOnce: all jobs have to run on the executor's own node",
        ),
    ],
)
def test_a_claim_that_may_not_do_is_named(replayed, monkeypatch, claim, text):
    monkeypatch.setattr("tests.kubernetes_replay._CLAIM", claim)
    (one,) = bad(found(replayed))
    assert (one.what, one.fatal) == (text, False)


def test_a_cluster_that_does_not_answer_is_named_by_its_address(replayed):
    with replayed.replay.unreachable():
        (one,) = bad(found(replayed))
    assert one.what == f"the cluster at {replayed.replay.address} cannot be used"
    assert one.fatal


def test_credentials_that_are_refused_are_named(tmp_path):
    grounds = Grounds(tmp_path)
    grounds.replay.token = "another"
    (one,) = bad(found(grounds))
    assert "does not accept the credentials" in one.remedy
    grounds.close()


@pytest.mark.parametrize("text", [None, "", "clusters: []", "}{", "contexts: 7"])
def test_a_kubeconfig_that_cannot_be_used_is_named(replayed, tmp_path, text):
    file = tmp_path / "other"
    if text is not None:
        file.write_text(text)
    (one,) = bad(found(replayed, kubeconfig=str(file)))
    assert one.what == "no cluster is configured"
    assert str(file) in one.remedy


def test_a_context_that_is_not_there_is_named(replayed):
    (one,) = bad(found(replayed, context="nowhere"))
    assert "nowhere" in one.remedy


def test_a_user_who_may_not_share_files_is_warned_of(replayed, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    warnings = [one for one in found(replayed) if not one.good]
    assert [one.fatal for one in warnings] == [False]
    assert "runs as user 0 and jobs as 1000" in warnings[0].what
    monkeypatch.setattr("os.geteuid", lambda: 1234)
    assert [one for one in found(replayed) if not one.good] == []
