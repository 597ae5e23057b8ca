"""Data frames, series, indexes and times of pandas without Arrow: labels as JSON, each column as an array.

These are tags beside those of `plain`. Columns with a type of numpy's are arrays; the others are built from arrays:

    {"$frame": {"columns": index, "index": index, "values": [column, …], "attrs": {…}}}
    {"$series": {"name": …, "index": index, "values": column, "attrs": {…}}}
    {"$index": {"name": …, "values": column, "freq": text?}}    {"$range_index": [start, stop, step, name]}
    {"$multi_index": {"levels": [index, …], "codes": [array, …], "names": […]}}
    {"$objects": [value, …]}                             {"$strings": [[text or null, …], storage, "NA" or "nan"]}
    {"$categorical": [codes, index, ordered]}            {"$zoned": [times in UTC, zone]}
    {"$nullable": [array, what is missing]}              {"$intervals": [left, right, closed]}
    {"$periods": [ordinals, "period[M]"]}
    {"$Timestamp": [numpy's time, zone]}  {"$Timedelta": numpy's time}  {"$NaT": null}  {"$NA": null}
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import sys
from typing import TYPE_CHECKING, Any

from .arrays import imported
from .plain import listed
from .problems import Unsupported, unsupported
from .tables import has_pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from .plain import Encode

_NULLABLE = {
    **{f"{sign}{bits}": f"{sign}{bits}".lower() for sign in ("Int", "UInt") for bits in (8, 16, 32, 64)},
    "Float32": "float32",
    "Float64": "float64",
    "boolean": "bool",
}
"""Types with a mask for what is missing, and the types of numpy that hold their values."""

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


def pandas_if_loaded() -> Any:
    """Return pandas if the program has it: no value can be of it otherwise."""
    return sys.modules.get("pandas")


def is_pandas(value: object) -> bool:
    """Whether `encode` takes it."""
    return is_frame(value) or _is_index(value) or _is_moment(value)


def is_frame(value: object) -> bool:
    """Whether it is a data frame or a series itself, not of a class derived from them."""
    pd = pandas_if_loaded()
    return pd is not None and type(value) in {pd.DataFrame, pd.Series}


def _is_index(value: object) -> bool:
    pd = pandas_if_loaded()
    return pd is not None and isinstance(value, pd.Index) and type(value).__module__.partition(".")[0] == "pandas"


def _is_moment(value: object) -> bool:
    pd = pandas_if_loaded()
    return pd is not None and (value is pd.NaT or value is pd.NA or type(value) in {pd.Timestamp, pd.Timedelta})


def encode(value: Any, encode: Encode) -> Any:
    """Return a value of pandas as JSON; `encode` is asked about labels and arrays. Raises Unsupported."""
    pd = pandas_if_loaded()
    if type(value) is pd.DataFrame:
        return {
            "$frame": {
                "columns": _index(value.columns, encode),
                "index": _index(value.index, encode),
                "values": [_named(label, column, encode) for label, column in value.items()],
                "attrs": encode(value.attrs),
            }
        }
    if type(value) is pd.Series:
        named = {"name": encode(value.name), "index": _index(value.index, encode), "attrs": encode(value.attrs)}
        return {"$series": {**named, "values": _column(value, encode)}}
    if _is_index(value):
        return _index(value, encode)
    if value is pd.NaT or value is pd.NA:
        return {"$NaT" if value is pd.NaT else "$NA": None}
    if type(value) is pd.Timedelta:
        return {"$Timedelta": encode(value.to_timedelta64())}
    moment = value if value.tzinfo is None else value.tz_convert("UTC").tz_localize(None)
    return {"$Timestamp": [encode(moment.to_datetime64()), None if value.tzinfo is None else _zone(value.tz, encode)]}


def _named(label: Any, column: Any, encode: Encode) -> Any:
    try:
        return _column(column, encode)
    except Unsupported as error:
        raise Unsupported(f"its column {label!r} cannot be kept ({error})") from None


def _index(index: Any, encode: Encode) -> Any:
    pd = pandas_if_loaded()
    if type(index) is pd.RangeIndex:
        return {"$range_index": [index.start, index.stop, index.step, encode(index.name)]}
    if type(index) is pd.MultiIndex:
        levels = [_index(level, encode) for level in index.levels]
        codes = [encode(_array(codes)) for codes in index.codes]
        return {"$multi_index": {"levels": levels, "codes": codes, "names": [encode(name) for name in index.names]}}
    parts = {"name": encode(index.name), "values": _column(index, encode)}
    freq = index.freqstr if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) else None
    return {"$index": {**parts, "freq": freq} if freq else parts}


def _column(column: Any, encode: Encode) -> Any:
    """Return the values of a series or an index, by their type."""
    pd, dtype = pandas_if_loaded(), column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = column.codes if isinstance(column, pd.Index) else column.cat.codes
        return {"$categorical": [encode(_array(codes)), _index(dtype.categories, encode), bool(dtype.ordered)]}
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = pd.DatetimeIndex(column).tz_convert("UTC").tz_localize(None)
        return {"$zoned": [encode(_array(utc)), _zone(dtype.tz, encode)]}
    if isinstance(dtype, pd.StringDtype):
        missing = "NA" if getattr(dtype, "na_value", pd.NA) is pd.NA else "nan"
        texts = [None if gone else encode(text) for text, gone in zip(column, column.isna())]
        return {"$strings": [texts, dtype.storage, missing]}
    if isinstance(dtype, pd.PeriodDtype):
        return {"$periods": [encode(pd.PeriodIndex(column).asi8), str(dtype)]}
    if isinstance(dtype, pd.IntervalDtype):
        both = pd.IntervalIndex(column)
        return {"$intervals": [_column(both.left, encode), _column(both.right, encode), both.closed]}
    if str(dtype) in _NULLABLE:
        values = column.to_numpy(dtype=_NULLABLE[str(dtype)], na_value=0)
        return {"$nullable": [encode(values), encode(_array(column.isna()))]}
    if dtype == "object":
        return {"$objects": [encode(item) for item in column]}
    if pd.api.types.is_extension_array_dtype(dtype):
        raise Unsupported(f"its type is {dtype}: use .astype(…) with a type of numpy's")
    return encode(_array(column))


def _array(values: Any) -> Any:
    return values.to_numpy() if hasattr(values, "to_numpy") else sys.modules["numpy"].asarray(values)


def _zone(zone: Any, encode: Encode) -> Any:
    """Return a time zone as its name, or as its distance from UTC."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # of zoneinfo, of pytz
    if name:
        return name
    try:
        fixed = zone.utcoffset(None)
    except (AttributeError, TypeError, ValueError):
        fixed = None
    if fixed is None:
        raise unsupported(zone)
    return encode(zone if type(zone) is dt.timezone else dt.timezone(fixed))


