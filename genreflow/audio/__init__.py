"""Bytes to samples and back: decode, gate, measure loudness, resample, write Vorbis."""
