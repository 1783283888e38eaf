"""`genreflow doctor`: check that this machine has everything a run needs; nothing it writes remains."""

import argparse
import errno
import fcntl
import locale
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_json, print_result
from genreflow.cli.exits import Exit
from genreflow.errors import MachineError
from genreflow.project.find import find_project
from genreflow.project.shipped import is_installed, shipped
from genreflow.store import writable
from genreflow.store.atomic import atomic_write
from genreflow.store.writable import temporary_folder

OK, NOTE, PROBLEM = "ok", "note", "problem"
_GB = 1e9
_PYTHON, _SNAKEMAKE = (3, 11), 9
_LITTLE_DISK, _SOME_DISK, _LITTLE_MEMORY, _SOME_MEMORY = 1 * _GB, 20 * _GB, 2 * _GB, 8 * _GB
_FEW_FILES, _SLOW_S = 1_024, 1.0
_CLOCKS_S = 5.0  # difference between the clocks of disk and machine from which Snakemake confuses old and new
# FFmpeg's decoders of formats that libsndfile cannot write for a test.
_DECODERS = ("aac", "alac", "flac", "mp3float", "vorbis", "opus", "pcm_s16le")
_FORMATS = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


@dataclass(frozen=True)
class Finding:
    """The result of a check: its name, state, a sentence, and advice for a problem.

    `is_machine` marks a problem of disk or permissions, which has an exit code of its own.
    """

    subject: str
    state: str
    message: str
    advice: str = ""
    is_machine: bool = False


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Check packages, codecs, cores, memory, GPU, disk, file system, clock and locale."
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Run all checks; return 0 without a problem, 5 for one of disk or permissions, 2 for any other."""
    findings = list(examine())
    if options.json:
        print_json("doctor", {"findings": [asdict(finding) for finding in findings]})
    else:
        print("\n".join(_line(finding) for finding in findings))
    problems = [finding for finding in findings if finding.state == PROBLEM]
    if not problems:
        print_result("No problems found.", following="genreflow init" if find_project() is None else "genreflow check")
        return Exit.OK
    print_result(f"{len(problems)} of {len(findings)} checks found a problem, see above.")
    return Exit.MACHINE if any(problem.is_machine for problem in problems) else Exit.INPUT


def examine() -> Iterator[Finding]:
    """Yield the findings of all checks; an error in one does not end the others."""
    for check in CHECKS:
        try:
            yield from check()
        except MachineError as error:
            yield Finding(_subject(check), PROBLEM, str(error), is_machine=True)
        except ModuleNotFoundError as error:
            yield Finding(_subject(check), PROBLEM, f"The package {error.name!r} is missing.", _install())
        except Exception as error:
            yield Finding(_subject(check), PROBLEM, f"{type(error).__name__}: {error}", _install())


def _subject(check: Callable) -> str:
    return check.__name__.removeprefix("_").replace("_", " ")


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _PYTHON:
        yield Finding("python", PROBLEM, f"Python {version} is too old.", "Install Python 3.11.")
    else:
        yield Finding("python", OK, f"Python {version} in {sys.prefix}.")
    snakefile = shipped("Snakefile")
    if snakefile.exists():
        yield Finding("pipeline", OK, f"The Snakefile is {snakefile}.")
    else:
        message = f"There is no {snakefile}, so the library can be used and no more."
        yield Finding("pipeline", PROBLEM, message, _install())


def _packages() -> Iterator[Finding]:
    """Compare the installed packages with those that genreflow imports, and their versions with the tested ones."""
    locks = "".join(shipped("envs", name).read_text() for name in ("requirements.lock", "torch.lock"))
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", locks, re.M))
    required, extras = _direct()
    installed = {name: version for name in required if (version := _version(name))}
    if missing := [name for name in required if name not in installed]:
        yield Finding("packages", PROBLEM, f"Not installed: {', '.join(missing)}.", _install())
    other = [
        f"{name} {version} (tested: {locked[name]})"
        for name, version in installed.items()
        if version != locked.get(name, version)
    ]
    if other:
        locked_by = shipped("envs", "requirements.lock")
        advice = f"The tested ones are those of {locked_by}." if is_installed() else _install()
        yield Finding("packages", NOTE, f"Other versions than those tested: {', '.join(other)}.", advice)
    elif not missing:
        yield Finding("packages", OK, f"All {len(required)} required packages have the tested versions.")
    absent = [extra for extra, names in extras.items() if None in map(_version, names)]
    if absent:
        yield Finding("extras", OK, f"Not installed: pip install 'genreflow[{','.join(absent)}]' adds optional parts.")


def _direct() -> tuple[list[str], dict[str, list[str]]]:
    """Return the required packages, and those of each extra but the developers'."""
    project = tomllib.loads(shipped("pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    names = {extra: [re.split(r"[^\w.-]", entry)[0] for entry in entries] for extra, entries in lists.items()}
    return names.pop(""), {extra: packages for extra, packages in names.items() if extra != "dev"}


def _install() -> str:
    """Return the advice that brings the packages."""
    return "Run `pip install --upgrade genreflow`." if is_installed() else "Run `make install`."


def _version(package: str) -> str | None:
    try:
        return metadata.version(package).split("+")[0]  # torch 2.1+cpu is a build of torch 2.1
    except metadata.PackageNotFoundError:
        return None


def _snakemake() -> Iterator[Finding]:
    version = _version("snakemake")
    if version is None or int(version.split(".")[0]) < _SNAKEMAKE:
        message = "snakemake is not installed." if version is None else f"snakemake {version} is too old."
        yield Finding("snakemake", PROBLEM, message, _install())
    else:
        yield Finding("snakemake", OK, f"snakemake {version}.")


def _codecs() -> Iterator[Finding]:
    """Write a second of sound in each format that can be written, and decode it like a track."""
    import numpy as np
    import soundfile

    from genreflow.audio import decode
    from genreflow.audio.verdict import RejectedTrack
    from genreflow.audio.vorbis import OggReader, check_coded, encode_ogg
    from genreflow.config.audio import AudioSettings

    settings = AudioSettings()
    rate, thresholds = settings.sample_rate, settings.thresholds
    time_s = np.arange(rate) / rate
    sound = (0.3 * np.sin(2 * np.pi * 440 * time_s) + 0.1 * np.sin(2 * np.pi * 3_000 * time_s)).astype(np.float32)
    advice = f"{_install()} With conda, use the environments in envs/."
    missing = [name for name in _DECODERS if name not in decode.av.codecs_available]
    unread = []
    with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
        for form, subtype in _FORMATS:
            path = Path(folder, f"sound.{form.lower()}")
            try:
                soundfile.write(path, sound, rate, format=form, subtype=subtype)
                decoded = decode.decode(str(path), max_seconds=2.0, thresholds=thresholds)
                if abs(decoded.seconds - 1) > 0.1:
                    unread.append(f"{form} (decoded to {decoded.seconds:.2f} s)")
            except (RejectedTrack, soundfile.SoundFileError, ValueError) as error:
                unread.append(f"{form} ({error})")
    if missing or unread:
        yield Finding("codecs", PROBLEM, f"Cannot be decoded: {', '.join([*missing, *unread])}.", advice)
    else:
        names = ", ".join([*(form for form, _ in _FORMATS), "AAC", "ALAC", "Opus"])
        yield Finding("codecs", OK, f"{names} can be decoded; FFmpeg comes with the package av {_version('av')}.")
    ogg = encode_ogg(sound, rate, quality=settings.quality, serial=0)
    try:
        check_coded(OggReader(ogg), sound, rate, snr=thresholds.encoder_snr)
    except RejectedTrack as refused:
        yield Finding("ogg", PROBLEM, refused.message, advice)
    else:
        library = soundfile.__libsndfile_version__
        yield Finding("ogg", OK, f"A second of sound was encoded as Ogg Vorbis and decoded (libsndfile {library}).")


def _cores() -> Iterator[Finding]:
    import joblib

    usable, present = joblib.cpu_count(), os.cpu_count() or 1
    of = f" of the machine's {present}" if usable < present else ""
    yield Finding("cores", OK, f"{usable} CPU core{'' if usable == 1 else 's'}{of} may be used.")


def _memory() -> Iterator[Finding]:
    import psutil  # here, because this command names missing packages

    seen = psutil.virtual_memory()
    limit = min([seen.total, *_cgroup_limits()])
    free = min(seen.available, limit)
    of = f"{limit / _GB:.1f} GB" + (
        "" if limit == seen.total else f" (a limit; the machine has {seen.total / _GB:.1f})"
    )
    message = f"{free / _GB:.1f} GB of {of} are free."
    if free < _LITTLE_MEMORY:
        yield Finding("memory", PROBLEM, message, "Close other programs, or request more memory.", is_machine=True)
    elif free < _SOME_MEMORY:
        yield Finding("memory", NOTE, message, "Use few --cores: decoding a track may take limits.track_memory_gb.")
    else:
        yield Finding("memory", OK, message)


def _cgroup_limits(groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """Yield the memory limits of the control groups that this process is in, bytes (version 2, and 1)."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for _, controllers, place in (line.split(":", 2) for line in lines):
        root, name = mounted, "memory.max"
        if controllers:
            if "memory" not in controllers.split(","):
                continue
            root, name = root / "memory", "memory.limit_in_bytes"
        group = root / place.lstrip("/")
        for folder in [group, *group.parents]:
            if not folder.is_relative_to(root):
                break
            try:
                text = (folder / name).read_text().strip()
            except OSError:
                continue
            if text.isdecimal():
                yield int(text)


def _gpu() -> Iterator[Finding]:
    import torch

    if torch.backends.mps.is_available():
        yield Finding("gpu", OK, f"Apple GPU (mps), torch {torch.__version__}.")
        return
    if not torch.cuda.is_available():
        if Path("/proc/driver/nvidia/version").exists():
            message = (
                f"torch {torch.__version__} cannot use the NVIDIA driver that is here: networks are trained on the CPU."
            )
            yield Finding("gpu", NOTE, message, "Install a build of torch for the CUDA version of the driver.")
        else:
            yield Finding("gpu", OK, "There is none: networks are trained on the CPU.")
        return
    for number in range(torch.cuda.device_count()):
        yield _one_gpu(number)


def _one_gpu(number: int) -> Finding:
    import torch

    name, (free, total) = torch.cuda.get_device_name(number), torch.cuda.mem_get_info(number)
    try:
        square = torch.ones(256, 256, device=f"cuda:{number}")
        square.matmul(square).sum().item()
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without CUDA
        message = f"{name} cannot compute: {str(error).splitlines()[0]}"
        return Finding("gpu", PROBLEM, message, "Set limits.device: cpu, or repair the driver.")
    message = f"{name}, {free / _GB:.0f} GB of {total / _GB:.0f} GB free, torch {torch.__version__}."
    if free < total / 2:
        return Finding("gpu", NOTE, message, "Another program uses it; trainings may not fit into the rest.")
    return Finding("gpu", OK, message)


def _disk() -> Iterator[Finding]:
    folders = {"results": _results_home()}
    try:
        folders["temporary files"] = temporary_folder()
    except MachineError as error:
        yield Finding("disk for temporary files", PROBLEM, str(error), is_machine=True)
    for what, folder in folders.items():
        free = shutil.disk_usage(folder).free
        message = f"{free / _GB:.1f} GB are free in {folder}."
        if free < _LITTLE_DISK:
            yield Finding(f"disk for {what}", PROBLEM, message, "Make room.", is_machine=True)
        elif free < _SOME_DISK and what == "results":
            yield Finding(f"disk for {what}", NOTE, message, "`genreflow check` estimates the disk space of a run.")
        else:
            yield Finding(f"disk for {what}", OK, message)


def _caches() -> Iterator[Finding]:
    """Check the folders of the user that libraries write to."""
    kept = [place for place in writable.places() if place.obstacle]  # for which no temporary folder could be made
    for place in writable.replaced:
        message = f"{place.users} cannot write there: {place.obstacle}. A temporary folder takes its place."
        yield Finding(place.variable, NOTE, message, f"Set {place.variable} to a folder of yours.")
    for place in kept:
        message = f"{place.users} cannot write there: {place.obstacle}."
        yield Finding(place.variable, PROBLEM, message, f"Set {place.variable} to a folder of yours.", is_machine=True)
    if not (writable.replaced or kept):
        yield Finding("caches", OK, "Libraries can write to their cache folders.")


def _file_system() -> Iterator[Finding]:
    """Try the file operations of results in a temporary folder."""
    home = _results_home()
    try:
        with tempfile.TemporaryDirectory(prefix=".genreflow-doctor-", dir=home) as folder:
            yield _writing(Path(folder))
            yield _names(Path(folder))
            yield _clock(Path(folder))
    except OSError as error:
        message = f"Nothing can be written safely in {home}: {error.strerror}."
        yield Finding("writing", PROBLEM, message, "Work in a folder of yours on a local disk.", is_machine=True)


def _writing(folder: Path) -> Finding:
    """Write, flush, rename and lock a file."""
    began = time.perf_counter()
    with atomic_write(folder / "written") as temporary:
        temporary.write_bytes(bytes(2**20))
    took = time.perf_counter() - began
    if (folder / "written").stat().st_size != 2**20:
        raise OSError(errno.EIO, "a file differs from what was written", str(folder))
    with open(folder / "locked", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    message = f"A file was written, flushed, renamed and locked in {folder.parent}, in {1000 * took:.0f} ms."
    if took > _SLOW_S:
        return Finding("writing", NOTE, message, "This disk is slow; a local one is better.")
    return Finding("writing", OK, message)


def _names(folder: Path) -> Finding:
    """Try file names of music collections and settings."""
    odd = []
    (folder / "Case").touch()
    if (folder / "case").exists():
        odd.append("names that differ only in case are one file")
    tried = {"of 255 bytes": b"n" * 255, "that are no UTF-8": b"\xff\xfe", "with = , : ?": b"a=1,b:2?"}
    for kind, name in tried.items():
        try:
            Path(folder, os.fsdecode(name)).touch()
        except OSError:
            odd.append(f"names {kind} are refused")
    if odd:
        return Finding("names", NOTE, f"In {folder.parent} {'; '.join(odd)}.", "Use another file system.")
    return Finding("names", OK, "The file system accepts any name and is case-sensitive.")


def _clock(folder: Path) -> Finding:
    (folder / "now").touch()
    differ = (folder / "now").stat().st_mtime - time.time()
    if abs(differ) > _CLOCKS_S:
        message = (
            f"The clock of the disk is {differ:+.0f} s from that of this machine, and Snakemake compares file times."
        )
        return Finding("clock", NOTE, message, "Synchronize both with one time server.")
    if time.time() < Path(__file__).stat().st_mtime - _CLOCKS_S:
        return Finding("clock", NOTE, "The clock is behind: genreflow itself is from the future.", "Set the clock.")
    return Finding("clock", OK, f"It is {time.strftime('%Y-%m-%d %H:%M %Z')}, for the disk as well.")


def _locale() -> Iterator[Finding]:
    ways = {
        "file names": sys.getfilesystemencoding(),
        "files": locale.getencoding(),
        "the terminal": getattr(sys.stdout, "encoding", None) or "none",
    }
    other = [f"{what} ({name})" for what, name in ways.items() if name.lower().replace("-", "") != "utf8"]
    if other:
        message = f"Not UTF-8: {', '.join(other)}; names may be shown wrong."
        yield Finding("locale", NOTE, message, "export LANG=C.UTF-8 PYTHONUTF8=1")
    else:
        yield Finding("locale", OK, "File names, files and the terminal are UTF-8.")


def _open_files() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FEW_FILES:
        yield Finding("open files", NOTE, f"Only {soft} files may be open at once.", f"ulimit -n {_FEW_FILES}")
    else:
        yield Finding("open files", OK, "Enough files may be open at once.")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python, _packages, _snakemake, _codecs, _cores, _memory, _gpu, _disk, _caches, _file_system, _locale, _open_files,
)  # fmt: skip


def _results_home() -> Path:
    """Return the folder that results/ is in, or would be."""
    return Path("results").resolve().parent


def _line(finding: Finding) -> str:
    advice = f" {finding.advice}" if finding.advice else ""
    return f"{finding.state:<8} {finding.subject:<24} {finding.message}{advice}"
