"""What is said of an answer, a volume, an error and a model: once for every front, without a toolkit."""
