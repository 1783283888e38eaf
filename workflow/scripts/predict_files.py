from genreflow.job import job
from genreflow.predict import describe, predict
from genreflow.store.csvs import write_csv

with job(snakemake.log[0]) as say:
    tracks, slices = predict(snakemake.input.model, snakemake.params.files, device=snakemake.params.device)
    write_csv(snakemake.output[0], slices)
    say(describe(tracks))
