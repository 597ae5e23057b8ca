from __future__ import annotations

import pytest

from pollinator_magic.executors.process.initcommand import understand


def nowhere(word):
    return None


@pytest.mark.parametrize(
    "text",
    [
        "pip3 install numpy",
        "pip install 'numpy>=1.20' \"pandas[parquet]<3\"",
        "python3 -m pip install --no-index --find-links /cfs/wheels bee",
        "pip install a && pip install b",
        "set -e\n# packages\npip install a\n",
        "pip install -r /cfs/src/requirements.txt",
    ],
)
def test_installing_packages_by_name_is_recognised(text):
    assert understand(text, nowhere).only_packages


@pytest.mark.parametrize(
    "text",
    [
        "apt update && apt install -y jq",
        "pip install numpy; mkdir -p result",
        "pip install numpy > log.txt",
        "pip install $PACKAGES",
        "pip install `cat names`",
        "pip install -e .",
        "pip install ./mine",
        "pip install git+https://host/mine",
        "pip install --target /cfs/lib numpy",
        "pip install -U numpy",
        "pip install 'unfinished",
        "pip uninstall numpy",
        "pip install",
        "sh setup.sh",
    ],
)
def test_whatever_might_do_more_is_run_every_time(text):
    assert not understand(text, nowhere).only_packages


@pytest.mark.parametrize("shell", ["sh", "."])
def test_a_script_counts_by_its_content_and_not_by_its_name(tmp_path, shell):
    first, second = tmp_path / "1.sh", tmp_path / "2.sh"
    first.write_text("pip install 'numpy>=1.20'\n")
    second.write_text("pip install 'numpy>=1.20'\n")
    locate = {"/cfs/1/init.sh": first, "/cfs/2/init.sh": second}.get
    one, other = understand(f"{shell} /cfs/1/init.sh", locate), understand(f"{shell} /cfs/2/init.sh", locate)
    assert one == other
    assert one.only_packages
    second.write_text("pip install numpy\n")
    assert understand(f"{shell} /cfs/2/init.sh", locate).digest != one.digest


def test_a_changed_list_of_requirements_changes_the_digest(tmp_path):
    listed = tmp_path / "requirements.txt"
    listed.write_text("numpy\n")
    locate = {"requirements.txt": listed}.get
    before = understand("pip install -r requirements.txt", locate)
    listed.write_text("numpy\nscipy\n")
    assert understand("pip install -r requirements.txt", locate).digest != before.digest


def test_different_commands_have_different_digests():
    assert understand("a; b", nowhere).digest != understand("a b", nowhere).digest
