"""Commands that strain the program for minutes: ``python -m tests.stress fuzz`` and ``soak``; pytest runs neither."""
