// The timeline's window, in seconds: chosen on the overview or on the drawing, shown on the overview.
const WAIT_MS = 200;
// After so long no answer is expected any more.
const LATE_MS = 8000;
let waiting = null, grabbed = null, asked = null;

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
// Keys may come faster than drawings: one is asked for at a time, and then the last one chosen.
const send = () => {
  waiting = null;
  if (asked) return;
  const [start, end] = chosen();
  asked = { window: `${start} ${end}`, late: setTimeout(() => { asked = null; }, LATE_MS) };
  trigger("select", { start_s: start, end_s: end });
};
const ask = () => {
  preview();
  clearTimeout(waiting);
  waiting = setTimeout(send, WAIT_MS);
};
// An answer has come: show what is drawn, unless something else was chosen meanwhile.
const follow = () => {
  const drawn = element.querySelector("[data-start]");
  if (!drawn || !view()) return;
  const isOld = asked && asked.window !== chosen().join(" ");
  if (asked) clearTimeout(asked.late);
  asked = null;
  if (waiting || grabbed) return;
  if (isOld) return send();
  place(Number(drawn.dataset.start), Number(drawn.dataset.end));
  preview();
};

// Until the server has drawn what is chosen, what is drawn is stretched.
const timeline = () => document.querySelector("#plot-trace-timeline .js-plotly-plot");
const drawn = (plot) => plot._fullLayout.xaxis.range.map((end) => end * plot.layout.meta.unit_s);
const preview = () => {
  const plot = timeline();
  if (!plot || !plot._fullLayout || !plot.layout.meta) return;
  const [start, end] = chosen(), [from, to] = drawn(plot);
  const scale = (to - from) / (end - start), width = plot._fullLayout.xaxis._length;
  const shift = ((from - start) / (end - start)) * width;
  const isSame = Math.abs(scale - 1) < 1e-9 && Math.abs(shift) < 1e-6;
  for (const layer of plot.querySelectorAll(".xy .barlayer, .xy .scatterlayer")) {
    layer.style.transform = isSame ? "" : `translate(${shift}px, 0) scale(${scale}, 1)`;
  }
};
const least = () => Math.min(1e-7, whole());
// Zoom so that the second at a share of the width stays where it is, and move by a share of the width.
const look = (factor, share, move = 0) => {
  const [start, end] = chosen(), width = end - start;
  const wider = Math.min(Math.max(width * factor, least()), whole());
  inside(start + share * (width - wider) + move * width, wider);
  ask();
};
const LOOKS = { w: [1 / 1.5, 0.5], s: [1.5, 0.5], a: [1, 0.5, -0.2], d: [1, 0.5, 0.2] };
const steer = (event) => {
  if (event.key === "Escape") return event.currentTarget.blur();
  const how = LOOKS[event.key.toLowerCase()];
  if (!how || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  look(...how);
};
const roll = (event) => {
  const frame = event.currentTarget, plot = timeline();
  // The page is scrolled unless somebody means the drawing.
  if (!plot || !plot._fullLayout || !(event.ctrlKey || document.activeElement === frame)) return;
  event.preventDefault();
  const axis = plot._fullLayout.xaxis, left = plot.getBoundingClientRect().left + axis._offset;
  const share = Math.min(Math.max((event.clientX - left) / axis._length, 0), 1);
  const pixels = event.deltaMode === 1 ? 30 : 1;
  const x = (event.shiftKey ? event.deltaY : event.deltaX) * pixels, y = event.deltaY * pixels;
  if (event.shiftKey || Math.abs(x) > Math.abs(y)) look(1, 0.5, x / axis._length);
  else look(Math.exp(Math.min(Math.max(y, -300), 300) / 400), share);
};
const told = (plot, point) => {
  if (Number.isInteger(point.customdata)) return trigger("select", { event: point.customdata });
  // A block of merged events is looked into.
  if (point.base === undefined || !plot.layout.meta) return;
  const unit = plot.layout.meta.unit_s, start = Number(point.base) * unit;
  const width = Math.max(Number(point.x) * unit - start, least());
  place(Math.max(start - width / 10, 0), Math.min(start + 1.1 * width, whole()));
  ask();
};

// An end stops where the other one is.
const moved = (target, value) => {
  const [start, end] = chosen();
  const isStart = target === ends()[0];
  if (isStart) place(Math.max(0, Math.min(value, Math.max(end - least(), 0))), end);
  else place(start, Math.min(whole(), Math.max(value, start + least())));
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
  preview();
};
const release = (event) => {
  if (!grabbed) return;
  const isMove = grabbed.at !== undefined;
  grabbed = null;
  if (isMove) event.type === "pointerup" ? ask() : follow();
};

const watched = new WeakSet();
const attend = () => {
  const plot = timeline();
  if (plot && plot.on && !watched.has(plot)) {
    watched.add(plot);
    plot.on("plotly_click", ({ points }) => told(plot, points[0]));
    plot.on("plotly_afterplot", preview);
    plot.on("plotly_relayout", (change) => {
      if (!plot.layout.meta || !Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
      place(...drawn(plot));
      ask();
    });
  }
  const frame = document.getElementById("plot-trace-timeline");
  if (plot && frame && !watched.has(frame)) {
    watched.add(frame);
    frame.tabIndex = 0;
    frame.addEventListener("keydown", steer);
    frame.addEventListener("wheel", roll, { passive: false });
    frame.addEventListener("pointerdown", () => frame.focus({ preventScroll: true }));
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
