"""A door that stays open: reports live in `ui.reports`, and ``python -m reports`` still starts them."""
