"""Files: atomic writes, digests, sealed JSON, and Parquet and HDF5 files with checksums and a header."""
