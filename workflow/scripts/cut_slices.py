from pathlib import Path

from genreflow.config.inputs import InputSettings
from genreflow.features.slices import slice_shard
from genreflow.job import job
from genreflow.store.parquet import read_frame, write_table

with job(snakemake.log[0]):
    audio = Path(snakemake.input.audio)
    table, header = slice_shard(
        read_frame(audio, "audio"),
        audio_folder=audio.parent,
        settings=InputSettings.model_validate(snakemake.params.settings),
        key=snakemake.params.key,
    )
    write_table(snakemake.output[0], table, header)