def _read_frame(parts: dict[str, Any]) -> Any:
    pd = imported("pandas")
    index = parts["index"]
    columns = {at: _as_series(values, index) for at, values in enumerate(parts["values"])}
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = parts["columns"]
    frame.attrs.update(parts["attrs"])
    return frame


def _present(values: Any) -> Any:
    """Return values that are there; of a range or a single one, pandas would make as many as it is asked for."""
    arrays = (imported("numpy").ndarray, imported("pandas").api.extensions.ExtensionArray)
    if not isinstance(values, arrays) or values.ndim != 1:
        raise ValueError(type(values))
    return values


def _as_series(values: Any, index: Any, name: Any = None) -> Any:
    if len(_present(values)) != len(index):
        raise ValueError(len(values))
    return imported("pandas").Series(values, index=index, dtype=_said(values), name=name, copy=False)


def _read_series(parts: dict[str, Any]) -> Any:
    series = _as_series(parts["values"], parts["index"], parts["name"])
    series.attrs.update(parts["attrs"])
    return series


def _said(values: Any) -> Any:
    """Return the type to name where pandas would make text of objects that happen to be text, else None."""
    return object if values.dtype == "object" else None


def _read_index(parts: dict[str, Any]) -> Any:
    values = _present(parts["values"])
    index = imported("pandas").Index(values, dtype=_said(values), name=parts["name"])
    if parts.get("freq"):
        with contextlib.suppress(ValueError):  # versions of pandas name frequencies differently
            index.freq = parts["freq"]
    return index


