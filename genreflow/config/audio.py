"""Settings of audio: normalization, and thresholds for refusing tracks or warning of them."""

from typing import Literal

from pydantic import Field

from genreflow.config.base import LATER, Settings


class QualityThresholds(Settings):
    """Thresholds for refusing a track (`Q_...`) or using it with a warning (`W_...`)."""

    max_file_gb: float = Field(8.0, gt=0, le=100_000, description="Larger files are refused, GB.")
    junk_mb: float = Field(
        4.0, ge=0, le=64, description="How far into a file the first frame of an MPEG stream is searched for, MB."
    )
    min_rate: int = Field(4_000, ge=1_000, le=768_000, description="Lowest sampling rate of a source, Hz.")
    max_rate: int = Field(768_000, le=768_000, description="Highest sampling rate of a source, Hz.")
    max_channels: int = Field(32, ge=1, le=64, description="Most channels of a source.")

    whole: float = Field(0.995, gt=0, le=1, description="Decoded over declared length from which a track is whole.")
    nearly_whole: float = Field(
        0.90, gt=0, le=1, description="The same from which it is used with a warning, where the claim is exact."
    )
    too_long: float = Field(1.02, ge=1, le=100, description="The same above which the header is known to be wrong.")
    length_tolerance: float = Field(0.1, ge=0, le=3_600, description="Difference of the two that coders make, s.")
    error_share: float = Field(0.01, ge=0, le=1, description="Largest share of packets that cannot be decoded.")

    max_magnitude: float = Field(1e3, gt=1, le=1e9, description="Largest sample there can be, where full scale is 1.")
    silence: float = Field(
        -120.0, le=-60, ge=-400, description="A track that nowhere reaches this level is silent, dBFS."
    )
    active_level: float = Field(
        -60.0, le=-20, ge=-400, description="Level of active time against the peak of the track, dB."
    )
    active_share: float = Field(0.01, ge=0, le=0.5, description="Smallest share of active time.")
    antiphase: float = Field(
        -20.0, le=-6, ge=-400, description="The mean of the channels against the loudest, below which they cancel, dB."
    )
    one_sided: float = Field(-40.0, le=-6, ge=-400, description="One of two channels against the other: missing, dB.")
    dc: float = Field(0.05, gt=0, le=1, description="Offset that is worth a warning (it is removed), of full scale.")
    clipped_share: float = Field(0.001, ge=0, le=1, description="Share of samples in flat tops at full scale.")
    over_full_scale: float = Field(6.0, ge=0, le=200, description="Peak that is no matter of coding any more, dBFS.")
    lead_silence: float = Field(5.0, ge=0, le=86_400, description="Silence before the track begins, s.")
    dropout: float = Field(0.5, ge=0.05, le=3_600, description="Zeros amid a track, s.")
    bandlimited: float = Field(
        0.8, ge=0, le=1, description="Half the source's rate over half the target's, below which treble is missing."
    )
    no_bandwidth: float = Field(
        200.0, ge=0, le=24_000, description="A track with nothing above this is hardly music, Hz."
    )

    max_gain: float = Field(30.0, ge=0, le=60, description="Largest gain, dB.")
    encoder_snr: float = Field(
        2.0,
        ge=-20,
        le=60,
        description="Written audio against its coding error below 16 kHz, at least, dB: music has 15 to 40, another "
        "signal -3.",
    )


class AudioSettings(Settings):
    """One normalized Ogg Vorbis file a track: mono, one rate, one loudness."""

    sample_rate: int = Field(44_100, ge=8_000, le=48_000, description="Rate of the normalized audio, Hz.")
    level: Literal["loudness", "none"] = Field(
        "loudness",
        json_schema_extra=LATER,
        description="loudness: bring every track to one loudness; none: keep the level of the recording, lowered only "
        "where its true peak is above the ceiling.",
    )
    loudness: float = Field(
        -23.0,
        ge=-40,
        le=0,
        description="Integrated loudness to reach, LUFS; -23 is that of EBU R128. Most music cannot reach -14 below "
        "the ceiling, so that its level would still differ.",
    )
    true_peak: float = Field(-1.0, ge=-20, le=0, description="Ceiling that caps the gain, dBTP. No limiter is used.")
    quality: float = Field(6.0, ge=-1, le=10, description="Vorbis quality, as in oggenc -q.")
    min_seconds: float = Field(
        1.0, ge=0.4, le=86_400, description="Shorter tracks are quarantined (loudness needs 0.4 s)."
    )
    max_minutes: float = Field(
        20.0, gt=0, le=100_000, description="Of longer tracks only this much is used, with a warning."
    )
    thresholds: QualityThresholds = QualityThresholds()
