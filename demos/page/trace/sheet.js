// A table that its headings sort, numbers as numbers; a row's name selects the event it leads to.
const value = (row, place, isNumber) => {
  const cell = row.cells[place];
  return isNumber ? (cell.dataset.value === "" ? null : Number(cell.dataset.value)) : cell.textContent;
};
const sort = (heading) => {
  const place = heading.cellIndex, isNumber = heading.classList.contains("num");
  const first = isNumber ? "descending" : "ascending", other = isNumber ? "ascending" : "descending";
  const order = heading.getAttribute("aria-sort") === first ? other : first;
  for (const each of heading.parentElement.cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1, body = heading.closest("table").tBodies[0];
  // What is unknown comes last either way.
  const compare = (a, b) => {
    const [x, y] = [value(a, place, isNumber), value(b, place, isNumber)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (isNumber ? x - y : x.localeCompare(y));
  };
  body.append(...[...body.rows].sort(compare));
};
element.addEventListener("click", (event) => {
  const sorter = event.target.closest(".lab-sort"), row = event.target.closest("[data-event]");
  if (sorter) sort(sorter.closest("th"));
  else if (row) trigger("select", { event: Number(row.dataset.event) });
});
