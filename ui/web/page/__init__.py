"""The page: its parts, words in their places, looks and scripts."""
