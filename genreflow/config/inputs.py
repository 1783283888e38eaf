"""What a model is fed: a front-end (samples to arrays) and a segmentation (where to cut)."""

from typing import Literal

from pydantic import Field, model_validator

from genreflow.config.base import Settings


class LogMel(Settings):
    """Log-mel spectrogram, librosa-compatible: centred frames, Slaney scale and area normalisation.

    The defaults are the reading of the psytrance study's text (128 frames of 20 ms = 2.56 s). Its code differs
    in four values: ``hop: 512, fmax: 12000, decibels: doubled, scale: frame_minmax``.
    """

    kind: Literal["logmel"] = "logmel"
    sample_rate: int = Field(44_100, ge=8_000, le=48_000, description="Rate of the audio it reads, Hz.")
    n_fft: int = Field(2_048, ge=64, description="FFT and Hann window length, samples.")
    hop: int = Field(882, ge=1, description="Step between frames, samples.")
    n_mels: int = Field(128, ge=8, le=512, description="Mel bands.")
    fmin: float = Field(0.0, ge=0, description="Lowest frequency, Hz.")
    fmax: float | None = Field(None, gt=0, description="Highest frequency, Hz; half the sample rate if not given.")
    decibels: Literal["power", "doubled"] = Field(
        "power",
        description="power: 10 log10 of the mel power; doubled: 20 log10 of it, as the study's code did.",
    )
    scale: Literal["none", "frame_minmax"] = Field(
        "none", description="frame_minmax: each frame scaled to 0..1 over its bands, as the study's code did."
    )

    @model_validator(mode="after")
    def _frequencies_fit(self) -> "LogMel":
        top = self.fmax if self.fmax is not None else self.sample_rate / 2
        if top > self.sample_rate / 2:
            raise ValueError(f"fmax {top:g} Hz is above half the sample rate ({self.sample_rate / 2:g} Hz)")
        if self.fmin >= top:
            raise ValueError(f"fmin {self.fmin:g} Hz is not below fmax {top:g} Hz")
        if self.hop > self.n_fft:
            raise ValueError(f"hop {self.hop} is longer than n_fft {self.n_fft}: samples would be skipped")
        return self


class Midpoint(Settings):
    """Consecutive segments around the middle of the track (psytrance study, Data preparation)."""

    kind: Literal["midpoint"] = "midpoint"
    frames: int = Field(128, ge=1, description="Frames in a segment.")
    count: int = Field(30, ge=1, description="Segments a track; a shorter track gives what it has.")


class InputSettings(Settings):
    """One named input of a study."""

    front_end: LogMel = LogMel()
    segments: Midpoint = Midpoint()
