"""Which tracks there are: layouts, the catalogue, shards."""
