"""The Gradio page: a module or package for each tab. Handlers call the engine and draw."""
