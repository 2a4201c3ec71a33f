"""What stands before every route: access, limits, headers, uploads, capacity, logs, and how the server starts and
stops.

Here belongs whatever is the same for the page and for the API, and every hook into Starlette and uvicorn. What a route
answers belongs into `ui.web.api`, `ui.web.batch` or `ui.web.page`; hooks into Gradio belong into `ui.web.gradio_shell`.
"""
