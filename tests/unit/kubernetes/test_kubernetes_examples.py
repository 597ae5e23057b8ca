"""The manifests of the documents can be applied as they stand, and grant what the engine uses and no more."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from pollinator_magic.executors.configuration import configure
from pollinator_magic.executors.kinds import kind
from pollinator_magic.executors.kubernetes.checks import _NEEDED, _NODES, _USEFUL
from tests.kubernetes_rules import VERSION

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "kubernetes"
DOCUMENT = Path(__file__).parents[3] / "docs" / "executors.md"


def manifests(name):
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def one(name, kind):
    return next(manifest for manifest in manifests(name) if manifest["kind"] == kind)


@pytest.mark.parametrize("name", ["rbac.yaml", "executor.yaml"])
def test_every_manifest_is_valid(name):
    for manifest in manifests(name):
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    assert f"](examples/kubernetes/{name})" in DOCUMENT.read_text(encoding="utf-8")


def test_an_executor_is_granted_what_is_checked_and_a_look_at_its_claim():
    granted = {
        (group, resource, verb)
        for rule in one("rbac.yaml", "Role")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    used = {*_NEEDED, *(access[:3] for access in _USEFUL)}
    assert granted == used | {("", "persistentvolumeclaims", "get")}
    nodes = one("rbac.yaml", "ClusterRole")["rules"]
    assert nodes == [{"apiGroups": [_NODES[0]], "resources": [_NODES[1]], "verbs": [_NODES[2]]}]


def test_the_deployment_is_one_pod_with_the_account_the_claim_and_the_keys_of_the_others():
    deployment = one("executor.yaml", "Deployment")["spec"]
    pod = deployment["template"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    assert pod["serviceAccountName"] == one("rbac.yaml", "ServiceAccount")["metadata"]["name"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["files"]["persistentVolumeClaim"]["claimName"] == "colony-files"
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "colony-keys"}}]
    namespaces = {
        manifest["metadata"].get("namespace")
        for name in ("rbac.yaml", "executor.yaml")
        for manifest in manifests(name)
        if not manifest["kind"].startswith("Cluster")
    }
    assert namespaces == {"colony-jobs"}


def test_the_settings_of_the_deployment_are_those_of_an_executor(tmp_path):
    file = tmp_path / "kubernetes.toml"
    file.write_text(one("executor.yaml", "ConfigMap")["data"]["kubernetes.toml"])
    configuration = configure(kind("kubernetes"), file)
    pod = one("executor.yaml", "Deployment")["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert configuration.executor.fs_dir == mounts["files"]
    assert configuration.executor.drain_s < pod["terminationGracePeriodSeconds"]
    assert configuration.engine.claim == one("executor.yaml", "PersistentVolumeClaim")["metadata"]["name"]
    words = pod["containers"][0]["args"]
    assert words[-1] == f"{mounts['settings']}/kubernetes.toml"


def test_the_image_of_the_executor_has_what_this_engine_needs():
    text = (EXAMPLES / "Dockerfile").read_text(encoding="utf-8")
    assert "'pollinator-magic[kubernetes,metrics]'" in text
    assert 'ENTRYPOINT ["pollinate"]' in text
