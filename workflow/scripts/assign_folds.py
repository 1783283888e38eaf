from genreflow.catalog.index import read_index, usable_tracks
from genreflow.config.folds import FoldSettings
from genreflow.folds.assign import assign
from genreflow.folds.audit import verify
from genreflow.job import job
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]):
    tracks = usable_tracks([read_index(path) for path in snakemake.input.indexes])
    folds = assign(tracks, FoldSettings(**snakemake.params.settings))
    verify(folds)
    write_table(snakemake.output[0], folds, Header("folds", snakemake.params.key))
