"""Networks behind one registry; each states the input it wants."""
