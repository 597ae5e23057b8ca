"""What a sweep varies: values as they are written, tables, and how a job is told its own."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.errors import UsageError
from pollinator_magic.jobs.parameterfile import parameter_sets, rows
from pollinator_magic.jobs.parameters import MOST_JOBS, combinations, describe, parameters_of, typed, variables


def values(text: str) -> list[object]:
    return [one["x"] for one in combinations([f"x={text}"])]


# --- --each ----------------------------------------------------------------------------------------------------------


def test_the_product_has_the_last_name_varying_fastest():
    assert combinations(["lr=0.1,0.01", "seed=1:3"]) == [
        {"lr": 0.1, "seed": 1},
        {"lr": 0.1, "seed": 2},
        {"lr": 0.1, "seed": 3},
        {"lr": 0.01, "seed": 1},
        {"lr": 0.01, "seed": 2},
        {"lr": 0.01, "seed": 3},
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3,-4,+5", [3, -4, 5]),
        ("0.5,.5,5.,1e-3,-2E+2", [0.5, 0.5, 5.0, 0.001, -200.0]),
        ("true,False,none", [True, False, None]),
        ("adam,sgd", ["adam", "sgd"]),
        (" a , b ", ["a", "b"]),
        ("007,1_000,0x10,nan,inf,1e999", ["007", "1_000", "0x10", "nan", "inf", "1e999"]),
        ('"a,b",c,\'d,"e\'', ["a,b", "c", 'd,"e']),
        ('"say ""hi""","3",""', ['say "hi"', "3", ""]),
        ("it's,5\"", ["it's", '5"']),
        ("a=b,c", ["a=b", "c"]),
        ("http://host:80/p,12:x", ["http://host:80/p", "12:x"]),
        ("ü,油", ["ü", "油"]),
    ],
)
def test_values_are_numbers_words_or_text(text, expected):
    found = values(text)

    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:5", [1, 2, 3, 4, 5]),
        ("3:3", [3]),
        ("-2:1", [-2, -1, 0, 1]),
        ("1:10:4", [1, 5, 9]),
        ("5:1:-2", [5, 3, 1]),
        ("0:1:0.25", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("1:0.7:-0.1", [1.0, 0.9, 0.8, 0.7]),
        ("1e-4:3e-4:1e-4", [1e-4, 2e-4, 3e-4]),
        ("1:3,10,0.5", [1, 2, 3, 10, 0.5]),
        ('"1:3"', ["1:3"]),
    ],
)
def test_ranges_hold_both_ends_and_their_steps_are_exact(text, expected):
    found = values(text)

    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (["lr"], "NAME=VALUES. For example: --each lr=0.1,0.01"),
        (["lr="], "lacks a value. For example: --each lr=0.1,0.01"),
        (["lr=1,,2"], "lacks a value"),
        (["lr=1,"], "lacks a value"),
        (["=1"], "'' cannot be the name of a variable"),
        (["2x=1"], "'2x' cannot be"),
        (["class=1"], "'class' cannot be"),
        (["x.y=1"], "'x.y' cannot be"),
        (["x=1", "y=2", "x=3"], "varies 'x' twice"),
        (['x="a'], "not a whole text in quotes"),
        (['x="a"b'], "not a whole text in quotes"),
        (["x=1:2:0"], "step must not be 0"),
        (["x=5:1"], "Try x=5:1:-1"),
        (["x=1:5:-2"], "Try x=1:5:2"),
        (["PATH=/tmp"], "'PATH' is not for parameters"),
        (["HOME=a"], "'HOME'"),
        (["LD_PRELOAD=a"], "'LD_PRELOAD'"),
        (["PYTHONPATH=a"], "'PYTHONPATH'"),
        (["COLONIES_PRVKEY=a"], "'COLONIES_PRVKEY'"),
        (["POLLINATOR_PARAMETERS=a"], "'POLLINATOR_PARAMETERS'"),
        (["SLURM_JOB_ID=1"], "'SLURM_JOB_ID'"),
        (["PROJECT_DIR=1"], "'PROJECT_DIR'"),
        (["__name__=1"], "'__name__'"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_what_to_write(each, said):
    with pytest.raises(UsageError) as refused:
        combinations(each)

    assert said in str(refused.value)


def test_a_name_is_found_by_the_program_however_its_letters_were_typed():
    assert combinations(["\N{MICRO SIGN}=1"]) == [{"\N{GREEK SMALL LETTER MU}": 1}]


@pytest.mark.parametrize(
    ("each", "many"),
    [
        (["x=1:1001"], "1,001"),
        (["x=1:100", "y=1:100", "z=a,b"], "20,000"),
        ([f"x=1:{10**39}"], f"{10**39:,}"),
    ],
)
def test_too_many_jobs_are_refused_with_their_number_and_without_making_them(each, many):
    with pytest.raises(UsageError, match=f"asks for {many} jobs, and at most 1,000"):
        combinations(each)


def test_as_many_jobs_as_there_may_be_are_made():
    assert len(combinations(["x=1:10", "y=1:100"])) == MOST_JOBS


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_any_text_can_be_given_in_quotes(texts):
    quoted = ",".join('"' + text.replace('"', '""') + '"' for text in texts)

    assert values(quoted) == texts


@given(st.integers(-100, 100), st.integers(0, 300), st.integers(1, 50), st.integers(0, 6))
def test_a_range_of_decimals_is_what_the_decimals_say(start, count, step, places):
    scale = 10**places

    found = values(f"{start / scale:.{places}f}:{(start + count * step) / scale:.{places}f}:{step / scale:.{places}f}")

    assert found == [(start + number * step) / scale for number in range(count + 1)]


def test_jobs_that_nobody_could_count_are_refused_too():
    with pytest.raises(UsageError, match="asks for countless jobs, and at most 1,000"):
        combinations([f"{name}=0:1e300:1e-999" for name in "abcd"])


def test_a_range_beyond_floating_point_numbers_is_refused():
    with pytest.raises(UsageError, match="x=1e400:1e400: its numbers are larger than"):
        combinations(["x=1e400:1e400"])


@given(st.text())
def test_reading_a_value_never_fails_and_what_it_gives_can_travel(text):
    value = typed(text)

    assert not isinstance(value, float) or math.isfinite(value)
    assert isinstance(value, (str, int, float, bool, type(None)))


# --- --map -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    def write(name: str, content: str | bytes):
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


def test_each_row_is_a_job_and_a_column_has_one_type(table):
    file = table(
        "p.csv",
        "city,n,lat,warm,code,mixed,gap\nLund,1,55.7,true,007,1,\nLuleå,2,65,False,8,x,3\n",
    )

    assert rows(file) == [
        {"city": "Lund", "n": 1, "lat": 55.7, "warm": True, "code": "007", "mixed": "1", "gap": None},
        {"city": "Luleå", "n": 2, "lat": 65.0, "warm": False, "code": "8", "mixed": "x", "gap": 3},
    ]
    assert [type(row["lat"]) for row in rows(file)] == [float, float]


def test_what_spreadsheets_write_is_read(table):
    file = table("p.csv", b'\xef\xbb\xbfname, x\r\n\r\n"a, ""b""\nc", 1\r\n,\r\nd,2\r\n')

    assert rows(file) == [{"name": 'a, "b"\nc', "x": 1}, {"name": "d", "x": 2}]


def test_line_ends_within_a_cell_stay_as_they_are(table):
    assert rows(table("p.csv", 'a,b\r\n"x\r\ny","\r"\r\n')) == [{"a": "x\r\ny", "b": None}]
    assert rows(table("p.csv", 'a\r"x\ry"\r')) == [{"a": "x\ry"}]


def test_tabs_separate_a_tsv(table):
    assert rows(table("p.tsv", "a\tb\n1,5\t2\n")) == [{"a": "1,5", "b": 2}]


def test_json_says_itself_what_its_values_are(table):
    expected = [{"x": 1, "y": [1, {"z": None}]}, {"x": "2", "y": 0.5}]

    assert rows(table("p.json", json.dumps(expected))) == expected
    assert rows(table("p.jsonl", "".join(f"{json.dumps(row)}\n\n" for row in expected))) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.csv", "a,b\n1,2\n3\n", "line 3: 1 cells where the header has 2 names"),
        ("p.csv", "a,b\n\n1,2,3\n", "line 3: 3 cells"),
        ("p.csv", 'a,b\n"x\ny",2\n3\n', "line 4: 1 cells"),
        ("p.csv", "a,a\n1,2\n", "has 'a' twice"),
        ("p.csv", "a;b\n1;2\n", "'a;b' cannot be the name of a variable"),
        ("p.csv", "a,\n1,2\n", "'' cannot be the name of a variable"),
        ("p.csv", "PATH\n1\n", "'PATH' is not for parameters"),
        ("p.csv", "a\n", "has no rows"),
        ("p.csv", "", "has no rows"),
        ("p.csv", 'a\n"x\n', "line 2"),
        ("p.csv", b"a\n\xff\n", "not text in UTF-8"),
        ("p.csv", "a\n" + "1\n" * 1001, "asks for 1,001 jobs"),
        ("p.txt", "a\n1\n", "ends in .csv, .tsv, .json or .jsonl"),
        ("p.json", "{}", "must be a list of objects"),
        ("p.json", "[]", "has no rows"),
        ("p.json", "[{}]", "row 1: must be an object"),
        ("p.json", "[1]", "row 1: must be an object"),
        ("p.json", '[{"a": 1},\n {"b": 2}]', "row 2: lacks 'a'"),
        ("p.json", '[{"a": 1}, {"a": 1, "b": 2}]', "row 2: has 'b'"),
        ("p.json", '[{"a": 1, "a": 2}]', "has 'a' twice"),
        ("p.json", '[{"a": NaN}]', "NaN is not JSON"),
        ("p.json", '[\n{"a": }]', "line 2"),
        ("p.json", "[" * 100_000, "nested too deeply"),
        ("p.json", f'[{{"a": {"9" * 5000}}}]', "holds what is not a value"),
        ("p.jsonl", '{"a": 1}\n{"a"\n', "line 2"),
        ("p.jsonl", '{"a": 1}\n\n{"class": 1}\n', "line 3: 'class' cannot be"),
    ],
)
def test_a_table_that_cannot_be_used_is_an_error_that_names_the_place(table, name, content, said):
    with pytest.raises(UsageError) as refused:
        rows(table(name, content))

    assert said in str(refused.value)


