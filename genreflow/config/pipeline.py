"""The settings of a whole run: `config.yaml`."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from genreflow.config.audio import AudioSettings
from genreflow.config.base import LATER, Settings
from genreflow.config.datasets import Layout, find_layouts

LAYOUTS = find_layouts()
if TYPE_CHECKING:
    Dataset = Layout
else:
    Dataset = Annotated[reduce(or_, LAYOUTS.values()), Field(discriminator="layout")]


# A value of another type counts as a list, so that its error is about one type.
Studies = Annotated[
    Annotated[list[str], Tag("listed")] | Annotated[dict[str, dict[str, Any]], Tag("inline")],
    Discriminator(lambda value: "inline" if isinstance(value, dict) else "listed"),
]


FigureFormat = Literal["png", "svg", "pdf"]


class Limits(Settings):
    """Limits of jobs."""

    shard_size: int = Field(32, ge=1, le=4096, description="Most tracks in a shard, the unit of one job.")
    audio_threads: int = Field(4, ge=1, le=1_024, description="Most tracks of a shard that are decoded side by side.")
    track_timeout: float = Field(
        600.0,
        gt=0,
        le=1_000_000,
        description="Processor time after which a track is given up, or time that it waits without taking any, s.",
    )
    track_memory_gb: float = Field(4.0, gt=0, le=100_000, description="Memory that decoding a track may take, GB.")
    max_quarantine: float = Field(
        0.05, ge=0, le=1, description="Share of tracks that may be quarantined; with more, nothing is trained."
    )
    max_class_loss: float = Field(0.2, ge=0, le=1, description="The same for the tracks of one class.")
    train_threads: int = Field(8, ge=1, le=1_024, description="Most CPU threads of one training job.")
    memory_gb: float = Field(
        16.0,
        gt=0,
        le=100_000,
        description="More slices than so many GB are mapped from a file and not read into memory at once.",
    )
    folds_per_job: Literal["one", "all"] = Field(
        "one",
        description="all: one job trains all folds of a setting, one after another, and reads the slices once. Best "
        "where jobs cannot run side by side, as on a single GPU.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="Where networks are trained: auto is an NVIDIA GPU (cuda), else an Apple GPU (mps), else the CPU. "
        "Embeddings are computed on the CPU unless a GPU is named.",
    )
    max_runs: int = Field(2_000, ge=1, le=100_000, description="Most training runs of a study.")


class Duplicates(Settings):
    """Treatment of recordings with copies. Copies are never on two sides of a fold."""

    search: Literal["exact", "recordings"] = Field(
        "recordings",
        description="exact: equal bytes or samples; recordings: in another codec, at another level or cut, and a "
        "little faster or higher, as well.",
    )
    across_classes: Literal["quarantine", "keep_first", "keep"] = Field(
        "quarantine", description="Copies with different labels: quarantine all, all but the first, or none."
    )


class ReportSettings(Settings):
    """Content of a report besides tables and figures."""

    excerpts: int = Field(
        300, ge=0, le=10_000, description="Most tracks to listen to, about 65 kB each; mistakes come first."
    )
    excerpt_seconds: float = Field(10.0, ge=1, le=60, description="Length of an excerpt, s.")
    excerpts_within: int = Field(
        10, ge=0, le=1_000, description="Number of these that `report.html`, the report in a single file, contains."
    )


class FigureSettings(Settings):
    """Figures for print, which are written beside those of the report."""

    format: Annotated[
        Annotated[FigureFormat, Tag("one")] | Annotated[list[FigureFormat], Field(min_length=1), Tag("list")],
        Discriminator(lambda value: "list" if isinstance(value, list) else "one"),
    ] = Field(
        ["png", "svg"],
        description="One format or a list. The figures that the report shows are PNG and SVG in any case.",
    )
    width_mm: Literal[85, 170] | None = Field(
        None, description="Width of a column (85) or a page (170) of a journal, mm. None: as in the report."
    )

    @property
    def printed(self) -> list[FigureFormat]:
        """The formats for print; none where the files of the report are all that is asked for."""
        formats = list(dict.fromkeys(self.format)) if isinstance(self.format, list) else [self.format]
        return formats if self.width_mm is not None or "pdf" in formats else []


class History(Settings):
    """Earlier results of studies, kept before a run replaces them."""

    keep: int = Field(
        5,
        ge=0,
        le=1_000,
        description="Most earlier results of a study; the oldest are removed first. With 0 none are kept, and an "
        "interrupted update leaves no complete results.",
    )


class PredictRequest(Settings):
    """Files that `snakemake predict` classifies."""

    study: str = Field(description="Study whose final model is used.")
    files: list[str] = Field(min_length=1, description="Audio files, folders and playlists (.m3u, .m3u8).")


class PipelineSettings(Settings):
    """Everything in `config.yaml`."""

    studies: Studies = Field(
        default_factory=list,
        description="Names in studies/ and paths to study files; or name -> the content of a study file.",
    )
    size: Literal["full", "medium", "small"] = Field(
        "full",
        description="small: with the changes under the key `small` of a study file: other music, fewer epochs; medium: "
        "with those under `medium`: the same music, the main models, one fold, a quarter of the epochs.",
    )
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    audio: AudioSettings = AudioSettings()
    duplicates: Duplicates = Duplicates()
    limits: Limits = Limits()
    report: ReportSettings = ReportSettings()
    figures: FigureSettings = Field(FigureSettings(), json_schema_extra=LATER)
    history: History = Field(History(), json_schema_extra=LATER)
    predict: PredictRequest | None = None
