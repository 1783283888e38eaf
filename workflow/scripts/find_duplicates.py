import pandas as pd

from genreflow.datasets.duplicates import PAIRS, find_pairs
from genreflow.job import job
from genreflow.store.parquet import Header, read_frame, write_table

with job(snakemake.log[0]) as info:
    columns = ["track_id", "verdict", "sha256", "samples_sha256", "fingerprint"]
    tracks = pd.concat([read_frame(path, "audio", columns) for path in snakemake.input.audio], ignore_index=True)
    usable = tracks[tracks["verdict"] != "quarantine"]
    pairs = find_pairs(usable, search=snakemake.params.search)
    write_table(snakemake.output[0], pairs, Header(PAIRS, snakemake.params.key))
    if len(pairs):
        info(f"{snakemake.wildcards.dataset}: {len(pairs):,} pairs of tracks are the same recording")
