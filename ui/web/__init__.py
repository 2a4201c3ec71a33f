"""The web page: layout and events in `page`, its own parts in `parts`, looks in `theme` and ``assets/``."""
