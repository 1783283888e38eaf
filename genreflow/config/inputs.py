"""Settings of inputs: a front-end (samples to arrays) and a segmentation (where to cut)."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from genreflow.config.base import LATER, MAX_SEED, Settings

# An axis of a slice: time, bands of one spectrum, or quantities of several kinds, each with a unit of its own.
Axis = Literal["band", "quantity", "time"]


class _FrontEnd(Settings):
    """The settings of every front-end.

    Attributes
    ----------
    module
        The module below `genreflow` that computes it.
    axes
        Meaning of the axes of a slice.
    """

    module: ClassVar[str]
    axes: ClassVar[tuple[Axis, ...]]

    kind: str


class _Framed(_FrontEnd):
    """The settings of a front-end that transforms overlapping frames."""

    sample_rate: int = Field(22_050, ge=8_000, le=48_000, description="Rate of the audio it reads, Hz.")
    n_fft: int = Field(ge=64, le=65_536)
    hop: int = Field(ge=1)

    @model_validator(mode="after")
    def _frames_touch(self) -> Self:
        if self.hop > self.n_fft:
            raise ValueError(f"hop {self.hop} is longer than n_fft {self.n_fft}: samples would be skipped")
        return self


# Window and step of a log-mel spectrogram that nothing is said of, s.
_WINDOW_S, _STEP_S = 0.093, 0.02


class LogMel(_Framed):
    """Log-mel spectrogram with centered frames, as librosa's, or with `mel: htk` and `padding: reflect` torchaudio's.

    The defaults are the reading of the psytrance study's text (128 frames of 20 ms = 2.56 s), but for a window of twice
    the length. Its code differs in four more values: ``hop: 512, fmax: 12000, decibels: double_log, scale:
    frame_minmax``.
    """

    module = "features.mel"
    axes = ("band", "time")

    kind: Literal["logmel"] = "logmel"
    sample_rate: int = Field(44_100, ge=8_000, le=48_000, description="Rate of the audio it reads, Hz.")
    n_fft: int = Field(
        4_096,
        ge=64,
        le=65_536,
        description="FFT and Hann window length, samples; if not given, the power of two nearest to 93 ms: 4096 at "
        "44,100 Hz, 2048 at 22,050 Hz. The psytrance study's is 2048.",
    )
    hop: int = Field(
        882,
        ge=1,
        description="Step between frames, samples; if not given, 20 ms: 882 at 44,100 Hz. 512 in the code of the "
        "psytrance study and at 22,050 Hz (western8, genre_mood); 256 at 16,000 Hz (tagging).",
    )
    n_mels: int = Field(128, ge=8, le=512, description="Mel bands.")
    fmin: float = Field(0.0, ge=0, description="Lowest frequency, Hz.")
    fmax: float | None = Field(None, gt=0, description="Highest frequency, Hz; half the sample rate if not given.")
    mel: Literal["slaney", "htk"] = Field(
        "slaney",
        description="slaney: linear to 1 kHz, triangles of unit area, as librosa; htk: 2595 log10(1 + f/700), "
        "triangles of height 1, as torchaudio (tagging: with sample_rate 16000, n_fft 512, hop 256, padding reflect).",
    )
    padding: Literal["zeros", "reflect"] = Field(
        "zeros", description="What frames see beyond the ends: zeros, or the samples mirrored (librosa before 0.10)."
    )
    decibels: Literal["power", "double_log", "musicnn", "none"] = Field(
        "power",
        description="power: 10 log10 of the mel power; double_log: 20 log10 of it, as the psytrance study's code did; "
        "musicnn: log10(1 + 10000 S) of the power S rounded to half precision, as the public networks of the package "
        "musicnn are fed; none: the mel power itself.",
    )
    reference: Literal["one", "max"] = Field(
        "one", description="What 0 dB is: a power of 1, or the largest of what is transformed together (western8)."
    )
    top_db: float | None = Field(
        None,
        gt=0,
        le=1_000,
        description="Range below the largest of what is transformed together, dB; lower values are raised to it. "
        "No limit if not given, but 80 with `decibels: double_log`.",
    )
    scale: Literal["none", "frame_minmax"] = Field(
        "none", description="frame_minmax: each frame scaled to 0..1 over its bands, as the psytrance study's code did."
    )

    @model_validator(mode="before")
    @classmethod
    def _frames_follow_the_rate(cls, values: Any) -> Any:
        rate = values.get("sample_rate", 44_100) if isinstance(values, Mapping) else None
        if type(rate) is not int or rate < 8_000:  # which is refused
            return values
        return {"n_fft": 2 ** round(math.log2(_WINDOW_S * rate)), "hop": round(_STEP_S * rate), **values}

    @model_validator(mode="before")
    @classmethod
    def _double_log_has_a_range(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("decibels") == "double_log":
            return {"top_db": 80.0, **values}
        return values

    @model_validator(mode="after")
    def _values_agree(self) -> "LogMel":
        top = self.fmax if self.fmax is not None else self.sample_rate / 2
        if top > self.sample_rate / 2:
            raise ValueError(f"fmax {top:g} Hz is above half the sample rate ({self.sample_rate / 2:g} Hz)")
        if self.fmin >= top:
            raise ValueError(f"fmin {self.fmin:g} Hz is not below fmax {top:g} Hz")
        if self.n_mels > self.n_fft / 2:
            raise ValueError(f"n_mels {self.n_mels} is more than half of n_fft {self.n_fft}: bands would be empty")
        if self.decibels in ("none", "musicnn") and (self.reference == "max" or self.top_db is not None):
            raise ValueError(f"reference and top_db are decibels, and decibels is {self.decibels}")
        return self


class Stft(_Framed):
    """Magnitude spectrogram. The defaults are those of the feature_maps study: 3 s are exactly 128 frames.

    The tagging study's: ``sample_rate: 16000, hop: 1024, window: hann, centered: true, magnitude: log1p``. Only
    centered frames give its 454 for 464,000 samples; inside them lie 453.
    """

    module = "features.spectrogram"
    axes = ("band", "time")

    kind: Literal["stft"] = "stft"
    n_fft: int = Field(1_024, ge=64, le=65_536, description="FFT and window length, samples.")
    hop: int = Field(512, ge=1, description="Step between frames, samples; 1024 in the tagging study.")
    window: Literal["hamming", "hann"] = Field("hamming", description="Window (periodic); hann in the tagging study.")
    centered: bool = Field(
        False,
        description="Frames centered on their time, with zeros beyond the ends; if not, only frames that lie inside. "
        "true in the tagging study: 464,000 samples are 454 frames.",
    )
    magnitude: Literal["linear", "log1p"] = Field(
        "linear", description="log1p: log(1 + magnitude), as in the tagging study."
    )


class Waveform(_FrontEnd):
    """The samples themselves."""

    module = "features.waveforms"
    axes = ("time",)

    kind: Literal["waveform"] = "waveform"
    sample_rate: int = Field(16_000, ge=4_000, le=48_000, description="Rate, Hz.")


MusicMap = Literal[
    "short-term energy", "zero-crossing rate", "brightness", "spectral flatness", "spectral entropy", "roughness",
    "key clarity", "harmonic change",
]  # fmt: skip
MUSIC_MAPS = get_args(MusicMap)


class MusicMaps(_Framed):
    """Eight music features a frame, as curves over time (feature_maps study, section 3)."""

    module = "features.maps"
    axes = ("quantity", "time")

    kind: Literal["maps"] = "maps"
    n_fft: int = Field(1_024, ge=64, le=65_536, description="Window length, samples.")
    hop: int = Field(512, ge=1, description="Step between frames, samples; frames lie inside the excerpt.")
    brightness_hz: float = Field(
        1_500.0,
        gt=0,
        le=1_000_000,
        description="Brightness is the share of magnitude above it; the study's 15,000 gives zeros.",
    )
    profiles: Literal["gomez", "krumhansl"] = Field("gomez", description="Key profiles of key clarity.")
    without: MusicMap | None = Field(None, description="Leave one of the maps out, to see what it is worth.")
    chroma: Literal["frame", "long"] = Field(
        "frame", description="Window of the chroma behind harmonic change: a frame (46 ms), or 0.74 s."
    )
    spectrum: bool = Field(
        False,
        json_schema_extra=LATER,
        description="Also the magnitudes of each frame's frequencies, below the features, for early fusion.",
    )


class Descriptors(_Framed):
    """Summary statistics of a segment, for random forests and other models of single numbers (western8 study)."""

    module = "features.descriptor_sets"
    axes = ("quantity",)

    kind: Literal["descriptors"] = "descriptors"
    set: Literal["means25", "means36", "texture", "full"] = Field(
        "means25",
        description="means25: means over time of ZCR, centroid, roll-off, 20 MFCC, chroma (one number), and tempo; "
        "means36: with twelve chroma means; texture: means and deviations of 66 features (20 MFCC and their "
        "slopes, chroma, contrast, shape of the spectrum, onsets); full: seven statistics of 74 features, as in FMA.",
    )
    n_fft: int = Field(2_048, ge=64, le=65_536, description="FFT and Hann window length, samples.")
    hop: int = Field(512, ge=1, description="Step between frames, samples.")

    @model_validator(mode="after")
    def _the_set_has_its_bands(self) -> Self:
        if self.set in ("full", "texture") and (self.sample_rate <= 12_800 or self.sample_rate >= 200 * self.n_fft):
            raise ValueError(
                f"set: {self.set} needs a sample_rate above 12800 and bins less than 200 Hz apart (sample_rate / "
                f"n_fft), and they are {self.sample_rate} and {self.sample_rate / self.n_fft:g} Hz"
            )
        return self


Layer = Literal["penultimate", "output"]


class EmbeddingNetwork(Settings):
    """Facts of the network of an embedding, which `genreflow.embeddings.sources` reads from its files.

    Attributes
    ----------
    title
        Its name in texts.
    sha256
        SHA-256 of its weights.
    content
        Digest of its weights and of everything else that its vectors depend on.
    sample_rate
        Rate of the audio it reads, Hz.
    seconds
        Length of a patch, the excerpt that it is fed at once, s.
    columns
        Names of the values of a vector; empty where they are numbered.
    width
        Number of values of a vector.
    front_end
        Kind of the front-end that it is fed.
    network
        Name of the network in the registry of models; empty for a network of another kind.
    megabytes
        Size of its weights.
    """

    title: str
    sha256: str
    content: str
    sample_rate: int = Field(ge=4_000, le=48_000)
    seconds: float = Field(gt=0)
    width: int = Field(ge=1)
    columns: tuple[str, ...] = Field((), strict=False)
    front_end: str = ""
    network: str = ""
    megabytes: float = 0.0


class Embedding(_FrontEnd):
    """Embedding: a trained network turns each segment into one vector; the means of its patches, if there are several.

    It reads audio at the rate of the network's own input, whose front-end is computed first.
    """

    module = "embeddings.front_end"
    axes = ("quantity",)

    kind: Literal["embedding"] = "embedding"
    model: str = Field(
        "MSD_musicnn",
        min_length=1,
        description="Name of public weights, or path of a run, an exported model or an ONNX file.",
    )
    layer: Layer = Field(
        "penultimate",
        description="penultimate: the input of the last linear layer; output: what the last layer returns for each "
        "class or tag, before softmax or sigmoid. Of an ONNX file: the output that its description names so.",
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 that the weights must have; any if not given.",
    )
    network: EmbeddingNetwork | None = Field(None, json_schema_extra={"internal": True})

    @property
    def resolved(self) -> EmbeddingNetwork:
        """Facts of the network; ValueError before `genreflow.embeddings.sources.resolve` has read them."""
        if self.network is None:
            raise ValueError(f"the embedding {self.model!r} is not resolved")
        return self.network

    @property
    def sample_rate(self) -> int:
        """Rate of the audio that the network reads, Hz."""
        return self.resolved.sample_rate


LONGEST_PADDING = 0.1  # s


class _Segments(Settings):
    """The settings that all segmentations share."""

    tolerance: float = Field(
        0.02,
        ge=0,
        le=0.5,
        description="Share of a segment that may be missing at the end of a track, 0.1 s at most: it is padded with "
        "zeros, and counted. Clips sold as 30 s often have 29.98 s.",
    )


class _InFrames(_Segments):
    """Segments counted in frames of the spectrogram of the whole track."""

    frames: int = Field(128, ge=1, le=1_000_000, description="Frames in a segment.")
    count: int = Field(30, ge=1, le=10_000, description="Segments a track; a shorter track gives what it has.")


class Midpoint(_InFrames):
    """Consecutive segments around the middle of the track (psytrance study, Data preparation)."""

    kind: Literal["midpoint"] = "midpoint"


class Beats(_InFrames):
    """Segments around the middle that start on tracked beats, each near to where `midpoint` would start it."""

    kind: Literal["beats"] = "beats"


class Onsets(_InFrames):
    """Those segments, free of overlap, that hold the most note onsets together."""

    kind: Literal["onsets"] = "onsets"


class AvoidBreaks(_InFrames):
    """As `midpoint`, but passing over quiet segments, such as breakdowns near the middle."""

    kind: Literal["avoid_breaks"] = "avoid_breaks"
    below: float = Field(
        6.0, gt=0, le=1_000, description="A segment so much below the track's median is passed over, dB of mean power."
    )


class _InSeconds(_Segments):
    """Segments of a length in seconds; each is cut from the samples and transformed by itself."""

    seconds: float = Field(3.0, gt=0, le=3_600, description="Length of a segment, s.")


class RandomOffset(_InSeconds):
    """One segment that starts at a random whole second (western8 study: 30, 15 or 10 s between 15 and 120 s)."""

    kind: Literal["random_offset"] = "random_offset"
    seconds: float = Field(30.0, gt=0, le=3_600, description="Length of the segment, s.")
    earliest: int = Field(15, ge=0, le=86_400, description="First second it may start at.")
    latest: int = Field(
        120, ge=0, le=86_400, description="Last second it may start at; in a shorter track, the last that fits."
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Another seed, other places.")

    @property
    def count(self) -> int:
        """Segments a track."""
        return 1

    @model_validator(mode="after")
    def _values_agree(self) -> "RandomOffset":
        if self.earliest > self.latest:
            raise ValueError(f"earliest {self.earliest} s is after latest {self.latest} s")
        return self


class Sliding(_InSeconds):
    """The first segments of a window that slides over the track (feature_maps study: 18 of 3 s, every 1.5 s)."""

    kind: Literal["sliding"] = "sliding"
    hop: float = Field(1.5, gt=0, description="Step from one segment to the next, s.")
    count: int = Field(18, ge=1, le=10_000, description="Segments a track; a shorter track gives what it has.")

    @model_validator(mode="after")
    def _values_agree(self) -> "Sliding":
        if self.hop > self.seconds:
            raise ValueError(f"hop {self.hop:g} s is longer than a segment of {self.seconds:g} s: music would be lost")
        return self


class Split(_InSeconds):
    """Segments spread evenly over the whole track (genre_mood study: ten of 3 s in a clip of 30 s)."""

    kind: Literal["split"] = "split"
    count: int = Field(10, ge=1, le=10_000, description="Segments a track; a shorter track gives what it has.")
    overlap: float = Field(
        0.01, ge=0, lt=1, description="Share that neighbors may have in common, for clips a little too short."
    )


class Random(_InSeconds):
    """Segments at random places, which may overlap (genre_mood study: 100 of 3 s for the histogram of a song)."""

    kind: Literal["random"] = "random"
    count: int = Field(100, ge=1, le=10_000, description="Segments a track.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Another seed, other places.")


class Whole(_InSeconds):
    """One segment from the beginning on, of the length that all clips have (tagging study: 29 s)."""

    kind: Literal["whole"] = "whole"
    seconds: float = Field(29.0, gt=0, le=3_600, description="Length of the segment, s; shorter tracks give none.")

    @property
    def count(self) -> int:
        """Segments a track."""
        return 1


class Chunks(_InSeconds):
    """Segments at equal steps from the beginning on (evaluation of Won et al. 2020; 59,049 samples are 3.6905625 s)."""

    kind: Literal["chunks"] = "chunks"
    count: int = Field(16, ge=1, le=10_000, description="Segments a track, i (n - length) / count from its beginning.")


_SingleFrontEnd = LogMel | Stft | Waveform | MusicMaps | Descriptors | Embedding
InFrames = Midpoint | Beats | Onsets | AvoidBreaks
InSeconds = RandomOffset | Sliding | Split | Random | Whole | Chunks
Segments = InFrames | InSeconds

# Segmentations that look for onsets or beats first.
INFORMED = ("beats", "onsets")
FRONT_ENDS = {kind.model_fields["kind"].default: kind for kind in get_args(_SingleFrontEnd)}
SEGMENTS = {kind.model_fields["kind"].default: kind for kind in get_args(Segments)}


def _of_kind(kinds: Mapping[str, type[Settings]], usual: str) -> BeforeValidator:
    """Return a validator that reads a mapping as the settings class its `kind` names.

    Pydantic's own discriminated unions want `kind` to be there, and name it in the place of every error.
    """

    def read(value: Any) -> Any:
        if isinstance(value, Settings):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} is not a mapping; give its kind and settings as `key: value`")
        kind = value.get("kind", usual)
        if kind not in list(kinds):
            raise ValueError(f"kind {kind!r} is none of {', '.join(kinds)}")
        return kinds[kind].model_validate(value)

    return BeforeValidator(read)


class Joined(Settings):
    """Several front-ends of vectors side by side, of which a model's `input: [embedding, descriptors]` consists."""

    module: ClassVar[str] = "features.joined"
    axes: ClassVar[tuple[Axis, ...]] = ("quantity",)

    kind: Literal["joined"] = "joined"
    parts: tuple[Annotated[_SingleFrontEnd, _of_kind(FRONT_ENDS, "descriptors")], ...] = Field(
        min_length=2, strict=False, description="Front-ends of vectors."
    )

    @property
    def sample_rate(self) -> int:
        """The highest of the parts' rates, Hz."""
        return max(part.sample_rate for part in self.parts)


