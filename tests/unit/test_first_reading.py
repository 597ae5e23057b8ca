"""Reading what msgspec reads for the first time, in several threads at once."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, sys, threading
import msgspec

sys.setswitchinterval(1e-6)
modules = ("colonies.envelope", "colonies.client", "colonies.models", "cfs.state", "cfs.index")
modules += ("jobs.cache", "jobs.position", "jobs.results")
for module in modules:
    importlib.import_module(f"pollinator_magic.{module}")

def below(type_):
    for each in type_.__subclasses__():
        yield from below(each)
        yield each

def read(type_, text):
    together.wait()
    for _ in range(3):
        try:
            msgspec.json.decode(text, type=type_)
        except msgspec.ValidationError:
            pass

found = [each for each in below(msgspec.Struct) if each.__module__.startswith("pollinator_magic.")]
together = threading.Barrier(8)
for type_ in found:
    fields = msgspec.structs.fields(type_)
    text = b"[" + b",".join([b"[]"] * len(fields)) + b"]" if type_.__struct_config__.array_like else (
        b"{" + b",".join(b'"%s": {"a": {}}' % field.encode_name.encode() for field in fields) + b"}"
    )
    threads = [threading.Thread(target=read, args=(type_, text)) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(len(found))
"""


def test_threads_that_are_the_first_to_read_a_type_together_do_not_end_the_interpreter():
    for _ in range(10):
        done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True)

        assert done.returncode == 0, done.stderr
        assert int(done.stdout) >= 30
