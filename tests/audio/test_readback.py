import numpy as np
import pytest
from sounds import RATE, synthesize, write_audio

from genreflow.audio import normalize as module
from genreflow.audio.normalize import normalize
from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.vorbis import OggReader, check_coded, encode_ogg
from genreflow.config.audio import AudioSettings

MUSIC = synthesize(6, channels=1)[:, 0]
SNR = AudioSettings().thresholds.encoder_snr


def coded(samples, quality: float = 6.0) -> OggReader:
    return OggReader(encode_ogg(samples.astype(np.float32), RATE, quality=quality, serial=1))


def refusal(reader: OggReader) -> str:
    with pytest.raises(RejectedTrack) as refused:
        check_coded(reader, MUSIC, RATE, snr=SNR)
    assert refused.value.message.endswith(".")
    return refused.value.reason


@pytest.mark.parametrize("quality", [-1.0, 2.0, 6.0, 10.0])
@pytest.mark.parametrize("kind", ["music", "noise", "fading"])
def test_what_was_encoded_is_recognized(quality, kind):
    samples = {
        "music": MUSIC,
        "noise": 0.2 * np.random.default_rng(0).standard_normal(6 * RATE),
        "fading": MUSIC * np.linspace(0, 1, len(MUSIC)) ** 8,
    }[kind].astype(np.float32)
    check_coded(coded(samples, quality), samples, RATE, snr=SNR)


def spoiled(start: float, end: float) -> np.ndarray:
    samples = MUSIC.copy()
    samples[round(start * RATE) : round(end * RATE)] = 0
    return samples


@pytest.mark.parametrize(
    "samples",
    [
        MUSIC[:-50],
        np.pad(MUSIC, (0, 50)),
        np.roll(MUSIC, 200),
        -MUSIC,
        np.zeros(len(MUSIC)),
        0.2 * np.random.default_rng(0).standard_normal(len(MUSIC)),
        spoiled(0, 0.15),
        spoiled(5.8, 6),
        spoiled(1.5, 2.5),
    ],
)
def test_anything_else_is_refused(samples):
    assert refusal(coded(samples)) == "Q_ENCODER"


def test_nothing_is_written_then(tmp_path, monkeypatch):
    encode = module.encode_ogg
    monkeypatch.setattr(module, "encode_ogg", lambda samples, *args, **options: encode(samples[::-1], *args, **options))
    with pytest.raises(RejectedTrack) as refused:
        normalize(write_audio(tmp_path / "x.wav", MUSIC), tmp_path / "out.ogg", AudioSettings(), serial=1)
    assert refused.value.reason == "Q_ENCODER"
    assert not (tmp_path / "out.ogg").exists()


def test_a_track_shorter_than_an_excerpt():
    short = MUSIC[:1000]
    check_coded(coded(short), short, RATE, snr=SNR)
