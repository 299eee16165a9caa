// Draws each chart when it is about to be seen, and all of them for paper.
(async () => {
  const boxes = [...document.querySelectorAll(".chart")];
  const packed = document.getElementById("plotly");
  const paperWidth = 660;
  const unpack = async () => {
    const bytes = Uint8Array.from(atob(packed.textContent), each => each.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };
  const draw = box => {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "yes";
    const {data, layout} = JSON.parse(box.previousElementSibling.textContent);
    Plotly.newPlot(box, data, layout, {responsive: true, displaylogo: false});
  };
  // On paper nothing can be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach(each => { each.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach(each => { each.open = false; }));
  if (!packed) return;
  await unpack();
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