FrontEndSettings = _SingleFrontEnd | Joined


def embedding_in(front_end: FrontEndSettings) -> Embedding | None:
    """Return the embedding that a front-end is, or is joined of; None if there is none."""
    parts = front_end.parts if isinstance(front_end, Joined) else (front_end,)
    return next((part for part in parts if isinstance(part, Embedding)), None)


def with_embedding(front_end: FrontEndSettings, embedding: Embedding) -> FrontEndSettings:
    """Return a front-end with other settings of its embedding."""
    if not isinstance(front_end, Joined):
        return embedding
    parts = tuple(embedding if isinstance(part, Embedding) else part for part in front_end.parts)
    return front_end.model_copy(update={"parts": parts})


_READABLE: dict[str, type[Settings]] = {**FRONT_ENDS, "joined": Joined}


def read_front_end(values: Mapping[str, Any]) -> FrontEndSettings:
    """Return the settings of a front-end from the output of their `model_dump`."""
    read: Any = _READABLE[values["kind"]].model_validate(values)
    return read


class InputSettings(Settings):
    """One named input of a study."""

    front_end: Annotated[FrontEndSettings, _of_kind(_READABLE, "logmel")] = Field(
        LogMel(), description=f"Samples to arrays; `kind` is one of {', '.join(FRONT_ENDS)}."
    )
    segments: Annotated[Segments, _of_kind(SEGMENTS, "midpoint")] = Field(
        Midpoint(), description=f"Where to cut; `kind` is one of {', '.join(SEGMENTS)}."
    )
    peak: bool = Field(
        False, description="Bring the samples of each segment to a peak of 1 first (western8; genre_mood's waveforms)."
    )
    standardize: Literal["none", "global", "band", "element"] = Field(
        "none",
        description="Subtract the mean and divide by the deviation of the training folds: of all values, of each band, "
        "or of each element of the array.",
    )

    @model_validator(mode="after")
    def _values_agree(self) -> "InputSettings":
        problems = [problem for check in _CHECKS if (problem := check(self))]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _frames_need_a_spectrogram(given: InputSettings) -> str | None:
    front_end, segments = given.front_end, given.segments
    if isinstance(segments, InFrames) and len(front_end.axes) == 1:
        in_seconds = ", ".join(kind.model_fields["kind"].default for kind in get_args(InSeconds))
        return f"{segments.kind} counts in frames, and {front_end.kind} has none; cut in seconds: {in_seconds}"
    return None