def test_a_table_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        rows(tmp_path / "p.csv")


def test_a_table_of_many_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "p.csv").open("wb") as file:
        file.truncate(5 << 30)

    with pytest.raises(UsageError, match="5120 MiB, and at most 16 MiB"):
        rows(tmp_path / "p.csv")


def test_rows_and_combinations_multiply(table):
    file = table("p.csv", "city\nLund\nOulu\n")

    assert parameter_sets(["seed=1:2"], file) == [
        {"city": "Lund", "seed": 1},
        {"city": "Lund", "seed": 2},
        {"city": "Oulu", "seed": 1},
        {"city": "Oulu", "seed": 2},
    ]
    assert parameter_sets([], file) == [{"city": "Lund"}, {"city": "Oulu"}]
    assert parameter_sets(["seed=1:2"], None) == [{"seed": 1}, {"seed": 2}]


def test_a_name_in_the_table_is_not_varied_as_well(table):
    with pytest.raises(UsageError, match="'city' is given by --map and by --each"):
        parameter_sets(["city=a,b"], table("p.csv", "city\nLund\n"))


def test_the_number_of_jobs_counts_both(table):
    with pytest.raises(UsageError, match="--map and --each together ask for 2,000 jobs"):
        parameter_sets(["seed=1:1000"], table("p.csv", "city\nLund\nOulu\n"))


