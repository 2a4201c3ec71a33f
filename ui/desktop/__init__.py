"""The desktop program: one Tk window over `inference.Classifier`; ``python -m ui.desktop``.

`ui.desktop.session` knows what is chosen and answered and no toolkit; `ui.desktop.window` draws it and calls it.
"""
