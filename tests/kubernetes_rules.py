"""What a Kubernetes API server refuses in a manifest: its schemas, and three rules that they do not have."""

from __future__ import annotations

import re

import kubernetes_validate

VERSION = "1.36"
_QUANTITY = re.compile(r"\d+(\.\d+)?([kMGTPE]|[KMGTPE]i|m)?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")  # what every version takes


def problem(manifest: dict) -> tuple[int, str] | None:
    """Return the status and the text with which the API would refuse a manifest; None if it would not."""
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return 400, f"{manifest['kind']} in version {manifest['apiVersion']!r} cannot be handled: {error.message}"
    for status, text in [*_names(manifest), *_job(manifest)]:
        return status, text
    return None


def _names(manifest):
    metadata = manifest["metadata"]
    what = f'{manifest["kind"]} "{metadata["name"]}" is invalid'
    rule = _DNS_LABEL if manifest["kind"] == "Service" else _DNS_NAME
    if not rule.fullmatch(metadata["name"]):
        yield 422, f"{what}: metadata.name: Invalid value: {metadata['name']!r}"
    for key, value in metadata.get("labels", {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            yield 422, f"{what}: metadata.labels: Invalid value: {key!r}: {value!r}"


def _job(manifest):
    if manifest["kind"] != "Job":
        return
    name = manifest["metadata"]["name"]
    pod = manifest["spec"]["template"]["spec"]
    if pod.get("restartPolicy") not in {"OnFailure", "Never"}:
        text = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
        yield 422, f'Job.batch "{name}" is invalid: {text}'
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container in pod["containers"]:
        yield from _container(name, container, volumes)
    nodes = manifest["spec"].get("completions", 1)
    if manifest["spec"].get("completionMode") == "Indexed" and len(f"{name}-{nodes - 1}") > 63:
        yield 422, f'Job.batch "{name}" is invalid: spec.completions: the name of the last pod is too long'


def _container(job, container, volumes):
    what = f'Job.batch "{job}" is invalid'
    if not _DNS_LABEL.fullmatch(container["name"]):
        yield 422, f"{what}: spec.template.spec.containers[0].name: Invalid value"
    for amounts in container.get("resources", {}).values():
        for resource, amount in amounts.items():
            if not _QUANTITY.fullmatch(str(amount)):
                yield 400, f"quantities must match the regular expression, not {resource}: {amount!r}"
    for resource, amount in container.get("resources", {}).get("requests", {}).items():
        if amount != container["resources"]["limits"].get(resource):
            yield 422, f"{what}: limits must be set for non overcommitable resources: {resource}"
    names = [variable["name"] for variable in container.get("env", [])]
    for variable in names:
        if not _VARIABLE.fullmatch(variable) or variable in {".", ".."} or variable.startswith(".."):
            yield 422, f"{what}: spec.template.spec.containers[0].env: Invalid value: {variable!r}"
    if len(names) != len(set(names)):
        yield 422, f"{what}: spec.template.spec.containers[0].env: Duplicate value"
    places = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    if len(places) != len(set(places)) or any(":" in place or not place.startswith("/") for place in places):
        yield 422, f"{what}: spec.template.spec.containers[0].volumeMounts: must be unique, absolute and without colons"
    if any(mount["name"] not in volumes for mount in container.get("volumeMounts", [])):
        yield 422, f"{what}: spec.template.spec.containers[0].volumeMounts[0].name: Not found"


def expanded(text: str, env: dict[str, str]) -> str:
    """Return what a container is given of a text in its command, arguments or variables.

    `$(NAME)` is replaced where NAME is known, `$$` is `$`, everything else stays.
    """
    out, at = [], 0
    while at < len(text):
        if text[at] == "$" and at + 1 < len(text):
            if text[at + 1] == "$":
                out.append("$")
                at += 2
                continue
            if text[at + 1] == "(" and (end := text.find(")", at)) > 0:
                name = text[at + 2 : end]
                out.append(env.get(name, f"$({name})"))
                at = end + 1
                continue
        out.append(text[at])
        at += 1
    return "".join(out)
