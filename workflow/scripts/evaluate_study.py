import json
from pathlib import Path

from genreflow.catalog.index import facts_of, read_index
from genreflow.evaluation.study import read_published, read_runs, study_tables
from genreflow.job import job
from genreflow.store.atomic import write_text
from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, read_frame, write_table

with job(snakemake.log[0]):
    study, output = snakemake.params.study, snakemake.output
    tables, headline = study_tables(
        study,
        read_runs(Path("results", study["name"]), study["runs"]),
        read_frame(snakemake.input.folds, "folds") if snakemake.input.folds else None,
        read_index(snakemake.input.index),
        facts_of(snakemake.input.index)["ignored"],
        read_published(snakemake.input.get("published", [])),
    )
    for csv, parquet in zip(output.csv, output.parquet, strict=True):
        table = tables[Path(csv).stem]
        write_csv(csv, table)
        write_table(parquet, table, Header("table", snakemake.params.key))
    write_text(output.headline, json.dumps(headline, indent=2, ensure_ascii=False) + "\n")
