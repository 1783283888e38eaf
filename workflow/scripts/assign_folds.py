from genreflow.datasets.catalog import artist_groups, read
from genreflow.datasets.duplicates import grouped_by_artist
from genreflow.datasets.index import check_losses, read_index, usable_tracks
from genreflow.folds.assign import place, select
from genreflow.folds.collections import of_shared_classes
from genreflow.folds.feasibility import classes_of, is_tagged
from genreflow.folds.placement import facts_of, read_placement, write_placement
from genreflow.job import job
from genreflow.project import layout
from genreflow.project.specs import ProtocolSpec
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]) as info:
    indexes = [read_index(path) for path in snakemake.input.indexes]
    for index in indexes:
        check_losses(index, most=snakemake.params.max_quarantine, most_of_a_class=snakemake.params.max_class_loss)
    spec = ProtocolSpec.from_json(snakemake.params.spec)
    for catalog in snakemake.input.catalog:
        indexes = [grouped_by_artist(index, artist_groups(read(catalog))) for index in indexes]
    tracks = select(usable_tracks(indexes), classes=spec.classes, most=spec.tracks, imbalance=spec.imbalance)
    if spec.folds.leaves_collections_out:
        tracks = of_shared_classes(tracks)
    file = layout.PLACEMENT.format(**snakemake.wildcards)
    before = read_placement(file)
    folds, placement = place(tracks, spec.folds, before)
    # Before the folds: there are then no folds whose placement is unknown, and a killed job places all tracks alike.
    if placement is not None and placement is not before:
        write_placement(file, placement)
        if placement.changes is not None:
            info(f"{snakemake.wildcards.study}: {placement.changes}")
    facts = {"classes": classes_of(tracks), "tags": is_tagged(tracks)} | facts_of(placement, spec.folds)
    write_table(snakemake.output[0], folds, Header("folds", snakemake.params.key, facts=facts))
