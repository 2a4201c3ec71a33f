"""The web front: page and API on one server.

`http` stands before every route, `api` and `batch` answer programs, `page` is what a browser shows, `gradio_shell`
holds the hooks into Gradio. `server` puts them together, `options` reads the command line, `share` makes the demo link,
and `templates` opens the HTML templates.
"""
