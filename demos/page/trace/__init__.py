"""The tab Trace, with a module for each sub-tab."""
