from genreflow.inference.cross_dataset import indexed_tracks, judge, known_tracks
from genreflow.inference.tracks import Predictor
from genreflow.job import job
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]) as info:
    given, output, key = snakemake.input, snakemake.output, snakemake.params.key
    predictor = Predictor(given.model, device="cpu", cores=snakemake.threads)
    known = known_tracks(given.own_audio, given.audio, snakemake.params.search)
    tracks, predictions = judge(predictor, indexed_tracks(given.index), known=known)
    write_table(output.tracks, tracks, Header("cross_dataset", key))
    facts = {"classes": list(predictor.bundle.classes), "tags": predictor.is_tagged}
    write_table(output.predictions, predictions, Header("predictions", key, facts=facts))
    info(f"{snakemake.wildcards.dataset}: {tracks['fate'].value_counts().to_dict()}")
