"""A project for music that nothing is known of but its layout and classes: the text of a `genreflow.yaml`.

Model and inputs follow from the number of tracks in a class, as docs/choosing.md explains.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from genreflow.errors import UserError
from genreflow.plan.advice import FEW, NETWORK
from genreflow.store.text import count, listing
from genreflow.weights.cache import command_for, is_absent

DATASET = "music"
_PLAIN = re.compile(r"[A-Za-z/][\w./-]*( [\w./-]+)*")
_WORDS = re.compile(r"null|true|false|yes|no|on|off|y|n", re.IGNORECASE)  # with a meaning of their own in YAML 1.1

_HEAD = """\
# A project of genreflow. In this folder, and below it:
#
#     genreflow check   # settings, paths and music; how long a run takes
#     genreflow run     # the run; the same command goes on after a stop, or after tracks were added
#
# docs/configuration.md lists the keys of this file, docs/study-files.md those of a study.

datasets:
"""
SECONDS, SHORT_SECONDS = 3.0, 1.0  # of a segment; of clips, none is shorter than the latter (audio.min_seconds)
SEGMENTS = 10  # of a track
_DESCRIPTORS = """\
      descriptors: # 132 numbers of each segment: timbre, chroma, contrast, shape of the spectrum, onsets
        front_end: {{kind: descriptors, set: texture}}
        segments: {segments} # spread evenly over the track
        standardize: element
"""
_EMBEDDING = f"""\
      heard: # 200 numbers of each segment, by a public network that has heard the Million Song Dataset
        front_end: {{{{kind: embedding, model: {NETWORK}}}}}
        segments: {{segments}} # spread evenly over the track
        standardize: element
"""
_SLICES = """\
      slices: # log-mel spectrograms of 2.56 s around the middle of the track
        segments: {kind: midpoint, count: 30}
"""
NARROW_HZ = 11_500.0  # music of less bandwidth leaves half of the mel bands empty at the usual 44,100 Hz
_NARROW = "        front_end: {kind: logmel, sample_rate: 22050} # most of this music has nothing above 11 kHz\n"


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a dataset.

    Attributes
    ----------
    dataset
        Its settings.
    study
        Name of the study.
    classes
        Number of tracks of each class or tag.
    has_tags
        Whether a track has any number of tags instead of one class.
    with_network
        Whether a network is trained as well.
    drop
        Classes that are left out, each with the reason.
    together
        Whose tracks are kept together: of an artist, an album (or the group of a table), or nobody.
    seconds, segments
        Length of a segment, and their number in a track.
    is_narrow
        Whether most of the music has less bandwidth than `NARROW_HZ`.
    """

    dataset: Mapping[str, Any]
    study: str
    classes: Mapping[str, int]
    has_tags: bool = False
    with_network: bool = False
    drop: Mapping[str, str] = field(default_factory=dict)
    together: Literal["artist", "album", "nobody"] = "album"
    seconds: float = SECONDS
    segments: int = SEGMENTS
    is_narrow: bool = False

    @property
    def embeds(self) -> bool:
        """Whether embeddings by the public network are taken: it is on this machine, and needs 3 s."""
        return self.seconds >= SECONDS and not is_absent(NETWORK)

    @property
    def model(self) -> str:
        """The first model, which the report is about."""
        return "probe" if self.embeds or self.has_tags else "svm"

    def reasons(self) -> list[str]:
        """Return sentences on the choice."""
        kind = "tag" if self.has_tags else "class"
        name = "logistic regression" if self.model == "probe" else "support vector machines"
        inputs = f"embeddings by {NETWORK}, and on descriptors" if self.embeds else "descriptors"
        typical = typical_size(self.classes)
        why = "this is the yardstick" if typical > FEW else "few tracks teach a network little"
        sentences = [
            f"Model: {self.model}, {name} on {inputs} of {count(self.segments, 'segment')} of {self.seconds:g} s. "
            f"With some {count(typical, 'track')} a {kind}, {why}."
        ]
        if not self.embeds and self.seconds >= SECONDS:
            sentences.append(
                f"Answers are usually better with the public network {NETWORK}: {command_for([NETWORK])}, then "
                "genreflow init --force."
            )
        if self.with_network:
            sentences.append("Also psytrance_cnn, a network that learns from your music alone, on the same folds.")
        if self.together == "artist":
            sentences.append("The tracks of an artist are kept together, by the tags of the files.")
        if self.together == "nobody":
            sentences.append(
                "Albums are ignored, because some class has only one: accuracies may be too high. Add albums, then "
                "remove `group: false`."
            )
        return [*sentences, *(f"Left out: {name}, {why}." for name, why in self.drop.items())]

    def text(self) -> str:
        """Return the content of the file."""
        return "".join([_HEAD, *self._dataset(), "\nstudies:\n", *self._study()])

    def _dataset(self) -> Iterable[str]:
        kinds = "tags" if self.has_tags else "classes"
        sizes = sorted(tracks for name, tracks in self.classes.items() if name not in self.drop)
        span = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
        yield f"  {DATASET}: # {len(sizes):,} {kinds} of {span} tracks\n"
        yield from (f"    {key}: {_scalar(value)}\n" for key, value in self.dataset.items())
        if self.drop:
            names = ", ".join(map(_scalar, self.drop))
            why = listing(dict.fromkeys(self.drop.values()))
            yield f"    labels: {{drop: [{names}]}} # {why}\n"

    def _study(self) -> Iterable[str]:
        first = "[heard, descriptors]" if self.embeds else "descriptors"
        yield f"  {self.study}: # the report: results/{self.study}/report/index.html\n"
        yield f"    title: {_title(self.study)}\n    dataset: {DATASET}\n    inputs:\n"
        segments = f"{{kind: split, seconds: {self.seconds}, count: {self.segments}}}"
        yield ((_EMBEDDING if self.embeds else "") + _DESCRIPTORS).format(segments=segments)
        if self.with_network:
            yield _SLICES + (_NARROW if self.is_narrow else "")
        if self.together == "artist":
            yield "    folds: {count: 5, fewer_if_needed: true, group: auto} # tracks of one artist are kept together\n"
        elif self.together == "album":
            yield "    folds: {count: 5, fewer_if_needed: true} # tracks of one album are kept together\n"
        else:
            yield "    # With more albums in each class, remove `group: false`: a model may learn an album by heart.\n"
            yield "    folds: {count: 5, fewer_if_needed: true, group: false}\n"
        yield f"    models:\n      {self.model}: {{input: {first}}} # its strength is chosen by inner folds\n"
        if self.with_network:
            yield "      psytrance_cnn: {input: slices}\n"
            yield (
                "    experiments:\n      models: {title: Models, vary: {model: [" + self.model + ", psytrance_cnn]}}\n"
            )


def typical_size(classes: Mapping[str, int]) -> int:
    """Return the median number of tracks of a class or tag."""
    return round(median(classes.values())) if classes else 0


def _title(study: str) -> str:
    return study.replace("_", " ").capitalize()


def _scalar(value: Any) -> str:
    """Return a value in YAML."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and not _WORDS.fullmatch(value):
        return value
    if re.search("[\0\ud800-\udfff]", value):
        raise UserError(f"{value!r} is no text, so no file of settings can hold it. Rename it.")
    return json.dumps(value, ensure_ascii=False)
