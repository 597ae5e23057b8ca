from __future__ import annotations

import os
import string
from pathlib import Path

import msgspec
import pytest
from garage import KIND, CarSettings
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors import kinds
from pollinator_magic.executors.configuration import ExecutorSettings, configure
from pollinator_magic.executors.flags import options

KEY = "ab" * 32


@pytest.fixture
def written(tmp_path):
    """Write a file; return a function that reads it with some options."""

    def read(text, **texts):
        file = tmp_path / "garage.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return configure(KIND, file, [(option(name), value) for name, value in texts.items()])

    return read


def option(name):
    flag = f"--{name.replace('_', '-')}"
    return next(one for one in options(KIND) if one.flag == flag)


def problems(call, *arguments, **texts):
    with pytest.raises(ConfigurationError) as raised:
        call(*arguments, **texts)
    return str(raised.value).splitlines()


def test_a_file_says_what_every_executor_and_what_the_engine_has(written):
    read = written(
        """
        [executor]
        name = "lab"
        poll-s = 2
        [car]
        colour = "blue"
        tank-l = 40
        extras = ["radio"]
        wheels.left = { maker = "one", size-mm = 400 }
        spares = [{ maker = "two" }]
        towing = "trailer"
        """
    )
    assert (read.executor.name, read.executor.poll_s, read.executor.type) == ("lab", 2, "container-executor")
    assert (read.engine.colour, read.engine.tank_l, read.engine.extras) == ("blue", 40.0, ["radio"])
    assert (read.engine.wheels["left"].size_mm, read.engine.spares[0].size_mm, read.engine.towing) == (
        400,
        500,
        "trailer",
    )


def test_options_alone_are_enough():
    read = configure(KIND, None, [(option("name"), "lab"), (option("seats"), "2"), (option("electric"), True)])
    assert (read.executor.name, read.engine.seats, read.engine.electric) == ("lab", 2, True)


def test_an_option_goes_before_the_file(written):
    text = '[executor]\nname = "lab"\n[car]\nseats = 2\ncolour = "blue"'
    read = written(text, seats="3", name="other")
    assert (read.executor.name, read.engine.seats, read.engine.colour) == ("other", 3, "blue")


def test_every_problem_is_said_at_once_with_its_place_and_the_nearest_name(written):
    text = """
        colour = "blue"
        [executor]
        nme = "lab"
        poll-s = 0
        metrics = 9464
        [car]
        seats = 20
        colur = "blue"
        drive = "both"
        electric = "yes"
        tank-l = nan
        extras = ["radio", 5]
        wheels.left = { size-mm = 4 }
        spares = [{ maker = "two" }, { maker = "three", sise-mm = 4 }]
        towing = { maker = 5 }
        plate = 2026-11-23
        [cra]
    """
    assert problems(written, text) == [
        "garage.toml: [colour] does not belong to an executor of the kind 'car'.",
        "garage.toml: [cra] does not belong to an executor of the kind 'car'. Did you mean 'car'?",
        "garage.toml: [executor] nme is not known. Did you mean 'name'?",
        "garage.toml: [executor] poll-s must be a whole number from 1 to 60, not 0.",
        'garage.toml: [executor] metrics must be a text: write "9464".',
        "garage.toml: [car] seats must be a whole number from 1 to 9, not 20.",
        "garage.toml: [car] colur is not known. Did you mean 'colour'?",
        "garage.toml: [car] drive must be 'front' or 'rear', not 'both'.",
        "garage.toml: [car] electric must be true or false, not 'yes'.",
        "garage.toml: [car] tank-l must be a number of more than 0, not nan.",
        'garage.toml: [car] extras, item 2 must be a text: write "5".',
        "garage.toml: [car.wheels.left] size-mm must be a whole number from 100 to 900, not 4.",
        "garage.toml: [car.wheels.left] maker is missing: it must be a text.",
        "garage.toml: [car] spares, item 2, sise-mm is not known. Did you mean 'size-mm'?",
        'garage.toml: [car.towing] maker must be a text: write "5".',
        "garage.toml: [car] plate must be a text, not a date or a time.",
    ]


def test_an_option_is_blamed_by_its_own_name(written):
    assert problems(written, '[executor]\nname = "lab"\n[car]\nseats = 99', seats="many", poll_s="x") == [
        "--poll-s must be a whole number from 1 to 60, not 'x'.",
        "--seats must be a whole number from 1 to 9, not 'many'.",
    ]


def test_values_that_contradict_each_other_are_said_in_the_words_of_the_settings(written):
    text = '[executor]\nname = "lab"\n[car]\nelectric = true'
    assert problems(written, text, tank_l="10") == ["garage.toml: [car] tank-l is of no use where electric is true."]


def test_an_executor_needs_a_name(written):
    assert problems(written, "[car]") == [
        "The executor needs a name: give --name, or name in [executor] of the file that --config names."
    ]


