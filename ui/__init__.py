"""Everything that shows: words in `ui.words.answer`, the web page in `ui.web`, the window in `ui.desktop`.

Nothing here computes an answer.
"""