def _read_objects(values: list[Any]) -> Any:
    array = imported("numpy").empty(len(listed(values)), dtype=object)
    for at, value in enumerate(values):  # one by one: a list of lists would become two dimensions
        array[at] = value
    return array


def _read_strings(parts: list[Any]) -> Any:
    values, storage, missing = parts
    values, pd = listed(values), imported("pandas")
    if not has_pyarrow():
        storage = "python"
    if missing == "NA":
        return pd.array(values, dtype=pd.StringDtype(storage))
    try:
        dtype = pd.StringDtype(storage, na_value=imported("numpy").nan)
    except TypeError:  # pandas before 3 has such text as objects
        return _read_objects([float("nan") if value is None else value for value in values])
    return pd.array(values, dtype=dtype)


def _read_nullable(parts: list[Any]) -> Any:
    values, missing = parts
    kinds = imported("pandas").arrays
    made = {"b": kinds.BooleanArray, "f": kinds.FloatingArray, "i": kinds.IntegerArray, "u": kinds.IntegerArray}
    return made[values.dtype.kind](values, missing)


def _read_zoned(parts: list[Any]) -> Any:
    return (
        imported("pandas").DatetimeIndex(_present(parts[0])).tz_localize("UTC").tz_convert(_known_zone(parts[1])).array
    )


def _known_zone(zone: Any) -> Any:
    """Return a zone that pandas may look up: it would read files for some names."""
    if isinstance(zone, str) and (not _ZONE.fullmatch(zone) or zone.startswith("dateutil")):
        raise ValueError(zone)
    return zone


def _read_periods(parts: list[Any]) -> Any:
    pd = imported("pandas")
    return pd.arrays.PeriodArray(_present(parts[0]), dtype=pd.PeriodDtype.construct_from_string(parts[1]))


def _read_multi_index(parts: dict[str, Any]) -> Any:
    codes = [_present(codes) for codes in parts["codes"]]
    return imported("pandas").MultiIndex(levels=parts["levels"], codes=codes, names=parts["names"])


def _read_categorical(parts: list[Any]) -> Any:
    return imported("pandas").Categorical.from_codes(_present(parts[0]), parts[1], ordered=parts[2])


def _read_intervals(parts: list[Any]) -> Any:
    left, right, closed = parts
    return imported("pandas").arrays.IntervalArray.from_arrays(_present(left), _present(right), closed)


def _read_timestamp(parts: list[Any]) -> Any:
    moment = imported("pandas").Timestamp(parts[0])
    return moment if parts[1] is None else moment.tz_localize("UTC").tz_convert(_known_zone(parts[1]))


TAGS: dict[str, Callable[[Any], Any]] = {
    "$frame": _read_frame,
    "$series": _read_series,
    "$index": _read_index,
    "$range_index": lambda parts: imported("pandas").RangeIndex(*parts[:3], name=parts[3]),
    "$multi_index": _read_multi_index,
    "$objects": _read_objects,
    "$strings": _read_strings,
    "$categorical": _read_categorical,
    "$zoned": _read_zoned,
    "$nullable": _read_nullable,
    "$intervals": _read_intervals,
    "$periods": _read_periods,
    "$Timestamp": _read_timestamp,
    "$Timedelta": lambda value: imported("pandas").Timedelta(value),
    "$NaT": lambda _: imported("pandas").NaT,
    "$NA": lambda _: imported("pandas").NA,
}
"""How each tag is read."""
