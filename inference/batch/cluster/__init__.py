"""A run on a Ray cluster, and the folder of shards that it writes."""