# --- on the way to the job -------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(names, json_values, min_size=1, max_size=5))
def test_what_travels_arrives(parameters):
    assert parameters_of(variables(parameters)) == parameters


def test_parameters_are_one_variable_for_the_runner_and_one_each_for_other_languages():
    found = variables(
        {"n": 3, "lr": 1e-7, "flag": True, "nothing": None, "word": "a b", "quoted": 'say "hi"', "many": [1], "ö": 1}
    )

    encoded = found.pop("POLLINATOR_PARAMETERS")
    assert found == {"n": "3", "lr": "1e-07", "flag": "true", "nothing": "", "word": "a b"}
    assert "=" not in encoded
    assert json.loads(base64.urlsafe_b64decode(encoded + "==="))["quoted"] == 'say "hi"'


def test_numbers_of_numpy_travel_as_numbers():
    np = pytest.importorskip("numpy")

    assert parameters_of(variables({"lr": np.float32(0.5), "n": np.int64(3)})) == {"lr": 0.5, "n": 3}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, "\ud800", b"x"])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(UsageError, match="cannot travel"):
        variables({"x": value})


def test_what_is_too_large_is_refused():
    with pytest.raises(UsageError, match="at most 32 KiB can travel"):
        variables({"x": "a" * 40_000})


@pytest.mark.parametrize("environment", [None, {}, {"POLLINATOR_PARAMETERS": "!"}, {"POLLINATOR_PARAMETERS": "WzFd"}])
def test_a_job_without_parameters_has_none(environment):
    assert parameters_of(environment) == {}


def test_a_parameter_set_reads_as_one_line():
    assert describe({"lr": 0.1, "name": "x", "on": True, "no": None}) == "lr=0.1 name=x on=true no=none"
