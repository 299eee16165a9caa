// Tells the page which part of the timeline was selected with the mouse, in seconds.
const watched = new WeakSet();
const attend = () => {
  const plot = document.querySelector("#plot-trace-timeline .js-plotly-plot");
  if (!plot || !plot.on || watched.has(plot)) return;
  watched.add(plot);
  plot.on("plotly_relayout", (change) => {
    const unit = plot.layout && plot.layout.meta ? plot.layout.meta.unit_s : null;
    const start = change["xaxis.range[0]"], end = change["xaxis.range[1]"];
    if (!unit || start === undefined || end === undefined) return;
    trigger("select", { start_s: Number(start) * unit, end_s: Number(end) * unit });
  });
};
new MutationObserver(attend).observe(document.body, { childList: true, subtree: true });
attend();
