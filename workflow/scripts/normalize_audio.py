import time
from pathlib import Path

from genreflow.audio.ingest import ingest, write
from genreflow.config.audio import AudioSettings
from genreflow.datasets.catalog import check_lasting, tracks_of_shard
from genreflow.datasets.progress import shard_progress, standing
from genreflow.job import job
from genreflow.project.layout import AUDIO_PROGRESS

with job(snakemake.log[0]) as info:
    start = time.monotonic()
    output = Path(snakemake.output[0])
    settings = AudioSettings(**snakemake.params.settings)
    tracks = tracks_of_shard(snakemake.input.catalog, snakemake.wildcards.shard)
    name = f"{snakemake.wildcards.dataset} shard {snakemake.wildcards.shard}"
    with shard_progress(Path(snakemake.log[0]).with_suffix(".progress.json"), name, len(tracks)) as progress:
        table = ingest(
            tracks,
            audio_folder=output.parent,
            settings=settings,
            stage_key=snakemake.params.stage_key,
            timeout=snakemake.params.timeout,
            workers=snakemake.threads,
            memory_gb=snakemake.params.memory_gb,
            report=progress.add,
        )
    check_lasting(tracks, table)
    unsettled = write(output, table, snakemake.params.key, settings)
    hours = sum(filter(None, table["seconds"].to_pylist())) / 3600
    minutes = (time.monotonic() - start) / 60
    dataset = snakemake.wildcards.dataset
    verdicts = table["verdict"].to_pylist()
    done = standing(Path(AUDIO_PROGRESS.format(dataset=dataset)), output.parent)
    info(
        f"{dataset}: shard {snakemake.wildcards.shard} ({done}), "
        f"{len(tracks)} tracks, {len(tracks) / minutes / 60:.1f} tracks/s, {hours / minutes:.2f} h of audio a minute, "
        f"{verdicts.count('warn')} in doubt, {verdicts.count('quarantine')} quarantined"
        + (f", {unsettled} of them to be tried again by the next run" if unsettled else "")
    )
