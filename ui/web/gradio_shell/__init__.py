"""Everything that leans on how Gradio works inside: a hook is one function, with the reason beside it.

`mount` puts the page under the server, `gate` lets only the routes through that the page needs, `uploads` takes the
place of Gradio's upload route, `components` builds the page's own widgets, `tracebacks` keeps the log clean, `tunnel`
makes the demo link. Every hook has a test that fails when Gradio changes under it or no longer needs it. What the page
looks like and does belongs into `ui.web.page`; hooks into Starlette and uvicorn belong into `ui.web.http`.
"""
