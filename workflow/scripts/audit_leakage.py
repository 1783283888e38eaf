from genreflow.datasets.artists import tagged_artists, with_tagged_artists
from genreflow.datasets.catalog import embedded_tags, read
from genreflow.datasets.duplicates import PAIRS
from genreflow.datasets.index import read_index
from genreflow.folds.leakage import bandwidth_by_class, leakage
from genreflow.folds.placement import read_changes
from genreflow.job import job
from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, read_frame, write_table
from genreflow.training.novelty import earlier_training, embedding_network

with job(snakemake.log[0]) as info:
    index = read_index(snakemake.input.index)
    for catalog in snakemake.input.catalog:
        index = with_tagged_artists(index, tagged_artists(embedded_tags(read(catalog))))
    pairs = read_frame(snakemake.input.duplicates, PAIRS)
    earlier = [earlier_training(weights) for weights in snakemake.params.pretrained]
    earlier += map(embedding_network, snakemake.params.embeddings)
    audit = leakage(
        read_frame(snakemake.input.folds, "folds"), index, pairs, earlier, read_changes(snakemake.input.folds)
    )
    write_csv(snakemake.output.csv, audit)
    write_table(snakemake.output.parquet, audit, Header("leakage", snakemake.params.key))
    write_table(snakemake.output.bandwidth, bandwidth_by_class(index), Header("bandwidth", snakemake.params.key))
    for message in audit.loc[audit["verdict"] == "leak", "message"]:
        info(f"{snakemake.wildcards.study}: {message}")
