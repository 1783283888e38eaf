import os

import pandas as pd

from genreflow.datasets.catalog import root_of, tracks_of_shard
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.job import job
from genreflow.store.parquet import Header, write_table
from genreflow.synthetic.corpus import write

with job(snakemake.log[0]):
    settings = Synthetic(**snakemake.params.settings)
    root = root_of(snakemake.input.catalog)
    by_path = {os.path.join(root, track.path): track for track in settings.planned()}
    rows = tracks_of_shard(snakemake.input.catalog, snakemake.wildcards.shard)
    for row in rows:
        write(by_path[os.fsdecode(row["path"])], root)
    made = pd.DataFrame({"track_id": [row["track_id"] for row in rows], "sha256": [row["sha256"] for row in rows]})
    write_table(snakemake.output[0], made, Header("raw", snakemake.params.key))
