"""Many files: found, answered by one or several processes, written as they come, and gone on with after a stop."""
