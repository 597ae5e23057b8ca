"""What a site may set for containers."""

from __future__ import annotations

import msgspec
import pytest

from pollinator_magic.executors.container.settings import ContainerSettings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cpu": "many"}, "cpu"),
        ({"memory": "4GB"}, "memory"),
        ({"image": "--privileged"}, "image"),
        ({"network": "--ipc=host"}, "network"),
        ({"user": "root; id"}, "user"),
        ({"volumes": ["relative"]}, "volumes"),
        ({"volumes": ["/a:/b:ro:z"]}, "volumes"),
        ({"options": ["-v /:/host"]}, "options"),
        ({"options": ["--shm-size 1g"]}, "options"),
        ({"options": ["--entrypoint=/bin/true"]}, "--entrypoint is set by the executor itself"),
        ({"options": ["--rm"]}, "--rm is set by the executor itself"),
        ({"gpus": ["--privileged"]}, "gpus"),
        ({"query_s": 5, "longest_query_s": 1}, "longest-query-s"),
        ({"pull": "sometimes"}, "sometimes"),
        ({"grace_s": -1}, "grace"),
        ({"runtimes": "x"}, "runtimes"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, said):
    table = {name.replace("_", "-"): value for name, value in wrong.items()}

    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(table, ContainerSettings)


def test_what_a_site_would_write_is_understood():
    table = {
        "runtime": "/usr/bin/podman",
        "image": "python:3.12",
        "network": "host",
        "user": "1000:1000",
        "read-only": True,
        "volumes": ["/data", "/opt/models:/models:ro"],
        "options": ["--shm-size=1g", "--privileged"],
        "gpus": ["nvidia.com/gpu=0"],
        "cpu": "16",
        "memory": "64Gi",
    }

    settings = msgspec.convert(table, ContainerSettings)

    assert (settings.cpu_millis, settings.memory_bytes) == (16_000, 64 << 30)
    assert ContainerSettings().cpu_millis is None
    assert ContainerSettings().memory_bytes is None
