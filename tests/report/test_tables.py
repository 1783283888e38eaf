"""Numbers are written one way on every page."""

import numpy as np
import pandas as pd
import pytest

from genreflow.evaluation import registry
from genreflow.evaluation.registry import Column
from genreflow.report import tables


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (registry.percent(0.69421), "69.4"),
        (registry.interval(0.694, 0.661, 0.725), "69.4 [66.1, 72.5]"),
        (registry.plus_minus(0.6942, 0.1241), "69.4 ± 12.4"),
        (registry.points(-0.004), "−0.4"),
        (registry.points(0.021), "+2.1"),
        (registry.whole(27600), "27,600"),
        (registry.duration(12.34), "12.3 s"),
        (registry.duration(245), "4 min 05 s"),
        (registry.duration(3720), "1 h 02 min"),
        (registry.duration(59.97), "1 min 00 s"),
        (registry.hours(4 / 60), "4 min 00 s"),
        (registry.percent(np.nan), "–"),
        (registry.interval(np.nan, np.nan, np.nan), "–"),
        (registry.text(None), "–"),
        (registry.text("a\x1b[0m\u202e"), "a\ufffd[0m\ufffd"),
    ],
)
def test_formats(written, expected):
    assert written == expected


def test_columns_that_are_missing_or_silent_are_left_out():
    columns = [
        Column("A", ("a",), registry.whole),
        Column("B", ("b",), registry.whole),
        Column("C", ("c",), registry.whole),
    ]
    table = tables.table(pd.DataFrame({"a": [1, 2], "b": [np.nan, np.nan]}), columns, caption="t")
    assert table.headings == ["A"]
    assert table.rows == [["1"], ["2"]]


def test_long_tables_say_how_much_they_leave_out():
    table = tables.plain(pd.DataFrame({"x": range(250)}), caption="t", limit=200)
    assert (len(table.rows), table.omitted) == (200, 50)


def test_a_confusion_matrix_stands_as_a_square_in_the_order_of_its_classes():
    rows = pd.DataFrame({"true": list("bbaa"), "predicted": list("baba"), "count": [3, 1, 0, 4], "share": 0.5})
    square = tables.matrix(rows)
    assert square.columns.tolist()[1:] == ["b", "a"]
    assert square.to_numpy().tolist() == [["b", 3, 1], ["a", 0, 4]]
