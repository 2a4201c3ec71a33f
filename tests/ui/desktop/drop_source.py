"""A window of another toolkit, in the lower left corner, whose file can be dragged: ``drop_source.py FILE``.

Run with the system's Python, which has Debian's GTK.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

window = Gtk.Window(type=Gtk.WindowType.POPUP)
window.set_default_size(200, 100)
window.move(0, 900)
box = Gtk.EventBox()
box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [], Gdk.DragAction.COPY)
box.drag_source_add_uri_targets()
box.connect("drag-data-get", lambda _box, _context, data, *_: data.set_uris([GLib.filename_to_uri(sys.argv[1])]))
window.add(box)
window.connect("map-event", lambda *_: print("ready", flush=True))  # noqa: T201
window.show_all()
Gtk.main()
