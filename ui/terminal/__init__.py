"""The front for people at a terminal: the command ``gyrus``; ``python -m ui.terminal``.

What belongs here is how a terminal shows an answer. What is said is in `ui.words`, what is done in each own room.
"""
