"""Charts on the page, with how plotly shows them."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import plotly.graph_objects as go
from gradio.components.plot import PlotData

from profiling.trace_charts import config


def plot(name: str) -> gr.Plot:
    """Place a chart that is not there yet."""
    return gr.Plot(show_label=False, visible=False, elem_id=f"plot-trace-{name}")


def drawn(name: str, figure: go.Figure) -> Any:
    """Return the update that shows a figure; its camera saves it under the name."""
    sent = f'{figure.to_json()[:-1]},"config":{json.dumps(config(name))}}}'
    return gr.update(value=PlotData(type="plotly", plot=sent), visible=True)
