"""What msgspec reads for the first time in several threads at once, as when many jobs are submitted together."""

from __future__ import annotations

import subprocess
import sys

import msgspec

from pollinator_magic.colonies.models import FunctionSpec, Process, SnapshotMount

PROGRAM = """
import sys, threading
import msgspec
from pollinator_magic.colonies.models import Process

def read():
    together.wait()
    for _ in range(3): msgspec.json.decode(sys.argv[1], type=Process)

sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_that_are_the_first_to_read_a_type_together_do_not_end_the_interpreter():
    spec = FunctionSpec(funcname="execute")
    spec.fs.snapshots = [SnapshotMount(label="x")]
    text = msgspec.json.encode(Process(spec=spec)).decode()

    for _ in range(25):  # without preparation about every sixth ends with a segmentation fault
        done = subprocess.run([sys.executable, "-c", PROGRAM, text], check=False, capture_output=True, text=True)

        assert done.returncode == 0, (done.returncode, done.stderr)
