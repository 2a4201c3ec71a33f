"""Everything that shows: words in `ui.presenter`, the web page in `ui.web`. Nothing here computes an answer."""
