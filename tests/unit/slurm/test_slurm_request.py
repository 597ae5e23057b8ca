"""What is asked of Slurm, and the files of a job."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.slurm.commands import clean_environment
from pollinator_magic.executors.slurm.request import RequestRefused, launch_words, sbatch_options
from pollinator_magic.executors.slurm.script import Sight, files_of, own_variables
from pollinator_magic.executors.slurm.settings import SlurmSettings

PLACE = Path("/shared/state")
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


def task(**fields):
    return Task(**{"process_id": "ab12", "command": "true", "args": (), **fields})


def options(settings=None, **fields):
    return sbatch_options(task(**fields), settings or SlurmSettings(), PLACE)


def files(wanted, settings=None, inside=list):
    return files_of(
        wanted, settings or SlurmSettings(), Sight("/shared", str(PLACE)), directory=PLACE, launch=[], inside=inside
    )


def test_resources_are_rounded_up_in_slurms_units():
    asked = options(nodes=2, processes_per_node=3, cpu_millis=1001, memory_bytes=1000 * 1024**2 + 1, walltime_s=61)

    assert {"--nodes=2", "--ntasks=6", "--ntasks-per-node=3", "--cpus-per-task=2", "--mem=1001M", "--time=2"} <= set(
        asked
    )


def test_whole_mebibytes_and_minutes_stay_what_they_are():
    assert {"--mem=1000M", "--time=60"} <= set(options(memory_bytes=1000 * 1024**2, walltime_s=3600))


def test_what_is_not_limited_is_not_asked_for():
    assert not [word for word in options() if word.startswith(("--mem", "--time", "--gres", "--gpus"))]


def test_a_site_may_give_out_nodes_whole():
    assert not [word for word in options(SlurmSettings(request_memory=False), memory_bytes=5) if "--mem" in word]


@pytest.mark.parametrize(
    ("settings", "wanted", "word"),
    [
        ({}, {"gpus": 2}, "--gpus-per-node=2"),
        ({}, {"gpus": 2, "gpu_name": "a100"}, "--gpus-per-node=a100:2"),
        ({"gpu_option": "gres"}, {"gpus": 1, "gpu_name": "a100"}, "--gres=gpu:a100:1"),
        (
            {"gpu_option": "gres", "gpu_names": {"nvidia-a100": "a100"}},
            {"gpus": 1, "gpu_name": "nvidia-a100"},
            "--gres=gpu:a100:1",
        ),
        ({"gpu_names": {"any": ""}}, {"gpus": 1, "gpu_name": "any"}, "--gpus-per-node=1"),
    ],
)
def test_accelerators_are_asked_for_as_the_site_calls_them(settings, wanted, word):
    assert word in options(SlurmSettings(**settings), **wanted)


@pytest.mark.parametrize("name", ["a,license:x", "a b", "a:9", "a\n#SBATCH -N9"])
def test_a_name_that_would_ask_for_more_is_refused(name):
    with pytest.raises(RequestRefused):
        options(gpus=1, gpu_name=name)


def test_a_site_without_accelerators_says_so():
    with pytest.raises(RequestRefused, match="offers none"):
        options(SlurmSettings(gpu_option="none"), gpus=1)


def test_the_site_has_the_last_word():
    settings = SlurmSettings(partition="gpu", account="p1", qos="high", constraint="a&b", directives=["--exclusive"])

    assert options(settings)[-5:] == [
        "--partition=gpu",
        "--account=p1",
        "--qos=high",
        "--constraint=a&b",
        "--exclusive",
    ]


def test_one_rank_needs_no_srun_unless_the_site_has_options_for_it():
    assert launch_words(task(), SlurmSettings(), "srun") == []
    assert launch_words(task(), SlurmSettings(srun_options=["--mpi=pmix"]), "srun")[-1] == "--mpi=pmix"
    assert launch_words(task(nodes=2), SlurmSettings(), "/opt/srun")[0] == "/opt/srun"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"directives": ["exclusive"]}, "is no option"),
        ({"directives": ["--reservation x"]}, "is no option"),
        ({"directives": ["--a=b\n#SBATCH --nodes=9"]}, "is no option"),
        ({"directives": ["--output=/etc/passwd"]}, "set by the executor itself"),
        ({"directives": ["-ofile"]}, "set by the executor itself"),
        ({"directives": ["--array=1-9"]}, "set by the executor itself"),
        ({"srun_options": ["hello"]}, "is no option"),
        ({"partition": "a\nb"}, "one line"),
        ({"gpu_names": {"a": "b,c"}}, "no type of accelerator"),
        ({"binds": ["relative"]}, "absolute"),
        ({"query_s": 5.0, "longest_query_s": 1.0}, "longest-query-s"),
    ],
)
def test_settings_that_would_break_jobs_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        SlurmSettings(**fields)


def test_settings_are_written_as_toml_has_them():
    read = msgspec.convert({"gpu-option": "gres", "max-jobs": 5, "directives": ["--x=1 2"]}, SlurmSettings)

    assert (read.gpu_option, read.max_jobs, read.directives) == ("gres", 5, ["--x=1 2"])


@given(st.lists(WORDS, max_size=5), st.dictionaries(st.from_regex(r"T_[A-Z]{1,5}", fullmatch=True), WORDS, max_size=4))
def test_whatever_a_job_says_is_in_its_own_files_only_and_reads_back_the_same(arguments, env):
    written = files(task(args=tuple(arguments), env=env, mount="/nowhere-else"))

    for name in ("batch.sh", "rank.sh", "prolog", "launch"):
        assert written[name] == files(task())[name]
    words = written["command"].decode().split("\0")
    expected = " ".join(["true", *(shlex.quote(word) for word in arguments)])
    if "/cfs" not in expected and "/nowhere-else" not in expected:
        assert words[:-1][-1] == expected


def test_hostile_words_are_read_back_by_the_scripts_themselves(tmp_path):
    hostile = ("it's", "a\nb", "$(id)", "`id`", "-n", "", "*", "ü")
    wanted = task(command="printf '%s\\0'", args=hostile, env={"A": "x\ny'$(id)"})
    (tmp_path / "directory").mkdir()
    sight = Sight(str(tmp_path), str(tmp_path))
    for name, content in files_of(
        wanted, SlurmSettings(), sight, directory=tmp_path / "directory", launch=[], inside=list
    ).items():
        (tmp_path / name).write_bytes(content)

    done = subprocess.run(
        ["/bin/bash", tmp_path / "batch.sh", tmp_path], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )

    assert done.stdout.decode().split("\0")[:-1] == list(hostile)
    assert (tmp_path / "end").read_text() == "0 command 0\n"


def test_what_an_init_cmd_exports_is_quoted_whatever_it_is(tmp_path):
    value = 'it\'s "x" $(id) `id` & \\ \n ü ]'
    wanted = task(command='printf "%s" "$MADE"', init_command='export MADE="$GIVEN"', env={"GIVEN": value})
    (tmp_path / "directory").mkdir()
    for name, content in files_of(
        wanted, SlurmSettings(), Sight(str(tmp_path), str(tmp_path)), directory=tmp_path, launch=[], inside=list
    ).items():
        (tmp_path / name).write_bytes(content)

    done = subprocess.run(
        ["/bin/bash", tmp_path / "batch.sh", tmp_path], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )

    assert done.stdout.decode() == value


def test_modules_are_words_and_the_script_then_reads_the_profile():
    written = files(task(), SlurmSettings(modules=["gcc/12; rm -rf /", "py"], prolog=["ulimit -s unlimited"]))

    assert written["prolog"].decode() == "module load 'gcc/12; rm -rf /'\nmodule load py\nulimit -s unlimited\n"
    assert written["batch.sh"].startswith(b"#!/bin/bash -l\n")
    assert files(task())["batch.sh"].startswith(b"#!/bin/bash\n")


def test_attributes_of_an_earlier_attempt_are_left_out_and_a_users_own_home_is_not():
    assert own_variables(task(env={"SLURM-JOBID": "1", "NODES": "n1", "HOME": "/x", "A": "1"})) == {"A": "1"}
    assert own_variables(task(env={"HOME": "/mine"})) == {"HOME": "/mine"}


def test_words_with_nul_are_refused():
    with pytest.raises(RequestRefused, match="NUL"):
        files(task(args=("a\0b",)))


def test_slurms_commands_and_so_jobs_get_no_secrets_and_no_choices_of_the_person_who_started_the_executor():
    inherited = {
        **dict.fromkeys(("COLONIES_PRVKEY", "AWS_SECRET_ACCESS_KEY", "SBATCH_PARTITION", "SQUEUE_FORMAT"), "x"),
        **dict.fromkeys(("SLURM_JOB_ID", "LD_PRELOAD", "BASH_ENV"), "x"),
        "PATH": "/bin",
        "SLURM_CONF": "/etc/slurm.conf",
    }

    assert clean_environment(inherited) == {"PATH": "/bin", "SLURM_CONF": "/etc/slurm.conf"}
