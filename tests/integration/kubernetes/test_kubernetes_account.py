"""Who the executor is for a cluster: read by the official client in a process of its own, and again when refused."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
import yaml

from pollinator_magic.executors.kubernetes import account, api, models
from pollinator_magic.executors.kubernetes.api import Unreachable, connect
from pollinator_magic.executors.kubernetes.settings import KubernetesSettings
from tests.tls import write_certificate


@pytest.fixture
def kubeconfig(replayed):
    """The file of a cluster, and how to change what it says of the user and the cluster."""
    file = replayed.replay.kubeconfig

    def change(*, user=None, **cluster):
        known = yaml.safe_load(file.read_text())
        known["users"][0]["user"] = user or known["users"][0]["user"]
        known["clusters"][0]["cluster"] |= cluster
        file.write_text(yaml.safe_dump(known))
        return file

    return change


@pytest.fixture
def program(tmp_path):
    """Make a program that gives a token, as kubeconfig files name them; `asked` is how often it has."""

    class Program:
        calls = tmp_path / "calls"

        def user(self, token):
            kind = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
            answer = json.dumps({**kind, "status": {"token": token}})
            script = f"echo called >> {self.calls}; printf '%s' '{answer}'"
            words = {"command": "sh", "args": ["-c", script], "interactiveMode": "Never"}
            return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **words}}

        @property
        def asked(self):
            return len(self.calls.read_text().split())

    return Program()


def settings(replayed):
    return KubernetesSettings(kubeconfig=str(replayed.replay.kubeconfig))


def version(cluster):
    return cluster.get(models.Version, "/version").git_version


def test_an_executor_does_not_hold_the_official_client(replayed):
    """It would be most of its memory."""
    program = (
        "import sys\nfrom pollinator_magic.executors.kubernetes import api, models\n"
        "from pollinator_magic.executors.kubernetes.settings import KubernetesSettings\n"
        "cluster = api.connect(KubernetesSettings(kubeconfig=sys.argv[1]))\n"
        "print(cluster.get(models.Version, '/version').git_version, 'kubernetes' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(replayed.replay.kubeconfig)], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["v1.36.2", "False"]


def test_a_program_may_give_the_credentials(replayed, kubeconfig, program):
    kubeconfig(user=program.user(replayed.replay.token))

    assert version(connect(settings(replayed))) == "v1.36.2"


def test_credentials_that_are_accepted_no_more_are_read_anew(replayed, kubeconfig, program, monkeypatch):
    monkeypatch.setattr(api, "_RENEW_S", 0)
    kubeconfig(user=program.user(replayed.replay.token))
    cluster = connect(settings(replayed))
    assert version(cluster) == "v1.36.2"
    replayed.replay.token = "another"

    kubeconfig(user=program.user("another"))

    assert version(cluster) == "v1.36.2"
    assert program.asked == 2


def test_who_is_refused_does_not_ask_for_credentials_with_every_request(replayed, kubeconfig, program):
    kubeconfig(user=program.user("wrong"))
    cluster = connect(settings(replayed))

    for _ in range(3):
        with pytest.raises(Unreachable, match="does not accept the credentials"):
            version(cluster)

    assert program.asked == 1


def test_what_cannot_be_read_anew_is_a_passing_trouble(replayed, kubeconfig, monkeypatch):
    monkeypatch.setattr(api, "_RENEW_S", 0)
    cluster = connect(settings(replayed))
    replayed.replay.token = "another"
    kubeconfig().write_text("}{")

    with pytest.raises(Unreachable, match="no credentials"):
        version(cluster)


def test_certificates_that_the_file_holds_outlive_the_official_clients_process(replayed, kubeconfig, tmp_path):
    own = write_certificate(tmp_path / "own.pem")
    held = base64.b64encode(own.read_bytes()).decode()
    file = kubeconfig(
        user={"client-certificate-data": held, "client-key-data": held},
        **{"server": "https://127.0.0.1:1", "certificate-authority-data": held, "tls-server-name": "other"},
    )

    known = account.of_kubeconfig(str(file), "")

    assert (known.authorities, known.certificate, known.key) == (own.read_text(),) * 3
    assert (known.address, known.server_name, known.verify) == ("https://127.0.0.1:1", "other", True)
    assert known.connections(1).connection_pool_kw["ssl_context"].get_ca_certs()
    assert "PRIVATE KEY" not in repr(known)