@pytest.mark.parametrize("name", ["a:b", "../b", "a/b", " a", "a\nb"])
def test_a_name_that_would_break_listings_or_paths_is_refused(name):
    (problem,) = problems(configure, KIND, None, [(option("name"), name)])
    assert "Give it another name." in problem


def test_a_secret_is_neither_taken_nor_quoted(written):
    said = "\n".join(problems(written, f'[executor]\nname = "lab"\napi-key = "{KEY}"\n[car]\npassword = "{KEY}"'))
    assert KEY not in said
    assert "Keys and passwords do not belong here" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[executor", "this is not TOML: Expected ']'"),
        (b'[executor]\nname = "\xff"', "this is not TOML, because it is not UTF-8"),
        ("a = " + "[" * 5000, "this is not TOML"),
        ("a = " + "9" * 5000, "this is not TOML"),
        ("x" * (2 << 20), "is too large for a configuration"),
    ],
)
def test_what_is_no_toml_is_told(written, text, said):
    (problem,) = problems(written, text)
    assert said in problem


def test_a_file_that_is_not_there_is_told(tmp_path):
    (problem,) = problems(configure, KIND, tmp_path / "no.toml")
    assert problem.endswith("No such file or directory. Check --config.")


def test_paths_in_a_file_are_seen_from_where_it_lies(written, tmp_path):
    read = written('[executor]\nname = "lab"\nfs-dir = "files"\nenv-file = "/etc/colony.env"')
    assert (read.executor.fs_dir, read.executor.env_file) == (str(tmp_path / "files"), "/etc/colony.env")
    assert written('[executor]\nname = "lab"\nfs-dir = "~/files"').executor.fs_dir == str(Path.home() / "files")


def test_so_are_those_of_an_engine_wherever_in_its_table_they_stand(written, tmp_path):
    read = written(
        """
        executor.name = "lab"
        [car]
        papers = "papers"
        maps = ["maps", "~/maps", "/maps"]
        wheels.left = { maker = "left", invoice = "../left.pdf" }
        spares = [{ maker = "spare", invoice = "spare.pdf" }]
        towing = { maker = "towed", invoice = "towed.pdf" }
        """
    )

    car = read.engine
    assert car.papers == str(tmp_path / "papers")
    assert car.maps == [str(tmp_path / "maps"), str(Path.home() / "maps"), "/maps"]
    assert (car.wheels["left"].maker, car.wheels["left"].invoice) == ("left", str(tmp_path / "../left.pdf"))
    assert car.spares[0].invoice == str(tmp_path / "spare.pdf")
    assert car.towing.invoice == str(tmp_path / "towed.pdf")


def test_what_is_no_path_stays_as_it_is(written):
    read = written('executor.name = "lab"\n[car]\ncolour = "red/green"\nextras = ["./x"]\ntowing = "a/b"\npapers = ""')

    assert (read.engine.colour, read.engine.extras, read.engine.towing) == ("red/green", ["./x"], "a/b")
    assert read.engine.papers == ""


def test_a_program_is_looked_for_by_its_name_unless_it_is_a_path(written, tmp_path):
    table = 'executor.name = "lab"\n[car]\nkey = '

    assert written(f'{table}"starter"').engine.key == "starter"
    assert written(f'{table}"bin/starter"').engine.key == str(tmp_path / "bin/starter")


