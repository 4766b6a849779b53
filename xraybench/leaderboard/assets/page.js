"use strict";
// Sorting: methods move, reference maps stay where they are pinned; rows without a value come last.
function sortBy(header) {
  const table = header.closest("table");
  const was = header.getAttribute("aria-sort");
  const first = header.dataset.first;
  const direction = was ? (was === "ascending" ? "descending" : "ascending") : first;
  const sign = direction === "ascending" ? 1 : -1;
  const rows = table.querySelector("tbody.methods");
  const keyed = Array.from(rows.rows, (row) => [row.cells[header.dataset.column].dataset.value, row]);
  keyed.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (header.dataset.text ? a.localeCompare(b) : a - b);
  });
  table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", direction);
  rows.append(...keyed.map(([, row]) => row));
}
document.querySelectorAll("th[data-column] button").forEach((button) => {
  button.addEventListener("click", () => sortBy(button.closest("th")));
});
// One plot at a time.
document.querySelectorAll("select[data-plots]").forEach((select) => {
  const plots = document.querySelectorAll(`#${select.dataset.plots} > [data-metric]`);
  const choose = () => plots.forEach((plot) => { plot.hidden = plot.dataset.metric !== select.value; });
  select.addEventListener("change", choose);
  choose();
});
