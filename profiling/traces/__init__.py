"""Reads profiler traces and derives tables from them. No torch."""

import pandas as pd

# Where pyarrow is installed, as on Spaces, pandas would keep texts in Arrow's arrays, and two empty
# ones of those cannot be merged. They are kept in one way everywhere, as fast as the other.
pd.options.mode.string_storage = "python"
