// Draws each chart when it is about to be seen, and all of them for paper.
(() => {
  const boxes = [...document.querySelectorAll(".chart")];
  const paperWidth = 660;
  const draw = box => {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "yes";
    const {data, layout} = JSON.parse(box.previousElementSibling.textContent);
    Plotly.newPlot(box, data, layout, {responsive: true, displaylogo: false});
  };
  const seen = new IntersectionObserver(
    entries => entries.filter(each => each.isIntersecting).forEach(each => draw(each.target)),
    {rootMargin: "600px"},
  );
  boxes.forEach(box => seen.observe(box));
  addEventListener("beforeprint", () => boxes.forEach(box => {
    draw(box);
    Plotly.relayout(box, {width: paperWidth});
  }));
  addEventListener("afterprint", () => boxes.forEach(box => {
    Plotly.relayout(box, {width: null, autosize: true});
  }));
})();
