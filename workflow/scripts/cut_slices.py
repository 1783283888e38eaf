from pathlib import Path

from genreflow.config.inputs import InputSettings
from genreflow.features.slices import slice_shard
from genreflow.gpus import gpu_slot
from genreflow.job import job
from genreflow.store.parquet import read_frame
from genreflow.store.shards import write_shard

with job(snakemake.log[0]), gpu_slot(snakemake.resources.gpu):
    audio = Path(snakemake.input.audio)
    shard = slice_shard(
        read_frame(audio, "audio"),
        audio_folder=audio.parent,
        settings=InputSettings.model_validate(snakemake.params.settings),
        key=snakemake.params.key,
        device=snakemake.resources.device if snakemake.resources.gpu else "cpu",
    )
    write_shard(snakemake.output[0], shard)
