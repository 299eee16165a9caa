/* The address says what is shown. What is set on each tab is told here by the tab's events; the
   address is replaced as it changes, and a link within the page is followed without a reload. */
window.labLink = (() => {
  const OURS = new Set(window.labLinkNames);
  const AUTO = "auto", RUN = "lab-run", RUNS = "lab-runs", MOST_RUNS = window.labMostRuns;
  const LISTS = new Set(["values", "sizes"]);
  // Browsers refuse an address that changes too often.
  const PAUSE_MS = 150;
  const set = {};
  let tab = "", part = "", settled = false, follow = null, seen = "", waiting = 0;

  const escaped = (text) => encodeURIComponent(text).replace(/%2C/g, ",").replace(/%3A/g, ":");
  const list = (text) => text.split(/[\s,，、]+/).filter(Boolean).join(",");
  const numbers = (text) => list(text || "").split(",").map(Number).join();
  const query = (pairs) => pairs.map((pair) => pair.map(escaped).join("=")).join("&");
  const others = () => [...new URLSearchParams(location.search)]
    .filter(([name]) => !OURS.has(name) && !name.startsWith("p."));

  const said = (name, value) => {
    if (Array.isArray(value)) return value.join(",");
    if (typeof value === "boolean") return value ? "1" : "";
    if (name === "on" && value === AUTO) return "";
    return LISTS.has(name) ? list(String(value ?? "")) : String(value ?? "");
  };

  /* The step that is shown, if what is shown was run with what is set. */
  const step = ({lesson, values, op, on}) => {
    const view = document.querySelector("#lesson-view [data-lesson]");
    const same = view && view.dataset.lesson === lesson && view.dataset.op === (op || "")
      && view.dataset.on === (on || AUTO) && numbers(view.dataset.values) === numbers(values);
    const steppers = same ? [...view.querySelectorAll("[data-part]")] : [];
    // A lesson that nobody has stepped through is at no step of its own.
    const first = view?.dataset.opened ? undefined : steppers[0];
    const stepper = steppers.find((each) => each.dataset.part === part) || first;
    const slider = stepper?.querySelector("input[type=range]");
    return slider ? {part: stepper.dataset.part, step: String(Number(slider.value) + 1)} : {};
  };

  const write = () => {
    clearTimeout(waiting);
    if (!settled || !tab) return;
    const mine = {...set[tab], ...(tab === "lessons" ? step(set.lessons || {}) : {})};
    const plain = tab === "start" && !Object.keys(mine).length;
    const text = query([...Object.entries(plain ? {} : {tab, ...mine}), ...others()]);
    const url = `${location.pathname}${text && "?"}${text}${location.hash}`;
    if (url !== location.pathname + location.search + location.hash)
      history.replaceState(history.state, "", url);
  };
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(write, PAUSE_MS); };

  /* What is as usual everywhere need not be said, where the usual is known. */
  const tell = (which, names, values, usual) => {
    const pairs = names.map((name, index) => [name, said(name, values[index])]);
    const plain = usual && values.every((value, index) => value === usual[index]);
    set[which] = Object.fromEntries(plain ? [] : pairs.filter(([, value]) => value !== ""));
    soon();
  };
  const open = (which, ...told) => { tab = which; tell(which, ...told); };

  /* A lesson, and whether it has run already, as it has for a step that a link asks for. */
  const hasRun = (name, _, ...others) =>
    [name, document.querySelector("#lesson-view [data-lesson]") ? "1" : "", ...others];

  const arrive = () => { settled = true; soon(); };
  const leave = (search, measures = false) => {
    settled = false;
    follow("select", {query: search, measures});
  };

  const copy = async (text, box) => {
    const field = box.querySelector("input"), status = box.querySelector("[role=status]");
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch { done = false; }
    if (field) field.hidden = done;
    if (!done && field) { field.value = text; field.select(); done = document.execCommand("copy"); }
    status.textContent = done || !field ? status.dataset.done : status.dataset.byHand;
    setTimeout(() => { if (field?.hidden !== false) status.textContent = ""; }, 3000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) {
      write();
      copy(button.dataset.copy || location.href, button.closest(".lab-copy"));
      return;
    }
    const link = event.target.closest?.("a.lab-go");
    if (!link || !follow || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const search = link.getAttribute("href"), kept = query(others());
    history.pushState(null, "", search + (kept && `&${kept}`));
    leave(search, "measure" in link.dataset);
    scrollTo({top: 0});
  });
  /* Where a browser keeps nothing, runs are lost with the page. */
  const kept = (name) => { try { return sessionStorage.getItem(name) || ""; } catch { return ""; } };
  const keep = (name, text) => { try { sessionStorage.setItem(name, text); } catch { /* not allowed */ } };
  const shown = () => document.querySelector("#compare-results [data-run]")?.dataset.run || "";
  const runs = () => {
    const listed = kept(RUNS).split(" ").filter((run) => run && run !== shown());
    return [...listed, shown()].filter(Boolean).slice(-MOST_RUNS).join(" ");
  };
  addEventListener("pagehide", () => keep(RUN, shown()));
  const left = () => kept(RUN);
  addEventListener("popstate", () => { if (follow) leave(location.search); });
  document.addEventListener("lab-step", ({detail: stepper}) => {
    if (!stepper.closest("#lesson-view")) return;
    part = stepper.dataset.part;
    soon();
  });
  new MutationObserver(() => {
    if (shown() && !kept(RUNS).endsWith(shown())) keep(RUNS, runs());
    // Gradio may fill what is there anew, so it is known by what it says.
    const view = document.querySelector("#lesson-view .lab-lesson");
    const says = view ? JSON.stringify(view.dataset) : "";
    if (says === seen) return;
    seen = says;
    part = view?.dataset.at || "";
    if (part) view.querySelector(`[data-part="${part}"]`)?.scrollIntoView({block: "nearest"});
    soon();
  }).observe(document, {childList: true, subtree: true,
    attributeFilter: ["data-lesson", "data-values", "data-op", "data-on", "data-at", "data-opened",
      "data-run"]});

  return {tell, open, arrive, hasRun, left, runs, attach: (trigger) => { follow = trigger; }};
})();
