"""When a value that came back is the one that went: of the same type, all the way down, and equal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import PIL.Image


def assert_same(came: object, went: object) -> None:
    """Fail unless nothing but the identity of the value has changed."""
    if isinstance(went, PIL.Image.Image):
        assert isinstance(came, PIL.Image.Image)
        assert (came.mode, came.size, came.tobytes()) == (went.mode, went.size, went.tobytes())
        return
    assert type(came) is type(went)
    if isinstance(went, pd.DataFrame):
        pd.testing.assert_frame_equal(came, went, check_exact=True, check_column_type=True)
        assert came.attrs == went.attrs
    elif isinstance(went, pd.Series):
        pd.testing.assert_series_equal(came, went, check_exact=True)
        assert came.attrs == went.attrs
    elif isinstance(went, pd.Index):
        pd.testing.assert_index_equal(came, went, exact=True)
        assert getattr(came, "freq", None) == getattr(went, "freq", None)
    elif isinstance(went, np.ndarray | np.generic):
        assert (came.dtype, came.shape, came.tobytes()) == (went.dtype, went.shape, went.tobytes())
    elif isinstance(went, Mapping):
        assert_same(list(came.items()), list(went.items()))
        assert getattr(came, "default_factory", None) is getattr(went, "default_factory", None)
    elif isinstance(went, list | tuple):
        assert len(came) == len(went)
        for one, other in zip(came, went, strict=True):
            assert_same(one, other)
    elif isinstance(went, float):
        assert came == went or (math.isnan(came) and math.isnan(went))
        assert math.copysign(1, came) == math.copysign(1, went) or math.isnan(went)
    elif isinstance(went, complex):
        assert_same([came.real, came.imag], [went.real, went.imag])
    elif went is pd.NaT or went is pd.NA:
        assert came is went
    else:
        assert came == went
        assert getattr(came, "tzinfo", None) == getattr(went, "tzinfo", None)
        assert getattr(came, "fold", 0) == getattr(went, "fold", 0)
