"""CSV files open in a spreadsheet without running anything, and keep their numbers."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.store.csvs import write_csv
from genreflow.store.text import sanitize


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
@settings(max_examples=60)
def test_no_text_starts_like_a_formula(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    write_csv(path, pd.DataFrame([[text, 1]], columns=pd.Index([text, 2], dtype=object)))
    for cell in [*read(path)[0], read(path)[1][0]]:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert cell in (sanitize(text), f"'{sanitize(text)}", "2")


@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_every_kind_of_text_is_defused(tmp_path, kind):
    write_csv(tmp_path / "t.csv", pd.DataFrame({"class": pd.Series(["=cmd()", "-core", "goa"], dtype=kind)}))
    assert read(tmp_path / "t.csv") == [["class"], ["'=cmd()"], ["'-core"], ["goa"]]


def test_numbers_stay_numbers_and_missing_is_empty(tmp_path):
    frame = pd.DataFrame({"x": [-1.5, np.nan], "n": [-3, 4], "text": ['日本語, "a"', None]})
    write_csv(tmp_path / "t.csv", frame)
    assert read(tmp_path / "t.csv")[1:] == [["-1.5", "-3", '日本語, "a"'], ["", "4", ""]]


def test_the_frame_is_left_as_it_was(tmp_path):
    frame = pd.DataFrame({"=a": ["=b"]})
    write_csv(tmp_path / "t.csv", frame)
    assert frame.to_dict("list") == {"=a": ["=b"]}
