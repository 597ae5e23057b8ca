"""An executor that is itself a pod: the account that Kubernetes gives it, over TLS."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest
from clusters import finish
from test_kubernetes_jobs import COUNT, numbers

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.kubernetes.engine import KubernetesEngine
from pollinator_magic.executors.kubernetes.kind import KIND
from pollinator_magic.executors.kubernetes.settings import KubernetesSettings
from tests.kubernetes_replay import NAMESPACE
from tests.tls import tls_in_front_of, write_certificate
from tests.waiting import read_until


@pytest.fixture
def account(replayed, tmp_path, monkeypatch):
    """Where a pod finds its account: variables, and files, which this gives."""
    directory = tmp_path / "account"
    directory.mkdir()
    (directory / "token").write_text(replayed.replay.token)
    (directory / "namespace").write_text(f"{NAMESPACE}\n")
    certificate = write_certificate(directory / "ca.crt")
    monkeypatch.setattr("pollinator_magic.executors.kubernetes.account._OF_A_POD", directory)
    port = int(replayed.replay.address.rpartition(":")[2])
    with tls_in_front_of("127.0.0.1", port, certificate) as secure:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(secure))
        yield directory


@pytest.fixture
def inside(replayed, account):
    engine = KubernetesEngine(KubernetesSettings(image="busybox", claim="files", grace_s=1), replayed.fs_dir)
    yield engine
    engine.close()


def test_a_pods_own_account_and_namespace_are_used_over_tls(replayed, inside):
    inside.open()
    assert inside.api.address.startswith("https://127.0.0.1:")
    assert inside.api.namespace == NAMESPACE
    assert replayed.run("echo hi; exit 3", engine=inside) == ("hi\n", "Exit status 3")


def test_a_log_can_be_left_and_taken_up_over_tls(replayed, inside):
    inside.open()
    task = replayed.task("python3 -c", COUNT, "30", "0.05")
    job = inside.start(task)
    log = read_until(job, "5\n")
    position = job.position
    job.leave()
    again = inside.resume(task, position)
    rest, error = finish(again)
    again.close()
    assert (numbers(log + rest), error) == (list(range(30)), "")


def test_a_cluster_whose_certificate_is_another_is_not_talked_to(inside, account, replayed):
    write_certificate(account / "ca.crt")
    with pytest.raises(ConfigurationError, match="certificate verify failed"):
        inside.open()
    assert replayed.replay.requests == []


def test_a_pod_without_an_account_says_so(inside, account):
    (account / "token").unlink()
    with pytest.raises(ConfigurationError, match="the account of this pod"):
        inside.open()


def test_a_pod_is_checked_without_the_official_client(replayed, account, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("pollinator_magic.executors.kubernetes.checks.version", missing)
    settings = KubernetesSettings(image="busybox", claim="files")

    findings = list(KIND.check(settings, replayed.fs_dir))

    assert findings[0].what == "the account of this pod is used"
    assert any("Kubernetes v1.36.2 at https://127.0.0.1" in one.what for one in findings)
