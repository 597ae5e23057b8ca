"""One real file of each kind that jobs leave, made by the library that makes such files; and files that are none."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import struct
import tarfile
import wave
import zipfile
import zlib
from pathlib import Path

FILM = Path(__file__).with_name("film.webm")
"""A second of film, recorded by Chromium."""

EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"


def every_kind(root: Path, elsewhere: str = "http://198.51.100.7") -> dict[str, str]:
    """Write a file of each kind; return what must be seen of each, by name.

    The web page asks for things from `elsewhere`.
    """
    pictures(root)
    tables(root)
    arrays(root)
    texts(root)
    pages_and_media(root, elsewhere)
    archives(root)
    others(root)
    return SEEN


SEEN = {
    "data.feather": "species",
    "fit.csv": "bill_length",
    "fit.tsv": "bill_length",
    "fit.parquet": "bill_length",
    "metrics.jsonl": "loss",
    "field.npy": "float64",
    "arrays.npz": "weights",
    "config.json": "learning_rate",
    "config.yaml": "learning_rate",
    "pyproject.toml": "hatchling",
    "train.py": "def train",
    "train.log": "epoch 1",
    "notes.md": "# Notes",
    "photo.jpg": "JPEG",
    "photo.png": "PNG",
    "photo.gif": "GIF",
    "photo.webp": "WEBP",
    "photo.bmp": "BMP",
    "photo.tiff": "TIFF",
    "figure.svg": "SVG",
    "figure.pdf": "PDF document",
    "report.html": "web page",
    "tone.wav": "WAV",
    "film.webm": "WEBM",
    "analysis.ipynb": "2 cells",
    "code.zip": "train.py",
    "code.tar.gz": "train.py",
    "model.pkl": "pickle: opening it could run code",
    "model.h5": "HDF5",
    "program": "program",
    "sub/dir/deep.txt": "from below",
}


def pictures(root: Path) -> None:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (320, 200), "#fdf6e3")
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 30, 180, 170), fill="#268bd2")
    draw.rectangle((170, 60, 290, 150), fill="#dc322f")
    for ending in ("png", "jpg", "gif", "webp", "bmp", "tiff"):
        image.save(root / f"photo.{ending}")
    figure(root / "figure.svg")


def figure(path: Path) -> None:
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(4, 3))
    axes = drawing.subplots()
    axes.plot([math.sin(x / 5) for x in range(60)])
    axes.set_title("A sine")
    drawing.savefig(path)


def tables(root: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "species": ["Gentoo", "Adelie", "Chinstrap"] * 20,
            "bill_length": [round(40 + 7 * math.sin(n), 1) for n in range(60)],
            "count": range(60),
            "when": pd.date_range("2026-01-01", periods=60),
        }
    )
    frame.to_csv(root / "fit.csv", index=False)
    frame.to_csv(root / "fit.tsv", index=False, sep="\t")
    frame.to_parquet(root / "fit.parquet")
    frame.to_feather(root / "data.feather")
    lines = [json.dumps({"epoch": n, "loss": round(1 / (n + 1), 4), "split": "train"}) for n in range(30)]
    (root / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def arrays(root: Path) -> None:
    import numpy as np

    np.save(root / "field.npy", np.linspace(0, 1, 20 * 30).reshape(20, 30))
    np.savez(root / "arrays.npz", weights=np.ones((3, 4), dtype="float32"), labels=np.array(["a", "bc"]))


def texts(root: Path) -> None:
    config = {"learning_rate": 0.01, "layers": [64, 64, 10], "optimizer": {"name": "adam", "betas": [0.9, 0.999]}}
    (root / "config.json").write_text(json.dumps(config))
    (root / "config.yaml").write_text("learning_rate: 0.01\nlayers: [64, 64, 10]\n# a comment\n")
    (root / "pyproject.toml").write_text('[build-system]\nrequires = ["hatchling"]\n')
    (root / "train.py").write_text(
        'import math\n\n\nclass Model:\n    """A model."""\n\n\ndef train(rate: float = 0.01) -> float:\n'
        "    # one step\n    return math.exp(-rate) if rate else None\n"
    )
    (root / "train.log").write_text(
        "".join(f"epoch {n}: \x1b[32mloss {1 / n:.3f}\x1b[0m {EVIL}\n" for n in range(1, 300))
    )
    (root / "notes.md").write_text("# Notes\n\nSome *text* with `code` and [a link](javascript:alert(1)).\n")
    (root / "sub" / "dir").mkdir(parents=True)
    (root / "sub" / "dir" / "deep.txt").write_text("from below\n")


def pages_and_media(root: Path, elsewhere: str) -> None:
    figure(root / "figure.pdf")
    (root / "report.html").write_text(
        "<!DOCTYPE html><html><head><title>Report</title>"
        f"<link rel=stylesheet href='{elsewhere}/style.css'>"
        "<script>parent.window.pwned = 1; top.pwned = 1; window.pwned = 1</script>"
        f"<meta http-equiv=refresh content='0;url={elsewhere}/refresh'></head>"
        "<body onload='top.pwned = 1'><h1>Report</h1><p style='color:#268bd2'>Everything went well.</p>"
        f"<img src='{elsewhere}/spy.png'><iframe src='{elsewhere}/frame'></iframe></body></html>"
    )
    with wave.open(str(root / "tone.wav"), "wb") as tone:
        tone.setnchannels(1)
        tone.setsampwidth(2)
        tone.setframerate(8000)
        tone.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 3))) for n in range(8000)))
    (root / "film.webm").write_bytes(FILM.read_bytes())
    notebook(root / "analysis.ipynb")


def notebook(path: Path) -> None:
    from nbformat import v4, write

    outputs = [
        v4.new_output("stream", text="hello from a cell\n" + EVIL),
        v4.new_output("display_data", data={"text/html": EVIL, "text/plain": "a plain form"}),
        v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
    ]
    cells = [
        v4.new_markdown_cell("# Title\n" + EVIL),
        v4.new_code_cell("print('hello')", outputs=outputs, execution_count=3),
    ]
    write(v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}}), path)


def archives(root: Path) -> None:
    with zipfile.ZipFile(root / "code.zip", "w") as archive:
        archive.writestr("train.py", "x = 1\n" * 100)
        archive.writestr("../../" + EVIL.replace("/", ""), "")
    with tarfile.open(root / "code.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("code/train.py")
        member.size = 600
        archive.addfile(member, io.BytesIO(b"x = 1\n" * 100))


class Spiteful:
    """Leaves a trace in the directory that it is unpickled in."""

    def __reduce__(self):
        return (os.mkdir, ("pwned",))


def others(root: Path) -> None:
    (root / "model.pkl").write_bytes(pickle.dumps(Spiteful()))
    (root / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    (root / "program").write_bytes(b"\x7fELF" + bytes(500))


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG that claims to have that size, and has those bytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    )
