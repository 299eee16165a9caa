"""Draws backward graphs: folds large ones, computes a layout, writes SVG or Graphviz text."""
