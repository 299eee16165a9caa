/* A diagnosis: a finding leads to its lines, a mark to its finding, a parameter to its way to the
   loss. All is there already. A page may be filled in later and again, so it listens at the document. */
(() => {
  const root = (element) => element.closest(".explain");
  const narrow = () => matchMedia("(max-width: 900px)").matches;
  const one = (inside, kind, value) => inside.querySelector(`[data-${kind}="${CSS.escape(value)}"]`);
  const only = (inside, chosen, name) => {
    for (const each of inside.querySelectorAll(`.${name}`)) each.classList.remove(name);
    chosen?.classList.add(name);
  };

  /* The code scrolls by itself, and the page no further than it must. */
  const goto = (inside, at) => {
    const line = one(inside, "at", at);
    if (!line) return;
    only(inside, line, "explain-here");
    const box = line.closest(".explain-code");
    box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top
      - box.clientHeight / 3;
    line.scrollIntoView({block: "nearest", inline: "nearest"});
    box.scrollLeft = 0;
  };

  const draw = (inside, way) => {
    const chosen = one(inside, "drawing", way);
    if (!chosen) return;
    for (const each of inside.querySelectorAll("[data-drawing]")) each.hidden = each !== chosen;
  };

  const choose = (inside, finding) => {
    const card = one(inside, "card", finding);
    only(inside, card, "explain-now");
    if (card) card.closest("details")?.setAttribute("open", "");
    return card;
  };

  document.addEventListener("click", (event) => {
    const found = event.target.closest?.(
      ".explain :is([data-goto], [data-finding], [data-mark], [data-parameter])");
    if (!found) return;
    const inside = root(found), {finding, mark, parameter, way, line, of} = found.dataset;
    if (found.dataset.goto) goto(inside, found.dataset.goto);
    if (finding) {
      choose(inside, finding);
      if (way) draw(inside, way);
      if (line) goto(inside, line);
    }
    if (mark) {
      const card = choose(inside, mark), drawn = card?.querySelector("[data-way]");
      if (drawn) draw(inside, drawn.dataset.way);
      card?.focus({preventScroll: true});
      card?.scrollIntoView({block: "nearest"});
    }
    if (parameter) {
      for (const each of inside.querySelectorAll("[data-parameter][aria-pressed]"))
        each.removeAttribute("aria-pressed");
      found.setAttribute("aria-pressed", "true");
      if (of) choose(inside, of);
      draw(inside, way);
      inside.querySelector(".explain-ways").scrollIntoView({block: narrow() ? "start" : "nearest"});
    }
  });

  document.addEventListener("keydown", (event) => {
    const node = event.target.closest?.(".explain svg [data-goto]");
    if (!node || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    goto(root(node), node.dataset.goto);
  });
})();
