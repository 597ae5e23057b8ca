"""Which colony and which store are meant is read from the environment, and what is missing is said by name."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.errors import ConfigurationError, InvalidKey
from pollinator_magic.settings import (
    Connection,
    DirectorySettings,
    S3Settings,
    Server,
    connection_from_environment,
    is_configured,
    read_env_file,
)

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "3834475e0a6b08594ad3476c641f31920bcef2536f4676baab63cee36b6f2faa"
COLONY = {
    "COLONIES_SERVER_HOST": "colonies.example.org",
    "COLONIES_SERVER_PORT": "8443",
    "COLONIES_COLONY_NAME": "hpc",
    "COLONIES_PRVKEY": SECRET,
}
STORE = {
    "AWS_S3_ENDPOINT": "s3.example.org:9000",
    "AWS_S3_ACCESSKEY": "AKSECRET",
    "AWS_S3_SECRETKEY": "SKSECRET",
    "AWS_S3_BUCKET": "pollinator",
}


def connect(**changes: str) -> Connection:
    return connection_from_environment({**COLONY, **changes})


def store(**changes: str) -> S3Settings:
    storage = connect(**{**STORE, **changes}).storage
    assert isinstance(storage, S3Settings)
    return storage


def test_a_complete_environment_is_a_connection():
    connection = connect(**STORE, COLONYOS_DASHBOARD_URL="https://dash.example.org/")

    assert connection.server == Server("colonies.example.org", 8443, tls=True)
    assert connection.server.url == "https://colonies.example.org:8443"
    assert str(connection.server) == "colonies.example.org:8443"
    assert connection.colony == "hpc"
    assert connection.key.identity == "39eba187ec9bbd0988048ceb710956468a4d847f7d1ac0994a0d8aa166756654"
    assert connection.dashboard_url == "https://dash.example.org"
    assert not connection.embedded


def test_every_missing_variable_is_named_at_once():
    with pytest.raises(ConfigurationError) as caught:
        connection_from_environment({"COLONIES_SERVER_HOST": "h", "COLONIES_PRVKEY": ""})

    assert "COLONIES_COLONY_NAME, COLONIES_PRVKEY are not set" in str(caught.value)
    assert "COLONIES_SERVER_HOST" not in str(caught.value)
    assert "`local`" in str(caught.value)


def test_one_missing_variable_is_spoken_of_in_the_singular():
    with pytest.raises(ConfigurationError, match="COLONIES_PRVKEY is not set"):
        connect(COLONIES_PRVKEY="")


def test_the_process_environment_is_read_by_default(monkeypatch):
    for name, value in COLONY.items():
        monkeypatch.setenv(name, value)

    assert is_configured()
    assert connection_from_environment().colony == "hpc"
    monkeypatch.delenv("COLONIES_SERVER_HOST")
    assert not is_configured()


@pytest.mark.parametrize(
    ("variables", "tls"),
    [
        ({}, True),
        ({"COLONIES_TLS": "false"}, False),
        ({"COLONIES_SERVER_TLS": "false"}, False),
        ({"COLONIES_TLS": "TRUE", "COLONIES_SERVER_TLS": "true"}, True),
        ({"COLONIES_TLS": "", "COLONIES_SERVER_TLS": "false"}, False),
        ({"COLONIES_TLS": "perhaps"}, True),
    ],
)
def test_tls_is_on_unless_either_variable_turns_it_off(variables, tls):
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert connect(**variables).server.tls is tls


def test_tls_variables_that_differ_are_warned_about_and_the_first_one_counts():
    with pytest.warns(UserWarning, match="COLONIES_TLS and COLONIES_SERVER_TLS differ; using COLONIES_TLS=false"):
        connection = connect(COLONIES_TLS="false", COLONIES_SERVER_TLS="true")

    assert connection.server.url == "http://colonies.example.org:8443"


@pytest.mark.parametrize(
    ("variables", "port"),
    [
        ({"COLONIES_SERVER_PORT": ""}, 443),
        ({"COLONIES_SERVER_PORT": "", "COLONIES_TLS": "false"}, 80),
        ({"COLONIES_SERVER_HTTP_PORT": "50080"}, 50080),
        ({"COLONIES_SERVER_PORT": " 50080 "}, 50080),
    ],
)
def test_the_port_has_a_default_and_an_older_and_a_newer_name(variables, port):
    assert connect(**variables).server.port == port


@pytest.mark.parametrize("port", ["0", "65536", "-1", "https", "80a", "4.5"])
def test_what_is_no_port_is_refused_by_name(port):
    with pytest.raises(ConfigurationError, match="COLONIES_SERVER_PORT must be a port number"):
        connect(COLONIES_SERVER_PORT=port)


@pytest.mark.parametrize("host", ["https://h", "h:443", "h/api", "h h", "user@h"])
def test_a_host_is_a_name_without_scheme_port_or_path(host):
    with pytest.raises(ConfigurationError, match=r"COLONIES_SERVER_HOST must be a host name.*COLONIES_SERVER_PORT"):
        connect(COLONIES_SERVER_HOST=host)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_in_brackets_in_the_url(host):
    assert connect(COLONIES_SERVER_HOST=host).server.url == "https://[::1]:8443"


def test_without_an_endpoint_there_is_no_store():
    assert connect().storage is None


def test_the_store_is_read_completely():
    assert store(AWS_S3_REGION="eu-north-1") == S3Settings(
        endpoint="s3.example.org:9000",
        bucket="pollinator",
        access_key="AKSECRET",
        secret_key="SKSECRET",
        region="eu-north-1",
        tls=True,
        verify=True,
    )


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, ""),
        ({"AWS_S3_REGION": "a"}, "a"),
        ({"AWS_S3_REGION_KEY": "b"}, "b"),
        ({"AWS_S3_REGION": "a", "AWS_S3_REGION_KEY": "b"}, "a"),
        ({"AWS_S3_REGION": "", "AWS_S3_REGION_KEY": "b"}, "b"),
    ],
)
def test_the_region_of_the_documentation_stands_in_for_the_one_that_is_read(variables, region):
    assert store(**variables).region == region


@pytest.mark.parametrize(
    ("variables", "endpoint", "tls"),
    [
        ({}, "s3.example.org:9000", True),
        ({"AWS_S3_TLS": "false"}, "s3.example.org:9000", False),
        ({"AWS_S3_ENDPOINT": "http://s3:9000/"}, "s3:9000", False),
        ({"AWS_S3_ENDPOINT": "https://s3:9000"}, "s3:9000", True),
        ({"AWS_S3_ENDPOINT": "http://s3:9000", "AWS_S3_TLS": "true"}, "s3:9000", True),
    ],
)
def test_a_scheme_in_the_endpoint_says_tls_unless_the_variable_does(variables, endpoint, tls):
    assert (store(**variables).endpoint, store(**variables).tls) == (endpoint, tls)


def test_certificates_of_the_store_are_verified_unless_that_is_turned_off():
    assert store(AWS_S3_SKIPVERIFY="false").verify
    assert not store(AWS_S3_SKIPVERIFY="true").verify


def test_a_half_configured_store_names_what_is_missing():
    with pytest.raises(ConfigurationError, match="AWS_S3_SECRETKEY, AWS_S3_BUCKET are not"):
        store(AWS_S3_SECRETKEY="", AWS_S3_BUCKET="")


def test_a_directory_is_a_store(tmp_path):
    assert connect(POLLINATOR_OBJECTS_DIR=str(tmp_path)).storage == DirectorySettings(tmp_path)


def test_keys_are_in_no_repr():
    shown = repr(connect(**STORE))

    assert SECRET not in shown
    assert "SKSECRET" not in shown
    assert "AKSECRET" not in shown


def test_a_key_that_is_none_is_not_quoted():
    with pytest.raises(InvalidKey, match="COLONIES_PRVKEY") as caught:
        connect(COLONIES_PRVKEY=SECRET[:-2] + "xy")

    assert SECRET[:10] not in str(caught.value)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "colony.env"
    path.write_text(text)
    return path


def test_an_env_file_has_assignments_with_and_without_export(tmp_path):
    path = written(
        tmp_path,
        """
        # a comment
        export COLONIES_SERVER_HOST="colonies.example.org"
        COLONIES_COLONY_NAME='hpc'
        COLONIES_TLS=true   # on
        EMPTY=
        EQUALS=a=b
        HASH="a # b"
        LITERAL=$(rm -rf /)`date`$HOME
        """,
    )

    assert read_env_file(path) == {
        "COLONIES_SERVER_HOST": "colonies.example.org",
        "COLONIES_COLONY_NAME": "hpc",
        "COLONIES_TLS": "true",
        "EMPTY": "",
        "EQUALS": "a=b",
        "HASH": "a # b",
        "LITERAL": "$(rm -rf /)`date`$HOME",
    }


def test_a_comment_may_follow_a_quoted_value(tmp_path):
    assert read_env_file(written(tmp_path, 'A="x y"  # why "this"\nB=\'it is\' # so\n')) == {"A": "x y", "B": "it is"}


@pytest.mark.parametrize("line", [f"COLONIES_PRVKEY {SECRET}", f"{SECRET}", f"export 1X={SECRET}", f"set A={SECRET}"])
def test_a_line_that_is_no_assignment_is_told_by_number_and_never_quoted(tmp_path, line):
    with pytest.raises(ConfigurationError, match=r"colony\.env, line 3: expected NAME=value") as caught:
        read_env_file(written(tmp_path, f"A=1\n\n{line}\n"))

    assert SECRET[:10] not in str(caught.value)


def test_an_env_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.env'.*No such file"):
        read_env_file(tmp_path / "none.env")
    binary = tmp_path / "binary.env"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not text"):
        read_env_file(binary)


def test_an_env_file_makes_a_connection(tmp_path):
    path = written(tmp_path, "".join(f"export {name}={value}\n" for name, value in {**COLONY, **STORE}.items()))

    assert connection_from_environment(read_env_file(path)).storage == store()
