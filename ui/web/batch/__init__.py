"""The Batch tab's own routes: many files in, rows out as they are ready."""
