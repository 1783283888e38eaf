from genreflow.inference.tables import as_text, slices_table
from genreflow.inference.tracks import predict
from genreflow.job import job
from genreflow.store.csvs import write_csv

with job(snakemake.log[0]) as say:
    predictor, judged = predict(
        snakemake.input.model, snakemake.params.files, device=snakemake.params.device, cores=snakemake.threads
    )
    write_csv(snakemake.output[0], slices_table(judged, predictor.bundle.classes))
    say(as_text(predictor, judged))
