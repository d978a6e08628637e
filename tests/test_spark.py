"""A line in a small box."""

from __future__ import annotations

import math

import pytest

from perflib.spark import line


@pytest.mark.parametrize(
    ("values", "bound", "points", "height"),
    [
        ([2, 4, 3], 10, "3.0,28.0 60.0,22.0 117.0,25.0", 4.0),
        ([2, 4], 16, "3.0,28.0 117.0,4.0", None),  # far beyond: the values would lie flat
        ([100, 99], None, "3.0,15.4 117.0,16.6", None),  # next to no change is no cliff
        ([5, math.nan, 10], None, "3.0,28.0 117.0,4.0", None),
        ([0, 0], None, "3.0,16.0 117.0,16.0", None),
        ([-2, -4], None, "3.0,4.0 117.0,28.0", None),
    ],
)
def test_a_line_and_its_bound(values, bound, points, height):
    drawn = line(values, bound, 120, 32)
    assert drawn is not None
    assert (drawn.points, drawn.bound) == (points, height)
    assert f"{drawn.end[0]},{drawn.end[1]}" == points.split()[-1]


@pytest.mark.parametrize("values", [[], [1.0], [math.nan, 1.0, math.inf]])
def test_one_value_is_no_line(values):
    assert line(values, None, 120, 32) is None
