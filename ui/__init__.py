"""Everything that shows: words in `ui.presenter`, the web page in `ui.web`, the window in `ui.desktop`.

Nothing here computes an answer.
"""
