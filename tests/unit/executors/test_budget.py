from __future__ import annotations

import threading

from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process
from pollinator_magic.executors.budget import Budget, Room
from pollinator_magic.executors.engine import Capacity

GIB = 1024**3


def process(number, *, cpu="1000m", mem="1Gi", nodes=1, ranks=1):
    conditions = Conditions(nodes=nodes, processespernode=ranks, cpu=cpu, mem=mem, walltime=60)
    spec = FunctionSpec(funcname="execute", kwargs={"cmd": "true"}, maxexectime=59, maxretries=1, conditions=conditions)
    return Process(processid=f"{number:064x}", spec=spec)


def budget(*, take_anything_when_idle=False):
    return Budget(Capacity(4000, 8 * GIB), take_anything_when_idle=take_anything_when_idle)


def test_what_is_taken_is_not_offered():
    counted = budget()
    assert counted.room() == Room("4000m", "8192Mi")
    counted.take(process(1, cpu="1500m", mem="2Gi", ranks=2))
    assert counted.room() == Room("1000m", "6144Mi")
    counted.give_back(process(1))
    assert counted.room() == Room("4000m", "8192Mi")


def test_memory_counts_for_each_node():
    counted = budget()
    counted.take(process(1, cpu="10m", mem="3Gi", nodes=2))
    assert counted.room() == Room("3980m", "2048Mi")


def test_without_a_free_processor_or_memory_there_is_no_room():
    counted = budget()
    counted.take(process(1, nodes=9))
    assert counted.room() is None
    counted.give_back(process(1))
    counted.take(process(2, mem="8Gi"))
    assert counted.room() is None


def test_an_idle_machine_may_take_what_is_larger_than_itself():
    counted = budget(take_anything_when_idle=True)
    assert counted.room() == Room("", "")
    counted.take(process(1))
    assert counted.room() == Room("3000m", "7168Mi")


def test_a_process_that_will_be_refused_takes_nothing():
    counted = budget()
    counted.take(process(1, cpu="0m"))
    assert counted.room() == Room("4000m", "8192Mi")


def test_an_engine_that_queues_its_jobs_itself_takes_as_many_as_it_says_whatever_they_need():
    counted = Budget(Capacity(jobs=2), take_anything_when_idle=False)
    counted.take(process(1, cpu="64000m", mem="1000Gi", nodes=100))
    assert counted.room() == Room("", "")
    counted.take(process(2))
    assert counted.room() is None
    counted.give_back(process(1))
    assert counted.room() == Room("", "")


def test_processors_may_be_limited_where_memory_is_not():
    counted = Budget(Capacity(cpu_millis=4000), take_anything_when_idle=False)
    counted.take(process(1, cpu="3000m", mem="1000Gi"))
    assert counted.room() == Room("1000m", "")
    counted.take(process(2))
    assert counted.room() is None


def test_waiting_ends_when_something_is_given_back():
    counted = budget()
    counted.take(process(1))
    threading.Timer(0.05, counted.give_back, [process(1)]).start()
    assert counted.wait(20)
    assert not counted.wait(0.01)
