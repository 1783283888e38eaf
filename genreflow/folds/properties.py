"""Properties of files that may reveal a class, and the verdicts of the audit of leakage."""

OK, NOTE, LEAK = "ok", "note", "leak"

# Of a duration, which is the music's own: it may be as good as a model, but it is no leak.
NO_LEAKS = {"seconds"}
# Column of the audit -> name in sentences.
PROPERTIES = {
    "bandwidth_hz": "bandwidth",
    "codec": "codec",
    "source_rate": "sample rate",
    "channels": "channel count",
    "level": "level after normalization",
    "seconds": "duration",
}
