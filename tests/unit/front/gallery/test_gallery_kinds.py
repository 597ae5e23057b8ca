"""Every kind of file is shown as what it is; what is not what its name says, too; and nothing of it ever runs."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.jobs.results import Result, Results
from pollinator_magic.notebook.gallery import kinds, media, result_bundle
from pollinator_magic.notebook.gallery.kinds import kind_of, preview
from pollinator_magic.notebook.gallery.preview import Kind
from tests.fuzz.effort import effort
from tests.unit.front.gallery import samples
from tests.unit.front.gallery.harmless import dangers

ENDINGS = sorted({*kinds._BY_ENDING, *kinds._NAMED, ""})


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    root = tmp_path_factory.mktemp("every") / "result"
    root.mkdir()
    samples.every_kind(root)
    return root


@pytest.mark.parametrize("name", samples.SEEN)
def test_each_kind_of_file_says_or_shows_what_it_holds(directory, name: str):
    shown = preview(Results(directory)[name])

    assert samples.SEEN[name] in shown.about + shown.html + shown.plain


@pytest.mark.parametrize("name", samples.SEEN)
def test_nothing_of_a_file_becomes_markup_of_the_notebook(directory, name: str):
    shown = preview(Results(directory)[name])

    assert dangers(shown.html + shown.static) == []


def test_a_pickle_is_named_and_not_opened(directory, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    shown = preview(Results(directory)["model.pkl"])

    assert shown.kind is Kind.OTHER
    assert "pickle" in shown.about
    assert not list(tmp_path.iterdir())


def test_a_file_without_an_ending_is_shown_by_its_content(result, directory):
    assert preview(result("figure", (directory / "photo.png").read_bytes())).kind is Kind.PICTURE
    assert preview(result("doc", (directory / "figure.pdf").read_bytes())).kind is Kind.PDF
    assert preview(result("README", "read me")).kind is Kind.TEXT
    assert preview(result("numbers", bytes(range(256)))).about == "binary"


@pytest.mark.parametrize("ending", ["png", "jpg", "tiff", "parquet", "npy", "zip", "pdf", "wav", "mp4", "svg", "ipynb"])
def test_what_is_not_what_its_name_claims_is_said_to_be_not_and_shown_as_text(result, ending: str):
    shown = preview(result(f"a.{ending}", "<h1>404</h1> no such file"))

    assert "not" in shown.about
    assert "404" in shown.html
    assert "<h1>" not in shown.html
    assert not shown.alone


def test_a_picture_under_the_name_of_a_table_is_shown_as_a_picture(result):
    shown = preview(result("a.csv", samples.png(1, 1, b"\0\0")))

    assert "image/png" in shown.alone
    assert shown.about.startswith("binary")


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_empty_file_is_called_empty(result, ending: str):
    assert "empty" in preview(result(f"a.{ending}", b"")).about or ending in kinds._NAMED


def test_a_file_that_is_gone_or_is_no_file_is_said_to_be(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")

    assert "cannot be read" in preview(Result("gone.txt", tmp_path / "gone.txt")).about
    assert preview(Result("pipe.txt", tmp_path / "pipe.txt")).about == "not a regular file"


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("the password")
    (tmp_path / "a.txt").symlink_to(tmp_path / "secret")

    assert "password" not in str(result_bundle(Result("a.txt", tmp_path / "a.txt")))


def test_what_fails_in_a_library_is_one_line_and_no_error(result, monkeypatch):
    def broken(path):
        raise MemoryError("x" * 10_000)

    monkeypatch.setitem(kinds._BY_ENDING, "txt", (Kind.TEXT, broken))

    shown = preview(result("a.txt", "x"))

    assert "MemoryError" in shown.about
    assert len(shown.about) < 400
    assert "\n" not in shown.about


@effort(400)
@given(
    st.sampled_from(ENDINGS),
    st.sampled_from(
        [
            b"",
            *(magic for magic, _, _ in kinds._MAGIC),
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"GIF89a",
            b"II*\0",
            b"RIFF\0\0\0\0WEBP",
            b"BM\0\0\0\0\0\0\0\0",
            b'{"a":',
            b"<svg ",
            b"\xff\xfe",
        ]
    ),
    st.binary(max_size=400),
    st.booleans(),
)
def test_no_bytes_under_any_ending_raise_or_become_markup(
    result, ending: str, magic: bytes, content: bytes, evil: bool
):
    evil_text = samples.EVIL.encode() if evil else b""

    bundle = result_bundle(result(f"a<b>.{ending}", magic + content + evil_text))

    assert dangers(bundle.get("text/html", "")) == []
    assert all(isinstance(text, str) and len(text.encode("utf-8")) < 100_000 for text in bundle.values())
    assert "\x1b" not in "".join(bundle.values())


@effort(150)
@given(st.sampled_from(sorted(samples.SEEN)), st.data())
def test_no_damage_to_a_real_file_raises(directory, result, name: str, data):
    content = bytearray((directory / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    keep = data.draw(st.integers(1, len(content)))

    bundle = result_bundle(result(name, bytes(content[:keep])))

    assert dangers(bundle.get("text/html", "")) == []
    assert "".join(bundle.values()).encode("utf-8")


@effort(200)
@given(st.text(max_size=60))
def test_no_name_becomes_markup(name: str):
    from pathlib import Path

    from pollinator_magic.notebook.gallery.static import bundle

    bundled = bundle(Result(name, Path("/nowhere/at/all")), preview(Result("x", Path("/nowhere/x"))), "gone")

    assert dangers(bundled["text/html"]) == []
    assert "\n" not in bundled["text/plain"]


def test_a_name_with_broken_or_reversing_characters_can_be_shown(tmp_path):
    name = os.fsdecode(b"\xff\xfe") + "\u202egnp.exe\n\x1b[31m.txt"
    (tmp_path / name).write_text("x")

    bundle = result_bundle(Results(tmp_path)[name])

    assert bundle["text/html"].encode()
    assert "\u202e" not in bundle["text/html"] + bundle["text/plain"]
    assert "\x1b" not in bundle["text/html"] + bundle["text/plain"]


def test_large_sounds_films_and_documents_are_only_linked(directory, monkeypatch):
    monkeypatch.setattr(media, "EMBEDDED_BYTES", 1_000)

    for name in ("tone.wav", "film.webm", "figure.pdf"):
        shown = preview(Results(directory)[name])
        assert "larger than" in shown.about
        assert shown.html == ""
        assert not shown.alone


def test_a_large_web_page_is_shown_as_text(directory, monkeypatch):
    monkeypatch.setattr(media, "PAGE_BYTES", 100)

    shown = preview(Results(directory)["report.html"])

    assert "shown as text" in shown.about
    assert "<iframe" not in shown.html


def test_a_bomb_of_an_archive_is_listed_as_far_as_it_is_safe(result):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("first", "second"):
            member = tarfile.TarInfo(name)
            member.size = 64 << 20
            archive.addfile(member, io.BytesIO(bytes(member.size)))

    shown = preview(result("a.tar.gz", packed.getvalue()))

    assert "at least 1 member" in shown.about
    assert "first" in shown.html


def test_an_archive_of_very_many_members_is_listed_in_part(result, tmp_path):
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(3_000):
            archive.writestr(f"file-{number}", "")

    shown = preview(result("many.zip", (tmp_path / "many.zip").read_bytes()))

    assert "3,000 members; the first 100 listed" in shown.about
    assert len(shown.html) < 20_000


def test_a_directory_of_an_archive_that_is_too_large_is_not_read(result, tmp_path, monkeypatch):
    from pollinator_magic.notebook.gallery import archives

    monkeypatch.setattr(archives, "DIRECTORY_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(1_000):
            archive.writestr(f"file-{number}", "")

    assert "more than is looked into" in preview(result("many.zip", (tmp_path / "many.zip").read_bytes())).about


def test_kinds_are_told_from_names_alone():
    assert kind_of("a/b.tar.gz") is Kind.ARCHIVE
    assert kind_of("B.CSV") is Kind.TABLE
    assert kind_of("data.gz") is Kind.OTHER
    assert kind_of(".bashrc") is Kind.OTHER
    assert str(Kind.PICTURE) == "picture"


def test_pickles_by_content_are_not_opened_either(result, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert "pickle" in preview(result("blob", pickle.dumps(samples.Spiteful(), protocol=5))).about
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "html",
    [
        samples.EVIL,
        "<a href='javascript:alert(1)'>x</a>",
        "<img src='http://198.51.100.7/spy.png'>",
        "<iframe srcdoc=''></iframe>",
        "<b onclick=x>",
        "<style>*{}</style>",
    ],
)
def test_what_is_dangerous_is_seen_by_these_tests(html: str):
    assert dangers(html)
