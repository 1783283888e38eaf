"""GTZAN: ten genres of 100 clips, ``blues/blues.00000.au`` or, in the copy on Kaggle, ``blues/blues.00000.wav``."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.dataset_root import files_in, find_dataset_root, found_in, stem
from genreflow.datasets.known_bad import marked
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.tables import read_header
from genreflow.datasets.walk import AUDIO_FILES, is_side_file, suffix
from genreflow.errors import Problems
from genreflow.project.shipped import shipped
from genreflow.store.text import count, listing

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
CLIPS = {f"{genre}.{number:05}": genre for genre in GENRES for number in range(100)}
EXCLUDED = "excluded"

_HOMES = ("", "genres", "genres_original", "Data/genres_original")


class Gtzan(Layout):
    """GTZAN: ten folders of 100 clips, ``blues/blues.00000.au`` (or .wav).

    Its split is the fault-filtered one of Kereliuk et al. 2015: 443 / 197 / 290 clips, no artist on two sides, 70
    faulty clips in no part.
    """

    layout: Literal["gtzan"]
    path: PathText = Field(min_length=1, description="Folder that holds the ten genre folders.")
    known_bad: Literal["quarantine", "keep"] = Field(
        "quarantine", description="Treatment of reggae.00086, which is noise; most published results kept it."
    )

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder with clips of most of the ten genres."""
        for home in (path / name for name in _HOMES):
            genres = [genre for genre in GENRES if (home / genre).is_dir()]
            clips = [any(printable(stem(name)) in CLIPS for name in files_in(os.fsencode(home / g))) for g in genres]
            if 2 * sum(clips) > len(GENRES):
                return {"path": str(path)}
        return None

    def find(self) -> TrackListing:
        """Find the clips in `path` or in the folder that an archive unpacks to.

        Notices name the missing ones of the 1,000 clips, and files that are none of them.
        """
        home = find_dataset_root(self.path, _HOMES, GENRES)
        root = os.fsencode(home)
        clips, others = _clips(root)
        if not clips:
            raise Problems(f"{home}:", ["no clip such as blues/blues.00000.au", f"in blues {found_in(home / 'blues')}"])
        splits = {clip: split for clip, split in fault_filtered_split().items() if split != EXCLUDED}
        tracks = [ListedTrack(path, CLIPS[clip], split=splits.get(clip)) for clip, path in clips.items()]
        ignored = Counter(os.fsdecode(path).split("/")[0] for path in others)
        notices = [*_notices(clips, others), *_exclusions([clip for clip in clips if clip not in splits])]
        return TrackListing(root, marked(tracks, root, "gtzan", keep=self.known_bad == "keep"), notices, dict(ignored))


def fault_filtered_split() -> dict[str, str]:
    """Return clip -> ``train``, ``valid``, ``test`` or `EXCLUDED`.

    No artist is on two sides (Kereliuk, Sturm and Larsen 2015, doi:10.1109/TMM.2015.2478068).
    """
    return {
        clip: split
        for _, (clip, split) in read_header(shipped("resources", "splits", "gtzan_fault_filtered.csv")).rows()
    }


def _clips(root: bytes) -> tuple[dict[str, bytes], list[bytes]]:
    """Return clip -> path, and the paths of all other files."""
    clips: dict[str, bytes] = {}
    others = []
    for genre in GENRES:
        folder = os.fsencode(genre)
        for name in files_in(os.path.join(root, folder)):
            clip, path = printable(stem(name)), folder + b"/" + name
            if CLIPS.get(clip) == genre and suffix(name) in AUDIO_FILES and clip not in clips:
                clips[clip] = path
            else:
                others.append(path)
    return clips, others


def _notices(clips: Collection[str], others: Iterable[bytes]) -> list[str]:
    missing = [clip for clip in CLIPS if clip not in clips]
    summary = f"expected {count(len(CLIPS), 'clip')}, found {len(clips):,}"
    verb = "is" if len(missing) == 1 else "are"
    notices = [f"{summary}: {listing(missing, most=20)} {verb} missing" if missing else summary]
    side = [path for path in others if is_side_file(path.rsplit(b"/", 1)[-1])]
    if side:
        notices.append(f"side files skipped: {len(side):,}")
    strange = [printable(path) for path in others if path not in side]
    if strange:
        notices.append(f"files skipped that are no clips of GTZAN, or repeat one: {listing(strange, most=20)}")
    return notices


def _exclusions(clips: list[str]) -> list[str]:
    if not clips:
        return []
    return [f"the fault-filtered split has no part for {count(len(clips), 'clip')}: {listing(clips, most=len(clips))}"]
