from genreflow.gpus import gpu_slot
from genreflow.inference.tables import as_text
from genreflow.inference.tracks import Predictor, slices_table
from genreflow.job import job
from genreflow.store.csvs import write_csv

with job(snakemake.log[0]) as info, gpu_slot(snakemake.resources.gpu):
    predictor = Predictor(snakemake.input.model, device=snakemake.params.device, cores=snakemake.threads)
    predictions = predictor.predict_tracks(snakemake.params.files, missing_ok=True)
    write_csv(snakemake.output[0], slices_table(predictions, predictor.bundle.classes))
    info(as_text(predictor, predictions))
