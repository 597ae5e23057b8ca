"""What comes before the ranks."""

from __future__ import annotations

import sys

from cluster_jobs import run

VALUE = 'it\'s\n$(id) `id` "x" ü&'


def test_the_init_cmd_runs_once_before_all_ranks(nodes):
    error, log = run(nodes.engine(), "echo rank", init_command="echo init", nodes=2, processes_per_node=2)

    assert error == ""
    assert log.splitlines() == ["init", *["rank"] * 4]


def test_variables_and_the_directory_of_the_init_cmd_hold_for_all_ranks(nodes):
    show = "import os; print(os.getcwd(), repr(os.environ['MADE']), os.environ['SLURM_PROCID'])"
    init = 'mkdir -p "/cfs/in\'it"; cd "/cfs/in\'it"; MADE=$GIVEN; export MADE'

    error, log = run(nodes.engine(), sys.executable, "-c", show, init_command=init, nodes=2, env={"GIVEN": VALUE})

    assert error == ""
    assert sorted(log.splitlines()) == [f"{nodes.fs_dir}/in'it {VALUE!r} {rank}" for rank in range(2)]


def test_an_init_cmd_that_fails_is_the_end(nodes):
    assert run(nodes.engine(), "echo never", init_command="echo trying; exit 5") == (
        "The init-cmd failed: echo trying; exit 5: exit status 5",
        "trying\n",
    )


def test_an_init_cmd_that_ends_its_shell_well_changes_nothing(nodes):
    assert run(nodes.engine(), "echo on", init_command="exit 0") == ("", "on\n")


def test_packages_of_the_init_cmd_are_seen_by_all_ranks_and_by_no_other_job(nodes):
    engine = nodes.engine()
    source = nodes.fs_dir / "made_here"
    (source / "made_here_pkg").mkdir(parents=True)
    (source / "made_here_pkg" / "__init__.py").write_text("value = 'seen'\n")
    (source / "setup.py").write_text("")
    # pip itself would need the network for setuptools; where it puts things is what its variables say
    init = (
        "place=$(python3 -c \"import os, site; print(os.environ.get('PIP_TARGET') or site.getusersitepackages())\"); "
        'mkdir -p "$place"; cp -r /cfs/made_here/made_here_pkg "$place"'
    )
    line = "python3 -c 'import made_here_pkg; print(made_here_pkg.value)'"

    assert run(engine, line, init_command=init, nodes=2) == ("", "seen\nseen\n")
    assert "No module named" in run(engine, line, init_command="true")[1]
