"""What a browser shows: layout and events, widgets with their scripts, panels, theme, examples, downloads."""
