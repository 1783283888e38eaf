from genreflow.datasets.index import check_losses, read_index, usable_tracks
from genreflow.folds.assign import assign, select
from genreflow.folds.audit import verify
from genreflow.folds.feasibility import classes_of, is_tagged
from genreflow.job import job
from genreflow.project.specs import ProtocolSpec
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]):
    indexes = [read_index(path) for path in snakemake.input.indexes]
    for index in indexes:
        check_losses(index, most=snakemake.params.max_quarantine, most_of_a_class=snakemake.params.max_class_loss)
    spec = ProtocolSpec.from_json(snakemake.params.spec)
    tracks = select(usable_tracks(indexes), classes=spec.classes, most=spec.tracks)
    folds = assign(tracks, spec.folds)
    verify(folds, spec.folds)
    facts = {"classes": classes_of(tracks), "tags": is_tagged(tracks)}
    write_table(snakemake.output[0], folds, Header("folds", snakemake.params.key, facts=facts))
