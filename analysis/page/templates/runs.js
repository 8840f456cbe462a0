// Of a study's page: names the run under the pointer, filters runs, draws their parallel coordinates.
const runs = document.getElementById("runs");
if (runs) explore(runs);

function explore(block) {
  const table = block.querySelector("table"), rows = [...table.tBodies[0].rows], absent = "\u2013";
  const heads = [...table.tHead.rows[0].cells].map((head, at) => ({ name: head.textContent, scale: head.dataset.scale, at }));
  const cells = rows.map((row) => [...row.cells].map((cell) => cell.textContent));
  const marks = [...document.querySelectorAll("[data-run]")];
  const escaped = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`);

  const tools = document.createElement("div");
  tools.className = "tools";
  tools.innerHTML = '<label for="run-filter">Filter runs</label> <input id="run-filter" type="search" size="40" placeholder="adam search lr&lt;0.01" aria-describedby="run-help"> <output for="run-filter"></output><p id="run-help" class="hint">Words, and conditions such as status=completed or lr&gt;=0.01; all must hold. Dragging along an axis below writes them.</p><div class="lines-of-runs" tabindex="0" role="group" aria-label="Parallel coordinates"></div>';
  block.querySelector("summary").after(tools);
  const input = tools.querySelector("input"), output = tools.querySelector("output"), plot = tools.querySelector(".lines-of-runs");
  let shown = rows.map((_, run) => run);

  const holds = (run, word) => {
    const [, name, sign, value] = word.match(/^([\w.]+)(<=|>=|<|>|=)(.+)$/) || [];
    const head = heads.find((each) => each.name === name);
    if (!head) return cells[run].some((cell) => cell.toLowerCase().includes(word.toLowerCase()));
    const own = cells[run][head.at], x = number(own), y = number(value);
    if (sign === "=") return own.toLowerCase() === value.toLowerCase() || x === y;
    return { "<": x < y, ">": x > y, "<=": x <= y, ">=": x >= y }[sign];
  };

  function filter() {
    const words = input.value.trim().split(/\s+/).filter(Boolean);
    shown = rows.map((_, run) => run).filter((run) => words.every((word) => holds(run, word)));
    const kept = new Set(shown);
    rows.forEach((row, run) => { row.hidden = !kept.has(run); });
    marks.forEach((mark) => mark.classList.toggle("off", !kept.has(+mark.dataset.run)));
    output.textContent = `${shown.length} of ${rows.length} runs`;
    if (block.open) draw();
  }

  function axes() {
    const found = [];
    for (const head of heads.filter((each) => each.scale)) {
      const texts = [...new Set(shown.map((run) => cells[run][head.at]).filter((cell) => cell !== absent))];
      if (texts.length < 2) continue;
      const isListed = head.scale === "listed" || texts.some((cell) => isNaN(number(cell)));
      const scaled = (cell) => isListed ? texts.indexOf(cell) : head.scale === "log" ? Math.log(number(cell)) : number(cell);
      if (isListed) texts.sort(order);
      const places = texts.map(scaled), low = Math.min(...places), high = Math.max(...places);
      const ends = isListed ? texts : [texts[places.indexOf(low)], texts[places.indexOf(high)]];
      found.push({ ...head, isListed, ends, texts, y: (cell) => 200 - 170 * (scaled(cell) - low) / (high - low || 1), value: (y) => { const at = low + (high - low) * (200 - y) / 170; return head.scale === "log" ? Math.exp(at) : at; } });
    }
    return found;
  }

  function draw() {
    const all = axes(), width = 1000, x = (place) => 50 + (width - 100) * place / Math.max(1, all.length - 1), result = all[all.length - 1];
    if (all.length < 2) { plot.innerHTML = ""; return; }
    const heights = shown.map((run) => cells[run][result.at]).filter((own) => own !== absent).map(result.y).sort((a, b) => b - a);
    const lines = shown.map((run) => {
      const points = all.flatMap((axis, place) => cells[run][axis.at] === absent ? [] : [`${x(place).toFixed(1)} ${axis.y(cells[run][axis.at]).toFixed(1)}`]);
      const own = cells[run][result.at], share = own === absent ? 0 : Math.round(100 * heights.indexOf(result.y(own)) / heights.length);
      return points.length < 2 ? "" : `<path data-run="${run}" style="--share:${share}%" d="M${points.join("L")}"/>`;
    });
    const named = all.map((axis, place) => `<g data-axis="${place}"><rect x="${x(place) - 14}" y="20" width="28" height="190" fill="transparent"/><line x1="${x(place)}" x2="${x(place)}" y1="30" y2="200"/><text x="${x(place)}" y="14">${escaped(axis.name)}</text>${axis.isListed ? axis.ends.map((end) => `<text class="end" x="${x(place) + 5}" y="${axis.y(end) + 4}">${escaped(end)}</text>`).join("") : `<text x="${x(place)}" y="216">${escaped(axis.ends[0])}</text><text x="${x(place)}" y="27">${escaped(axis.ends[1])}</text>`}</g>`);
    plot.innerHTML = `<svg viewBox="0 0 ${width} 222" role="img" aria-label="Parallel coordinates of ${shown.length} runs over ${escaped(all.map((axis) => axis.name).join(", "))}; the table below holds the same numbers.">${lines.join("")}${named.join("")}</svg>`;
    plot.querySelectorAll("[data-axis]").forEach((group) => drag(group, all[group.dataset.axis]));
  }

  function drag(group, axis) {
    const at = (event) => { const box = plot.firstChild.getBoundingClientRect(); return Math.min(200, Math.max(30, (event.clientY - box.top) * 222 / box.height)); };
    group.addEventListener("pointerdown", (down) => {
      const start = at(down);
      group.setPointerCapture(down.pointerId);
      group.addEventListener("pointerup", (up) => {
        const words = input.value.split(/\s+/).filter((word) => word && !word.startsWith(`${axis.name}<`) && !word.startsWith(`${axis.name}>`) && !word.startsWith(`${axis.name}=`));
        const [low, high] = [Math.max(start, at(up)), Math.min(start, at(up))];
        if (low - high > 4 && !axis.isListed) words.push(`${axis.name}>=${axis.value(low).toPrecision(3)}`, `${axis.name}<=${axis.value(high).toPrecision(3)}`);
        if (axis.isListed) words.push(`${axis.name}=${axis.texts.reduce((best, each) => Math.abs(axis.y(each) - start) < Math.abs(axis.y(best) - start) ? each : best)}`);
        input.value = words.join(" ");
        filter();
      }, { once: true });
    });
  }

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  let current = null;
  const nearest = (event) => {
    for (const [dx, dy] of [[0, 0], [0, -3], [3, 0], [0, 3], [-3, 0], [5, 5], [-5, 5], [5, -5], [-5, -5]]) {
      const found = document.elementFromPoint(event.clientX + dx, event.clientY + dy)?.closest?.("[data-run]");
      if (found) return found.dataset.run;
    }
    return null;
  };
  document.addEventListener("pointermove", (event) => {
    const run = event.target.closest?.(".card, .lines-of-runs") ? nearest(event) : null;
    if (run !== current) {
      document.querySelectorAll(".hit").forEach((mark) => mark.classList.remove("hit"));
      if (run !== null) document.querySelectorAll(`[data-run="${run}"]`).forEach((mark) => mark.classList.add("hit"));
      current = run;
      tip.hidden = run === null;
      if (run !== null) tip.innerHTML = heads.filter((head) => cells[run][head.at] !== absent).map((head) => `<b>${escaped(head.name)}</b> ${escaped(cells[run][head.at])}`).join("<br>");
    }
    if (run === null) return;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.max(8, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8))}px`;
  });
  input.addEventListener("input", filter);
  block.addEventListener("toggle", () => { if (block.open) draw(); });
  output.textContent = `${rows.length} of ${rows.length} runs`;
}