def _a_segment_holds_a_frame(given: InputSettings) -> str | None:
    front_end, segments = given.front_end, given.segments
    if isinstance(segments, InSeconds) and isinstance(front_end, _Framed):
        samples = round(segments.seconds * front_end.sample_rate)
        if samples < front_end.n_fft:
            return f"a segment of {segments.seconds:g} s is {samples} samples, fewer than n_fft {front_end.n_fft}"
    return None


def _a_segment_holds_a_patch(given: InputSettings) -> str | None:
    front_end, segments = given.front_end, given.segments
    if isinstance(segments, InSeconds) and isinstance(front_end, Embedding) and front_end.network is not None:
        network = front_end.network
        if round(segments.seconds * network.sample_rate) < round(network.seconds * network.sample_rate):
            return (
                f"a segment of {segments.seconds:g} s is shorter than the {network.seconds:.4g} s that "
                f"{front_end.model} is fed"
            )
    return None


def _peaks_are_of_segments(given: InputSettings) -> str | None:
    if given.peak and isinstance(given.segments, InFrames):
        return f"peak is of each segment's samples, and {given.segments.kind} cuts the spectrogram of the track"
    return None


def _bands_are_there(given: InputSettings) -> str | None:
    if given.standardize == "band" and len(given.front_end.axes) == 1:
        return f"standardize: {given.front_end.kind} has no bands; take global or element"
    return None


