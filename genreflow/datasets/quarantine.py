"""The list of refused files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from genreflow.datasets.catalog import root_of
from genreflow.datasets.index import read_index

# Raise it when the list would have other rows or columns.
STAGE_VERSION = 1


def quarantine_table(catalogs: Sequence[Path], indexes: Sequence[Path], datasets: Sequence[str]) -> pd.DataFrame:
    """Return every refused file of several datasets: dataset, folder, title, reason, message."""
    parts = []
    for dataset, catalog, path in zip(datasets, catalogs, indexes, strict=True):
        index = read_index(path)
        refused = index.loc[index["verdict"] == "quarantine", ["title", "reason", "message"]]
        parts.append(refused.assign(dataset=dataset, folder=root_of(catalog)))
    columns = ["dataset", "folder", "title", "reason", "message"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table[columns].drop_duplicates(["dataset", "title"]).sort_values(["dataset", "title"], ignore_index=True)
