"""Files: atomic writes, digests, and Parquet tables whose schema and origin travel inside them."""
