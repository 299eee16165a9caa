"""Draws backward graphs: fold what is large, lay it out, write SVG or Graphviz text."""
