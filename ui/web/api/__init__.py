"""The routes for programs: `/api/classify`, the models, the probes."""
