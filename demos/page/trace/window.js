// The timeline's window, in seconds: chosen on the overview or on the drawing, shown on the overview.
const WAIT_MS = 200;
let waiting = null, grabbed = null;

const view = () => document.querySelector("#trace-overview .lab-overview");
const whole = () => Number(view().dataset.end);
const ends = () => [...view().querySelectorAll("input")];
const chosen = () => ends().map((each) => Number(each.value));
const place = (start, end) => {
  const length = whole();
  ends().forEach((each, last) => {
    each.value = last ? end : start;
    each.setAttribute("aria-valuetext", `${Number((each.value * 1e3).toPrecision(6))} ms`);
  });
  view().style.setProperty("--from", start / length);
  view().style.setProperty("--to", end / length);
};
const inside = (start, width) => {
  const first = Math.min(Math.max(start, 0), whole() - width);
  place(first, first + width);
};
// Keys may come faster than drawings.
const ask = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    waiting = null;
    const [start, end] = chosen();
    trigger("select", { start_s: start, end_s: end });
  }, WAIT_MS);
};
// What is drawn, unless something else is being chosen.
const follow = () => {
  const drawn = element.querySelector("[data-start]");
  if (!drawn || !view() || waiting || grabbed) return;
  place(Number(drawn.dataset.start), Number(drawn.dataset.end));
};

// An end stops where the other one is.
const moved = (target, value) => {
  const [start, end] = chosen(), least = whole() / 1e6;
  const isStart = target === ends()[0];
  if (isStart) place(Math.max(0, Math.min(value, Math.max(end - least, 0))), end);
  else place(start, Math.min(whole(), Math.max(value, start + least)));
};
const KEYS = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageDown: -1, PageUp: 1 };
const pressed = (event) => {
  if (!event.target.matches("input")) return;
  const [start, end] = chosen();
  const step = KEYS[event.key] * (end - start);
  if (event.key === "Home") moved(event.target, 0);
  else if (event.key === "End") moved(event.target, whole());
  else if (step) moved(event.target, Number(event.target.value) + step);
  else return;
  event.preventDefault();
  ask();
};

const secondAt = (event) => {
  const box = view().querySelector("svg").getBoundingClientRect();
  return ((event.clientX - box.left) / box.width) * whole();
};
const grab = (event) => {
  if (event.target.matches("input")) { grabbed = {}; return; }
  const [start, end] = chosen(), at = secondAt(event);
  if (at < start || at > end) inside(at - (end - start) / 2, end - start);
  grabbed = { from: chosen()[0], at };
  view().setPointerCapture(event.pointerId);
};
const drag = (event) => {
  if (!grabbed || grabbed.at === undefined) return;
  const [start, end] = chosen();
  inside(grabbed.from + secondAt(event) - grabbed.at, end - start);
};
const release = (event) => {
  if (!grabbed) return;
  const isMove = grabbed.at !== undefined;
  grabbed = null;
  if (isMove) event.type === "pointerup" ? ask() : follow();
};

const watched = new WeakSet();
const attend = () => {
  const plot = document.querySelector("#plot-trace-timeline .js-plotly-plot");
  if (plot && plot.on && !watched.has(plot)) {
    watched.add(plot);
    plot.on("plotly_relayout", (change) => {
      const unit = plot.layout && plot.layout.meta ? plot.layout.meta.unit_s : null;
      const start = change["xaxis.range[0]"], end = change["xaxis.range[1]"];
      if (!unit || start === undefined || end === undefined) return;
      trigger("select", { start_s: Number(start) * unit, end_s: Number(end) * unit });
    });
  }
  const strip = view();
  if (!strip || watched.has(strip)) return;
  watched.add(strip);
  strip.addEventListener("input", (event) => moved(event.target, Number(event.target.value)));
  strip.addEventListener("change", () => { grabbed = null; ask(); });
  strip.addEventListener("keydown", pressed);
  strip.addEventListener("pointerdown", grab);
  strip.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) strip.addEventListener(end, release);
  follow();
};
new MutationObserver(attend).observe(document.body, { childList: true, subtree: true });
watch("value", follow);
attend();
