from genreflow.job import job
from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, write_table
from genreflow.training.snippet_predictions import predict_snippets

with job(snakemake.log[0]):
    decisions, facts = predict_snippets(
        snakemake.input.weights,
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        audio_folder=snakemake.params.audio_folder,
        count=100,
        threads=snakemake.threads,
    )
    write_csv(snakemake.output.csv, decisions)
    write_table(snakemake.output.parquet, decisions, Header("snippets", snakemake.params.key, facts=facts))
