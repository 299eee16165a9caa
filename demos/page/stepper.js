/* Steps through a lesson. All steps are in the page already; nothing is asked for. The page is
   filled in later and again, so everything listens at the document. */
(() => {
  const slider = (stepper) => stepper.querySelector("input[type=range]");

  const show = (stepper, number, alone = false) => {
    const to = Math.max(0, Math.min(Number(slider(stepper).max), number));
    slider(stepper).value = to;
    for (const step of stepper.querySelectorAll(".lab-step"))
      step.classList.toggle("lab-shown", Number(step.dataset.step) === to);
    const {line} = stepper.querySelector(".lab-shown").dataset;
    stepper.querySelector(".lab-now")?.classList.remove("lab-now");
    stepper.querySelector(`[id$="-${line}"]`)?.classList.add("lab-now");
    if (alone) return;
    document.dispatchEvent(new CustomEvent("lab-step", {detail: stepper}));
    // What is wrong and what is right are stepped through together.
    const other = stepper.closest(".lab-two")?.querySelector(
      `[data-stepper]:not([data-part="${stepper.dataset.part}"])`);
    const at = stepper.dataset.matching?.split(" ")[to];
    if (other && at !== undefined && slider(other)) show(other, Number(at), true);
  };

  const go = (stepper, where) => {
    if (!slider(stepper)) return;
    const at = Number(slider(stepper).value);
    show(stepper, {first: 0, back: at - 1, next: at + 1, last: Infinity}[where]);
  };

  /* A line's last step: in a loop, what it has come to. */
  const goToLine = (stepper, line) => {
    const steps = stepper.querySelectorAll(`.lab-step[data-line="${CSS.escape(line)}"]`);
    if (!steps.length) return;
    show(stepper, Number([...steps].at(-1).dataset.step));
    stepper.querySelector(".lab-now")?.scrollIntoView({block: "nearest", inline: "nearest"});
  };

  const keys = {ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last"};

  const save = (graph, kind) => {
    const svg = graph.querySelector("svg").cloneNode(true);
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = document.getElementById("graph-css").textContent;
    svg.prepend(style);
    const {name, dot} = graph.dataset;
    const text = {
      svg: new XMLSerializer().serializeToString(svg),
      html: `<!doctype html><meta charset="utf-8"><title>${name}</title>${svg.outerHTML}`,
      dot,
    }[kind];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "text/plain;charset=utf-8"}));
    link.download = `${name}.${kind}`;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  /* All graphs of a function by the same factor, so that steps stay comparable. */
  const zoom = (box, how) => {
    const graphs = (box.closest("[data-stepper]") || box).querySelectorAll(".lab-graph svg.graph");
    const shown = box.querySelector(".lab-graph svg.graph");
    if (!shown) return;
    const natural = (svg) => svg.viewBox.baseVal.height;
    const scale = shown.getBoundingClientRect().height / natural(shown);
    const next = Math.max(.3, Math.min(3, scale * {in: 1.25, out: .8, fit: 1}[how]));
    for (const svg of graphs) {
      svg.style.height = how === "fit" ? "" : `${natural(svg) * next}px`;
      svg.style.maxWidth = how === "fit" ? "" : "none";
    }
  };

  const zoomKeys = {"+": "in", "=": "in", "-": "out", 0: "fit"};
  const zoomBy = (event) => {
    const {target} = event;
    const typed = target.matches?.("input:not([type=range]), textarea, [contenteditable=true]");
    const box = !typed && (target.closest?.(".lab-graph-box")
      || target.closest?.("[data-stepper]")?.querySelector(".lab-shown .lab-graph-box"));
    if (!box) return;
    event.preventDefault();
    zoom(box, zoomKeys[event.key]);
  };

  const tell = (event) => {
    const node = event.target.closest?.(".lab-graph [data-node]");
    if (!node) return;
    const details = node.closest(".lab-graph-box").querySelector(".lab-graph-details");
    details.textContent = node.querySelector("title").textContent;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(
      "[data-go], [data-save], [data-zoom], [data-step-line]");
    if (!button) return;
    if (button.dataset.stepLine) {
      const stepper = button.closest(".lab-lesson").querySelector("[data-part=wrong]");
      goToLine(stepper, button.dataset.stepLine);
    } else if (button.dataset.zoom) zoom(button.closest(".lab-graph-box"), button.dataset.zoom);
    else if (button.dataset.go) go(button.closest("[data-stepper]"), button.dataset.go);
    else save(button.closest(".lab-graph-box").querySelector(".lab-graph"), button.dataset.save);
  });
  document.addEventListener("wheel", (event) => {
    const box = event.ctrlKey && event.target.closest?.(".lab-graph-box");
    if (!box) return;
    event.preventDefault();
    zoom(box, event.deltaY < 0 ? "in" : "out");
  }, {passive: false});
  document.addEventListener("input", (event) => {
    const stepper = event.target.closest?.("[data-stepper]");
    if (stepper && event.target.type === "range") show(stepper, Number(event.target.value));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in zoomKeys) zoomBy(event);
    if (event.target.type === "range" || !(event.key in keys)) return;
    // With the focus nowhere, the first function on the page is meant.
    const anywhere = event.target === document.body
      ? [...document.querySelectorAll("[data-stepper]")].find((each) => each.checkVisibility()) : null;
    const stepper = event.target.closest?.("[data-stepper]") || anywhere;
    if (!stepper) return;
    event.preventDefault();
    go(stepper, keys[event.key]);
  });
  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
})();
