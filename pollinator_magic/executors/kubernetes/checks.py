"""Looks at everything that jobs of a cluster will need, without starting one. No image is fetched."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.kinds import Finding
from pollinator_magic.executors.kubernetes import hardware, models
from pollinator_magic.executors.kubernetes.account import MISSING
from pollinator_magic.executors.kubernetes.api import Refused, Unreachable, acts_as_its_pod, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollinator_magic.executors.kubernetes.api import Api
    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

_RBAC = "Apply docs/examples/kubernetes/rbac.yaml to the namespace, or ask its administrator to."
_NEEDED = (
    ("batch", "jobs", "create"),
    ("batch", "jobs", "get"),
    ("batch", "jobs", "list"),
    ("batch", "jobs", "delete"),
    ("", "pods", "list"),
    ("", "pods/log", "get"),
)
_USEFUL = (
    ("", "services", "create", "jobs over several nodes cannot start"),
    ("", "events", "list", "users are not told why a job gets no pod, or its files cannot be mounted"),
    ("", "pods", "deletecollection", "a job that is cancelled late has as long to end as any other"),
)
_NODES = ("", "nodes", "list")


def check(settings: KubernetesSettings, fs_dir: Path) -> Iterator[Finding]:
    """Yield what is found, as it is found."""
    if acts_as_its_pod(settings):
        yield Finding("the account of this pod is used")
    else:
        try:
            yield Finding(f"the official client, version {version('kubernetes')}")
        except PackageNotFoundError:
            what, _, remedy = MISSING.partition(". ")
            yield Finding(what[0].lower() + what[1:], good=False, remedy=f"{remedy}.")
            return
    try:
        api = connect(settings)
    except ConfigurationError as error:
        yield Finding("no cluster is configured", good=False, remedy=str(error))
        return
    try:
        yield from _cluster(api, settings)
    except Unreachable as error:
        yield Finding(f"the cluster at {api.address} cannot be used", good=False, remedy=str(error))
    finally:
        api.close()
    yield from _user(settings, fs_dir)


def _cluster(api: Api, settings: KubernetesSettings) -> Iterator[Finding]:
    try:
        server = api.get(models.Version, "/version").git_version
    except Refused:
        server = "of a version that it does not tell"
    yield Finding(f"Kubernetes {server} at {api.address}, jobs in namespace {api.namespace}")
    yield from _access(api)
    yield from _nodes(api, settings)
    yield from _claim(api, settings)
    image = f"{settings.image}, which is not fetched now" if settings.image else "none: jobs have to name one"
    yield Finding(f"default image: {image}")


def _access(api: Api) -> Iterator[Finding]:
    refused = [f"{verb} {resource}" for group, resource, verb in _NEEDED if not _may(api, group, resource, verb)]
    if refused:
        yield Finding(f"this account may not: {', '.join(refused)}", good=False, remedy=_RBAC)
    else:
        yield Finding("this account may create, watch and delete jobs, and read their logs")
    for group, resource, verb, without in _USEFUL:
        if not _may(api, group, resource, verb):
            what = f"this account may not {verb} {resource}: {without}"
            yield Finding(what, good=False, remedy=_RBAC, fatal=False)


def _may(api: Api, group: str, resource: str, verb: str, *, everywhere: bool = False) -> bool:
    """Ask whether this account may do something."""
    name, _, part = resource.partition("/")
    attributes = {"group": group, "resource": name, "verb": verb}
    if part:
        attributes["subresource"] = part
    if not everywhere:
        attributes["namespace"] = api.namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = api.create(models.Review, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    except Refused:
        return False
    return answer.status.allowed


def _nodes(api: Api, settings: KubernetesSettings) -> Iterator[Finding]:
    group, resource, verb = _NODES
    if not _may(api, group, resource, verb, everywhere=True):
        if settings.cpu and settings.memory:
            yield Finding(f"{settings.cpu} processors and {settings.memory} for jobs, as set")
            return
        yield Finding(
            "this account may not list nodes, so that nobody knows how much the cluster can carry",
            good=False,
            remedy="Set cpu and memory in [kubernetes], or apply all of docs/examples/kubernetes/rbac.yaml.",
            fatal=False,
        )
        return
    nodes = api.list(models.NodeList, "/api/v1/nodes").items or []
    usable = hardware.usable(nodes, settings)
    total = hardware.capacity(usable)
    if total.cpu_millis is None or total.memory_bytes is None:
        remedy = "Look at: kubectl describe nodes. Set node-selector and tolerations in [kubernetes] as they ask for."
        yield Finding(f"none of {len(nodes)} nodes is ready and takes jobs", good=False, remedy=remedy, fatal=False)
        return
    memory = total.memory_bytes >> 30
    count = f"{len(usable)} node{'s' if len(usable) > 1 else ''}"
    if len(usable) < len(nodes):
        count += f" (of {len(nodes)})"
    yield Finding(f"{count} with {total.cpu_millis / 1000:g} processors and {memory} GiB for pods")


def _claim(api: Api, settings: KubernetesSettings) -> Iterator[Finding]:
    if not settings.claim:
        yield Finding(
            "no claim is set, so that only jobs without files can run",
            good=False,
            remedy="Set claim in [kubernetes] to the PersistentVolumeClaim that fs-dir lies on.",
            fatal=False,
        )
        return
    try:
        claim = api.get(models.Claim, api.core("persistentvolumeclaims", settings.claim))
    except Refused as refusal:
        missing = refusal.status == 404
        what = f"claim {settings.claim} " + ("is not there" if missing else "cannot be looked at")
        yield Finding(what, good=False, remedy=str(refusal), fatal=missing)
        return
    modes = ", ".join(claim.spec.access_modes or ())
    if claim.status.phase != "Bound":
        state = claim.status.phase or "of unknown state"
        remedy = f"Look at: kubectl describe pvc {settings.claim} -n {api.namespace}"
        yield Finding(f"claim {settings.claim} is {state}, not Bound", good=False, remedy=remedy, fatal=False)
    elif "ReadWriteMany" not in modes:
        yield Finding(
            f"claim {settings.claim} is {modes}: all jobs have to run on the executor's own node",
            good=False,
            remedy="Use a claim that is ReadWriteMany.",
            fatal=False,
        )
    else:
        yield Finding(f"claim {settings.claim}, {modes}")


def _user(settings: KubernetesSettings, fs_dir: Path) -> Iterator[Finding]:
    own = os.geteuid()
    user = settings.user or own
    if user == own != 0:
        yield Finding(f"jobs run as user {user}, like the executor, whose files in {fs_dir} they share")
    else:
        yield Finding(
            f"the executor runs as user {own} and jobs as {user or 1000}, who may not be able to write results there",
            good=False,
            remedy="Run both as the same user, which is not root: set user and group in [kubernetes].",
            fatal=False,
        )
