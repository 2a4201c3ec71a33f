"""What a browser shows: layout and events, widgets with their scripts, panels, looks, examples, downloads."""
