"""Walking through a folder: each folder once, whatever the links."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from genreflow.datasets.paths import OUTSIDE, TOO_LONG, is_inside, is_too_long, refused_outside

# Files that accompany music in every collection. Anything else inside a class folder counts as a track,
# so that a damaged or misnamed one is refused by name and not skipped.
SIDE_FILES = frozenset(
    # pictures, texts, playlists, checksums
    b".bmp .gif .heic .ico .jpe .jpeg .jpg .png .psd .svg .tif .tiff .webp .xmp "
    b".accurip .cue .doc .docx .eac .epub .ffp .htm .html .json .lnk .log .lrc .m3u .m3u8 .md .md5 .nfo .odt .pdf .pls "
    b".rtf .sfv .sha1 .sha256 .sha512 .srt .st5 .toc .tsv .csv .txt .url .webloc .wpl .xls .xlsx .xml .xspf .yaml .yml "
    b".zip "
    # of the system, and of programs that are at work: copies, unfinished downloads
    b".aria2 .bak .crdownload .db .download .ds_store .filepart .ini .old .opdownload .orig .part .partial .swp .tmp "
    b".torrent .!ut "
    # of editors and players: peaks, overviews, markers, projects, notes
    b".als .asd .aup .aup3 .cpr .flp .gpk .kar .mid .midi .mrk .nra .ovw .pek .pk .pkf .ptx .reapeaks .rpp .rpp-bak "
    b".sesx .sfk .sfl .wfm .wvc".split()
)
AUDIO_FILES = frozenset(
    b".aac .aif .aifc .aiff .ape .au .caf .dff .dsf .flac .m4a .m4b .mka .mp2 .mp3 .mp4 .mpc .oga .ogg .opus .snd .tta "
    b".w64 .wav .wave .weba .webm .wma .wv".split()
)
_OF_THE_SYSTEM = frozenset(
    [b"__MACOSX", b"@eaDir", b"lost+found", b"$RECYCLE.BIN", b"System Volume Information", b"Icon\r"]
)

_NOWHERE = ("Q_NOT_FILE", "This is a link that leads nowhere.")
_CLOSED = ("Q_PERMISSION", "There is no permission to list the files of this folder.")
_UNREADABLE = ("Q_UNREADABLE", "The files of this folder cannot be listed.")


@dataclass(frozen=True)
class Entry:
    """A file, or a folder that is not opened.

    Attributes
    ----------
    path
        Path relative to the root.
    is_folder
        It is a folder, or a link to one: hidden, empty, or not to be opened, then with a reason.
    reason, message
        Code and sentence, as in `ListedTrack`.
    elsewhere
        It is a link to a folder whose files are found under another path.
    """

    path: bytes
    is_folder: bool = False
    reason: str = ""
    message: str = ""
    elsewhere: bool = False


def suffix(path: bytes) -> bytes:
    """Return the suffix of a name in lower case, with the dot."""
    stem, dot, end = path.rpartition(b".")
    return dot + end.lower() if stem else b""


def is_hidden(name: bytes) -> bool:
    """Return whether a file or folder belongs to the system; names of songs may begin with several dots."""
    return (name.startswith(b".") and not name.startswith(b"..")) or name in _OF_THE_SYSTEM


def is_side_file(name: bytes) -> bool:
    """Return whether a file accompanies music: ``cover.jpg``, ``Thumbs.db``, ``._blues.00000.au``."""
    return is_hidden(name) or suffix(name) in SIDE_FILES or suffix(name).endswith(b"~")


def walk(root: bytes, *, follow_links: bool, without: Sequence[bytes] = ()) -> Iterator[Entry]:
    """Yield the files below a folder, visiting each folder once, whatever the links.

    Links to folders are followed after all real folders, if they lead to one that was not seen by then: inside the
    root always, outside with `follow_links`. Hidden folders are not opened.

    Parameters
    ----------
    root
        The folder.
    follow_links
        Accept links that lead out of it; otherwise they are entries with the reason ``Q_OUTSIDE``.
    without
        Folders that are not looked into.
    """
    return _Walk(root, follow_links, without).entries()


@dataclass
class _Walk:
    root: bytes
    follow_links: bool
    without: Sequence[bytes]
    real_root: bytes = b""
    seen: set[tuple[int, int]] = field(default_factory=set)
    links: list[Entry] = field(default_factory=list)

    def entries(self) -> Iterator[Entry]:
        self.real_root = os.path.realpath(self.root)
        self.seen = {identity for path in self.without if (identity := _identity(path))}
        yield from self._below(Entry(b""))
        while self.links:
            link = self.links.pop(0)
            if link.reason.startswith("Q_"):
                yield link
            elif _identity(self._whole(link.path)) in self.seen:
                yield Entry(link.path, is_folder=True, elsewhere=True)
            else:
                yield from self._below(link)

    def _below(self, start: Entry) -> Iterator[Entry]:
        todo = [start.path]
        while todo:
            folder = todo.pop()
            if self._is_seen(folder):
                continue
            try:
                with os.scandir(self._whole(folder)) as listing:
                    inside = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield Entry(folder, True, *_no_listing(error, self._whole(folder)))
                continue
            if not inside:
                yield Entry(folder, True)
            for entry in inside:
                path = os.path.join(folder, entry.name)
                if is_hidden(entry.name):
                    yield Entry(path, is_folder=entry.is_dir(follow_symlinks=False))
                elif entry.is_dir(follow_symlinks=False):
                    todo.append(path)
                elif entry.is_symlink():
                    yield from self._link(path, start)
                else:
                    yield Entry(path, False, *TOO_LONG if is_too_long(self._whole(path)) else _said(start))

    def _link(self, path: bytes, start: Entry) -> Iterator[Entry]:
        """Yield a link to a file; keep a link to a folder for later."""
        whole = self._whole(path)
        try:
            is_folder = stat.S_ISDIR(os.stat(whole).st_mode)
        except OSError:
            yield Entry(path, False, *TOO_LONG if is_too_long(whole) else _NOWHERE)
            return
        entry = Entry(path, is_folder, *_said(start) or self._of_link(whole))
        if is_folder:
            self.links.append(entry)
        else:
            yield entry

    def _of_link(self, whole: bytes) -> tuple[str, str] | tuple[()]:
        target = os.path.realpath(whole)
        if target == self.real_root or is_inside(target, self.real_root):
            return ()
        return OUTSIDE if self.follow_links else refused_outside("follow_links")

    def _is_seen(self, folder: bytes) -> bool:
        identity = _identity(self._whole(folder))
        if identity is None:
            return False
        known = identity in self.seen
        self.seen.add(identity)
        return known

    def _whole(self, path: bytes) -> bytes:
        return os.path.join(self.root, path) if path else self.root


def _said(entry: Entry) -> tuple[str, str] | tuple[()]:
    return (entry.reason, entry.message) if entry.reason else ()


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _no_listing(error: OSError, path: bytes) -> tuple[str, str]:
    if is_too_long(path):
        return TOO_LONG
    return _CLOSED if isinstance(error, PermissionError) else _UNREADABLE
