"""Everything that leans on Gradio's private parts: one hook a function, with the reason beside it."""
