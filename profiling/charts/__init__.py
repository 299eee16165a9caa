"""Charts: tables in, plotly figures out; they know neither torch nor how the tables were made."""
