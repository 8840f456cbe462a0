// Optional: the report is complete without it. Sorts and copies tables, unfolds what is asked for or printed.
const number = (text) => { const found = text.replace(/,/g, "").match(/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?/); return found ? Number(found[0]) : NaN; };
const order = (a, b) => { const x = number(a), y = number(b); return isNaN(x) || isNaN(y) ? a.localeCompare(b) : x - y; };

function sort(heading) {
  const table = heading.closest("table"), body = table.tBodies[0];
  const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  table.querySelectorAll("thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
  heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  const at = heading.cellIndex;
  const rows = [...body.rows].sort((a, b) => sign * order(a.cells[at].innerText, b.cells[at].innerText));
  body.append(...rows);
}

document.querySelectorAll("thead th").forEach((heading) => {
  heading.setAttribute("aria-sort", "none");
  heading.tabIndex = 0;
  heading.addEventListener("click", () => sort(heading));
  heading.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(heading); });
});

const text = (block) => {
  const table = block.querySelector("table");
  if (!table) return block.querySelector("pre")?.innerText.trim();
  return [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s*\n\s*/g, "; ")).join("\t")).join("\n");
};

document.querySelectorAll("[data-copy]").forEach((button) => {
  const block = document.getElementById(button.dataset.copy);
  if (!text(block) || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text(block));
    button.textContent = "copied";
  });
});

// Folds stand open on paper, also in browsers that the style sheet does not reach.
const opened = [];
addEventListener("beforeprint", () => document.querySelectorAll("details:not([open])").forEach((fold) => { opened.push(fold); fold.open = true; }));
addEventListener("afterprint", () => opened.splice(0).forEach((fold) => { fold.open = false; }));
const unfold = () => { for (let part = document.getElementById(decodeURIComponent(location.hash.slice(1))); part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true; };
addEventListener("hashchange", unfold);
unfold();
