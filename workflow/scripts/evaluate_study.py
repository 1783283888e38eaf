from pathlib import Path

from genreflow.datasets.duplicates import PAIRS
from genreflow.datasets.index import facts_of, read_index, read_tracks
from genreflow.evaluation.cross_dataset import read_answers
from genreflow.evaluation.headline import write_headline
from genreflow.evaluation.runs import with_known_groups
from genreflow.evaluation.search import read_trials
from genreflow.evaluation.study import StudyResults, read_folds, read_published, read_runs, study_tables
from genreflow.job import job
from genreflow.project.layout import STUDY
from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, read_frame, write_table

with job(snakemake.log[0]):
    study, output = snakemake.params.study, snakemake.output
    tracks, facts = read_tracks(snakemake.input.indexes), facts_of(snakemake.input.index)
    results = StudyResults(
        study,
        read_runs(Path(STUDY.format(study=study["name"])), study),
        with_known_groups(read_folds(snakemake.input.get("folds", [])), tracks["group"]),
        read_index(snakemake.input.index),
        tracks["title"],
        facts["ignored"],
        read_published(snakemake.input.get("published", []), study["published"]),
        read_frame(snakemake.input.duplicates, PAIRS),
        read_trials(snakemake.input.get("trials", [])),
        next((read_frame(path, "leakage") for path in snakemake.input.get("leakage", [])), None),
        read_answers(snakemake.input.get("cross_datasets", [])),
        facts.get("disagreements", ()),
    )
    tables, headline = study_tables(results)
    for csv, parquet in zip(output.csv, output.parquet, strict=True):
        write_csv(csv, tables[Path(csv).stem])
        write_table(parquet, tables[Path(csv).stem], Header("table", snakemake.params.key))
    write_headline(output.headline, headline, key=snakemake.params.key)
