"""How raw files become normalised audio."""

from pydantic import Field

from genreflow.config.base import Settings


class AudioSettings(Settings):
    """One normalised Ogg Vorbis file a track: mono, one rate, one loudness."""

    sample_rate: int = Field(44_100, ge=8_000, le=48_000, description="Rate of the normalised audio, Hz.")
    loudness: float = Field(-14.0, ge=-40, le=0, description="Integrated loudness to reach (EBU R128), LUFS.")
    true_peak: float = Field(-1.0, ge=-20, le=0, description="Ceiling that caps the gain, dBTP. No limiter is used.")
    quality: float = Field(6.0, ge=-1, le=10, description="Vorbis quality, as in oggenc -q.")
    min_seconds: float = Field(1.0, ge=0.4, description="Shorter tracks are quarantined (loudness needs 0.4 s).")
    max_minutes: float = Field(30.0, gt=0, description="Of longer tracks only this much is used, with a warning.")
