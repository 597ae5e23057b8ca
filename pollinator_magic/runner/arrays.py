"""Arrays as `.npy` files without pickles, and numpy's own scalars.

An array is written in pieces of at most 16 MiB, and read into its own memory: neither makes a copy of the whole.
"""

from __future__ import annotations

import ast
import struct
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from .problems import Unreadable, Unsupported, unsupported

if TYPE_CHECKING:
    from .content import Sink
    from .plain import Encode

_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000  # numpy's own bound: more could crash the parser of Python literals
_PIECE = 16 << 20
_NUMBERS = "biufc"
_WRITTEN: dict[str, tuple[type, ...]] = {"str_": (str,), "bytes_": (bytes,), "": (bool, int, float, complex)}
"""What stands for a scalar in JSON, by the name of its type; "" is for all the others."""


def numpy_if_loaded() -> Any:
    """Return numpy if the program has it: no value can be of it otherwise."""
    return sys.modules.get("numpy")


def is_array(value: object) -> bool:
    """Whether it is an array itself, or one that lies in a file; not a matrix or an array with a mask."""
    np = numpy_if_loaded()
    return np is not None and type(value) in {np.ndarray, np.memmap}


def check_array(array: Any) -> None:
    """Raise Unsupported for an array that a `.npy` file would not give back as it is."""
    lib = numpy_if_loaded().lib.format
    if array.dtype.hasobject:
        raise Unsupported("it is an array of Python objects: use .tolist(), or .astype(…) with a type of numpy's own")
    descr = lib.dtype_to_descr(array.dtype)
    if lib.descr_to_dtype(descr) != array.dtype:
        raise Unsupported(f"it is an array of {array.dtype}, which .npy files do not have: use .astype(…)")
    if len(repr(descr)) > _MAX_HEADER - 1000:
        raise Unsupported("its elements have too many fields: use one array for each")


def write_array(array: Any, sink: Sink) -> None:
    """Write the `.npy` form."""
    np = numpy_if_loaded()
    names = repr(np.lib.format.dtype_to_descr(array.dtype))
    version = (1, 0) if all(ord(letter) < 256 for letter in names) else (3, 0)
    np.lib.format.write_array(sink, np.asarray(array), version=version, allow_pickle=False)


def read_array(file: BinaryIO, size: int) -> Any:
    """Return the array of a `.npy` file of `size` bytes; raise Unreadable before more memory is taken than that."""
    np = imported("numpy")
    start = file.read(12)
    if len(start) < 12 or start[:6] != _MAGIC or start[6] not in {1, 2, 3}:
        raise Unreadable("its content is no .npy file")
    wide = start[6] > 1
    length = struct.unpack("<I", start[8:])[0] if wide else struct.unpack("<H", start[8:10])[0]
    if length > _MAX_HEADER:
        raise Unreadable("its .npy header is too long")
    begun = b"" if wide else start[10:]
    header = begun + file.read(length - len(begun))
    try:
        fields = ast.literal_eval(header.decode("utf-8" if start[6] == 3 else "latin-1"))
        dtype, shape = np.lib.format.descr_to_dtype(fields["descr"]), fields["shape"]
        order = "F" if fields["fortran_order"] else "C"
        whole = isinstance(shape, tuple) and all(isinstance(side, int) and side >= 0 for side in shape)
    except Exception as error:  # noqa: BLE001  whatever numpy or the parser of literals say to it, it is no header
        raise Unreadable(f"its .npy header cannot be understood ({type(error).__name__})") from None
    if dtype.hasobject:
        raise Unreadable("it is an array of Python objects, which only a pickle can hold")
    count = 1
    for side in shape if whole else ():
        count *= side
    expected = count * dtype.itemsize
    here = size - (12 if wide else 10) - length
    if not whole or expected != here or (not dtype.itemsize and count > size):  # of nothing there could be any number
        raise Unreadable("its .npy header does not fit its size")
    try:
        array = np.empty(shape, dtype, order=order)
    except (ValueError, OverflowError, MemoryError) as error:  # too many dimensions, or too long
        raise Unreadable(f"numpy cannot make an array like it ({error})") from None
    if expected:
        _fill(memoryview(array.reshape(-1, order=order).view(np.uint8)), file)
    return array


def _fill(buffer: memoryview, file: BinaryIO) -> None:
    done = 0
    while done < len(buffer):
        piece = file.read(min(_PIECE, len(buffer) - done))
        if not piece:
            raise Unreadable("it ends too early")
        buffer[done : done + len(piece)] = piece
        done += len(piece)


def is_scalar(value: object) -> bool:
    """Whether it is a single value with a type of numpy."""
    np = numpy_if_loaded()
    return np is not None and isinstance(value, np.generic)


def scalar(value: Any, encode: Encode) -> Any:
    """Return numpy's scalar as JSON: a number or text, as `{"$numpy": [dtype, value]}`.

    Where there is no numpy it is read as the number of Python that is equal to it.
    """
    np = numpy_if_loaded()
    kind, dtype = value.dtype.kind, value.dtype
    if type(value) is not dtype.type:
        raise unsupported(value)
    if kind in _NUMBERS and dtype.itemsize <= (16 if kind == "c" else 8):
        return {"$numpy": [dtype.name, encode(value.item())]}
    if kind in "mM":
        return {"$numpy": [dtype.str, encode(int(value.astype(np.int64)))]}
    if type(value) in {np.str_, np.bytes_}:
        return {"$numpy": [type(value).__name__, encode(value.item())]}
    raise unsupported(value)


def read_scalar(parts: list[Any]) -> Any:
    """Return what `scalar` has written."""
    name, value = parts
    if type(value) not in _WRITTEN.get(name, _WRITTEN[""]):  # of a range numpy makes an array, of a number bytes
        raise ValueError(type(value))
    try:
        np = imported("numpy")
    except Unreadable:
        if str(name)[:2] in {"<m", "<M", ">m", ">M"}:
            raise
        return value
    if name in {"str_", "bytes_"}:
        return getattr(np, name)(value)
    dtype = np.dtype(str(name))
    if dtype.kind in "mM":
        return np.array(value, np.int64).view(dtype)[()]
    if dtype.kind not in _NUMBERS:
        raise ValueError(name)
    return dtype.type(value)


def imported(name: str) -> Any:
    """Return a package that reading needs; raise Unreadable, saying how to get it."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        package = {"PIL": "Pillow"}.get(name, name)
        raise Unreadable(
            f"reading it needs {package}, which this Python does not have: install it (in a job: --pip {package})"
        ) from None
