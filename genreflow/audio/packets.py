"""The digest of the audio of a file without its tags: an edit of tags leaves it as it is."""

import hashlib
from typing import Final

from genreflow.audio import ape, mpeg
from genreflow.audio.bytesource import Excerpt
from genreflow.audio.container import ContainerProbe, probe_container
from genreflow.audio.decode import choose_stream, open_media, opened, rejecting_library_errors
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import QualityThresholds

_BUFFER_BYTES = 2**18  # twice as fast as what decoding reads at once
_FIRST_FRAME = 2_048  # bytes; the longest frame of an MPEG stream has 1,441
_SKIPPED: Final = "skip_samples"  # what an encoder added at the start and at the end


def packets_sha256(path: bytes | str) -> str:
    """Return the SHA-256 of the packets of a file's audio as 64 hex digits; empty where they cannot be read to the end.

    It covers all that decoding and its verdicts depend on: the container, what its header claims of the length, the
    parameters of the codec, and the bytes and times of all packets. FFmpeg reads the packets; nothing is decoded.
    """
    thresholds = QualityThresholds()
    try:
        with rejecting_library_errors(), opened(path, thresholds) as file:
            probe = probe_container(file, junk_bytes=round(1e6 * thresholds.junk_mb))
            sha256 = hashlib.sha256(_claims(probe))
            for piece in probe.pieces:
                # FFmpeg returns APE tags behind MPEG frames as packets.
                audio = Excerpt(piece, 0, ape.end_of_audio(piece)) if probe.container in ("mp3", "aac") else piece
                _add_packets(sha256, audio, probe, thresholds)
            return sha256.hexdigest()
    except RejectedTrack:
        return ""


def _claims(probe: ContainerProbe) -> bytes:
    """Return the facts in the header of a container that the verdict on a file depends on, as bytes."""
    claims = [probe.container, probe.header_is_exact, f"{probe.declared_to_decoded_ratio:.6g}"]
    claims += sorted(warning.reason for warning in probe.warnings)
    frame = b""
    if probe.container == "mp3" and mpeg.counts_its_frames(probe.pieces[0]):  # FFmpeg does not return it as a packet
        probe.pieces[0].seek(0)
        frame = probe.pieces[0].read(_FIRST_FRAME)
    return repr(claims).encode() + frame


def _add_packets(sha256: "hashlib._Hash", piece: Excerpt, probe: ContainerProbe, thresholds: QualityThresholds) -> None:
    piece.seek(0)
    with open_media(piece, buffer_bytes=_BUFFER_BYTES) as media:
        stream, warnings = choose_stream(media, probe.container, thresholds)
        context = stream.codec_context
        length = stream.duration if probe.header_is_exact else None
        facts = [
            context.name,
            context.sample_rate,
            context.layout.name,
            str(stream.time_base),
            stream.start_time,
            length,
        ]
        sha256.update(repr([*facts, sorted(warning.reason for warning in warnings)]).encode())
        sha256.update(bytes(context.extradata or b""))
        for packet in media.demux(stream):
            sha256.update(b"%d %d %d " % (packet.size, packet.pts or 0, packet.duration or 0))
            sha256.update(packet)
            if packet.has_sidedata(_SKIPPED):
                sha256.update(bytes(packet.get_sidedata(_SKIPPED)))