def test_paths_that_are_options_are_seen_from_the_current_directory(written, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    read = written('executor.name = "lab"\ncar.papers = "papers"', fs_dir="files", papers="mine", key="./starter")

    assert read.executor.fs_dir == str(tmp_path / "here" / "files")
    assert (read.engine.papers, read.engine.key) == (str(tmp_path / "here/mine"), str(tmp_path / "here/starter"))


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("slurm", ("images", "commands", "conf", "runtime", "image-files")),
        ("container", ("runtime",)),
        ("kubernetes", ("kubeconfig",)),
    ],
)
def test_every_path_of_our_own_kinds_is_seen_from_the_file(tmp_path, kind, keys):
    file = tmp_path / "site.toml"
    lines = [f'{key} = ["below/it"]' if key == "image-files" else f'{key} = "below/it"' for key in keys]
    file.write_text("\n".join(['executor.name = "lab"', f"[{kind}]", *lines]))

    engine = configure(kinds.kind(kind), file).engine

    values = [getattr(engine, key.replace("-", "_")) for key in keys]
    assert [value[0] if isinstance(value, list) else value for value in values] == [str(tmp_path / "below/it")] * len(
        keys
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_metrics_are_for_this_machine_unless_a_host_is_named(text, address):
    assert ExecutorSettings(metrics=text).metrics_address == address


@pytest.mark.parametrize("text", ["x", "0", "65536", "a:b:1", "http://localhost:1", "[::1"])
def test_an_address_that_is_none_is_refused(text):
    (problem,) = problems(configure, KIND, None, [(option("name"), "lab"), (option("metrics"), text)])
    assert problem.startswith("[executor] metrics must be HOST:PORT or PORT")


# --- keys -------------------------------------------------------------------------------------------------------------


def test_keys_come_from_a_file_that_only_its_owner_can_read_before_those_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("COLONIES_PRVKEY", "of the environment")
    monkeypatch.setenv("COLONIES_COLONY_NAME", "hpc")
    file = tmp_path / "colony.env"
    file.write_text(f"export COLONIES_PRVKEY={KEY}\n")
    file.chmod(0o600)
    configuration = configure(KIND, None, [(option("name"), "lab"), (option("env_file"), str(file))])
    environment = configuration.environment()
    assert (environment["COLONIES_PRVKEY"], environment["COLONIES_COLONY_NAME"]) == (KEY, "hpc")
    assert os.environ["COLONIES_PRVKEY"] == "of the environment"  # which jobs' programs inherit


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_of_keys_that_others_can_read_or_change_is_refused(tmp_path, mode):
    file = tmp_path / "colony.env"
    file.write_text(f"COLONIES_PRVKEY={KEY}\n")
    file.chmod(mode)
    configuration = configure(KIND, None, [(option("name"), "lab"), (option("env_file"), str(file))])
    (problem,) = problems(configuration.environment)
    assert problem.endswith(f"chmod 600 {file}")
    assert KEY not in problem


def test_a_file_of_keys_that_is_not_there_is_told(tmp_path):
    configuration = configure(KIND, None, [(option("name"), "lab"), (option("env_file"), str(tmp_path / "no"))])
    (problem,) = problems(configuration.environment)
    assert "No such file or directory" in problem


# --- options ----------------------------------------------------------------------------------------------------------


def test_every_plain_setting_is_an_option_with_what_it_means():
    flags = {one.flag: one for one in options(KIND) if one.table == "car"}
    assert list(flags) == [
        "--colour",
        "--seats",
        "--tank-l",
        "--electric",
        "--drive",
        "--plate",
        "--car-name",
        "--papers",
        "--key",
    ]
    assert flags["--seats"].help == "How many can sit in it (by default 4)."
    assert (flags["--drive"].choices, flags["--electric"].is_switch) == (("front", "rear"), True)


def test_an_option_of_the_engine_that_has_a_general_name_is_told_apart():
    read = configure(KIND, None, [(option("name"), "lab"), (option("car_name"), "herbie")])
    assert (read.executor.name, read.engine.name) == ("lab", "herbie")


# --- whatever is written ----------------------------------------------------------------------------------------------

WORDS = st.text(string.printable, max_size=12)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | WORDS | st.dates() | st.datetimes() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([field.encode_name for field in msgspec.structs.fields(CarSettings)]) | WORDS


def is_read_or_refused(read):
    try:
        return isinstance(read().engine, CarSettings)
    except ConfigurationError as error:
        return all(line.endswith((".", "?")) for line in str(error).splitlines())


def as_toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    return str(value)


@given(table=st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_table_is_read_or_refused_with_words(tmp_path_factory, table):
    file = tmp_path_factory.getbasetemp() / "any.toml"
    lines = "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in table.items())
    file.write_text(f'[executor]\nname = "lab"\n[car]\n{lines}\n', encoding="utf-8")
    assert is_read_or_refused(lambda: configure(KIND, file))


@given(content=st.binary(max_size=60) | st.text(string.printable).map(str.encode))
def test_garbage_is_refused_with_words(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "garbage.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError):
        configure(KIND, file)


@given(texts=st.dictionaries(st.sampled_from([one.flag for one in options(KIND)]), st.text(max_size=12), max_size=4))
def test_any_options_are_read_or_refused_with_words(texts):
    given = [(option("name"), "lab"), *((option(flag[2:]), text) for flag, text in texts.items())]
    assert is_read_or_refused(lambda: configure(KIND, None, given))


CARS = st.builds(
    CarSettings,
    colour=WORDS,
    seats=st.integers(1, 9),
    tank_l=st.floats(0.5, 1e6),
    drive=st.sampled_from(["front", "rear"]),
    extras=st.lists(WORDS, max_size=3),
)


@given(car=CARS)
def test_what_is_written_is_what_is_read(tmp_path_factory, car):
    file = tmp_path_factory.getbasetemp() / "round.toml"
    table = {key: value for key, value in msgspec.to_builtins(car).items() if value is not None}
    lines = "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())
    file.write_text(f'[executor]\nname = "lab"\n[car]\n{lines}\n', encoding="utf-8")
    assert configure(KIND, file).engine == car


@given(car=CARS)
def test_options_mean_what_a_file_means(car):
    said = {"colour": car.colour, "seats": str(car.seats), "tank_l": repr(car.tank_l), "drive": car.drive}
    read = configure(KIND, None, [(option("name"), "lab"), *((option(name), text) for name, text in said.items())])
    assert msgspec.structs.replace(read.engine, extras=car.extras) == car