def joined(inputs: Mapping[str, InputSettings]) -> InputSettings:
    """Return the input whose vectors are those of several inputs one after the other.

    Raises
    ------
    ValueError
        With a sentence that names the inputs, if these are no vectors, or differ in anything else.
    """
    names = list(inputs)
    if len(names) < 2:
        raise ValueError(f"{names[0]} cannot be joined with itself; name two inputs or more")
    if other := [name for name, each in inputs.items() if each.front_end.axes != ("quantity",)]:
        raise ValueError(
            f"only vectors can be joined, and {', '.join(other)} gives none; take descriptors or embeddings"
        )
    for setting in ("segments", "peak", "standardize"):
        values = [getattr(each, setting) for each in inputs.values()]
        if differing := [name for name, value in zip(names, values, strict=True) if value != values[0]]:
            raise ValueError(f"{differing[0]} has other {setting} than {names[0]}; they must be the same to be joined")
    embeddings = [name for name, each in inputs.items() if isinstance(each.front_end, Embedding)]
    if len(embeddings) > 1:
        raise ValueError(f"one embedding can be joined with descriptors, and {' and '.join(embeddings)} are two")
    parts = tuple(part for each in inputs.values() for part in getattr(each.front_end, "parts", (each.front_end,)))
    return next(iter(inputs.values())).model_copy(update={"front_end": Joined(parts=parts)})


_CHECKS: tuple[Callable[[InputSettings], str | None], ...] = (
    _frames_need_a_spectrogram,
    _a_segment_holds_a_frame,
    _a_segment_holds_a_patch,
    _peaks_are_of_segments,
    _bands_are_there,
)
