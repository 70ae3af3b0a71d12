// Small helpers without which every page works too: copy, theme, dialogs, short-cuts, the reading of charts.
// No framework and nothing inline, so that `script-src 'self'` holds.
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const on = (event, act) => document.addEventListener(event, act);
const said = name => document.body.dataset[name] ?? "";

function toast(text) {
  const box = one("#toast");
  box.textContent = text;
  box.classList.add("on");
  clearTimeout(box.timer);
  box.timer = setTimeout(() => box.classList.remove("on"), 3200);
}

// A refused form is kept in the history as its page, so that going back or reloading asks nobody to send it again.
if (said("again")) history.replaceState(history.state, "", said("again"));

// An open menu closes as a dialog does: by Escape, which leads back to its button, and by a click elsewhere.
on("keydown", event => {
  const menu = event.key === "Escape" && !one("dialog[open]") && one("details.menu[open]");
  if (menu) { menu.open = false; one("summary", menu).focus(); }
});
on("click", event => all("details.menu[open]").forEach(menu => { if (!menu.contains(event.target)) menu.open = false; }));

on("click", async event => {
  const target = event.target.closest("[data-copy],[data-open],[data-close],[data-print]");
  if (!target) return;
  if (target.dataset.copy !== undefined) {
    try { await navigator.clipboard.writeText(target.dataset.copy); toast(said("copied")); }
    catch { toast(target.dataset.copy); }
  }
  if (target.dataset.open) { event.preventDefault(); document.getElementById(target.dataset.open)?.showModal(); }
  if (target.dataset.close !== undefined) target.closest("dialog")?.close();
  if (target.dataset.print !== undefined) window.print();
});

// The theme changes at once; the form behind the button remembers it, with or without this script.
on("submit", event => {
  const form = event.target;
  if (form.matches("[data-theme-form]")) {
    const wanted = event.submitter?.value;
    if (wanted !== undefined) document.documentElement.dataset.theme = wanted;
  }
  if (form.matches("[data-once]")) {
    // A second press of the same button would be the same act; the server refuses it too.
    setTimeout(() => all("button", form).forEach(button => { button.disabled = true; }));
  }
});
// A field that takes several words with commas between suggests for the last one; without this script for the first.
on("input", event => {
  const field = event.target.closest("[data-listed]");
  if (!field) return;
  const before = field.value.slice(0, field.value.lastIndexOf(",") + 1);
  const taken = before.split(",").map(one => one.trim());
  all("option", field.list).forEach(option => {
    option.dataset.word ??= option.value;
    option.value = taken.includes(option.dataset.word) ? "" : `${before}${before && " "}${option.dataset.word}`;
  });
});
// One box above a list ticks all boxes of its name; without this script it stays hidden.
const ticked = () => all("[data-all]").forEach(box => {
  const boxes = all(`input[name="${CSS.escape(box.dataset.all)}"]`);
  box.hidden = boxes.length < 2;
  box.closest("[data-all-line]")?.toggleAttribute("hidden", boxes.length < 2);
  box.checked = boxes.length > 0 && boxes.every(one => one.checked);
});
on("change", event => {
  const box = event.target.closest("[data-all]");
  if (box) all(`input[name="${CSS.escape(box.dataset.all)}"]`).forEach(one => { one.checked = box.checked; });
  else if (event.target.matches("input[type=checkbox]")) ticked();
});
on("change", event => {
  const form = event.target.closest("form[data-auto]");
  if (form) form.requestSubmit();
});

let waiting = "";
on("keydown", event => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    const palette = one("#palette");
    if (palette) { event.preventDefault(); palette.showModal(); one("input", palette)?.select(); }
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.target.closest("input,textarea,select,[contenteditable]")) return;
  if (one("dialog[open]") && event.key !== "?") return;
  const chart = event.target.closest("[data-chart]");
  if (chart && /^Arrow(Left|Right)$/.test(event.key)) {
    event.preventDefault();
    const last = all("tbody tr", chart).length - 1;
    readChart(chart, Math.min(last, Math.max(0, (chart.at ?? last + 1) + (event.key === "ArrowRight" ? 1 : -1))));
    return;
  }
  if (waiting === "g") {
    const way = one(`[data-go="${CSS.escape(event.key)}"]`);
    waiting = "";
    if (way) { event.preventDefault(); way.click(); }
    return;
  }
  if (event.key === "g") { waiting = "g"; setTimeout(() => { waiting = ""; }, 1200); }
  if (event.key === "/") { const field = one("[data-slash]"); if (field) { event.preventDefault(); field.focus(); } }
  if (event.key === "?") { event.preventDefault(); one("#keys")?.showModal(); }
  if (event.key === "j" || event.key === "k") moveRow(event.key === "j" ? 1 : -1);
});

// j and k walk the rows of the first list: each row's first link takes the focus.
function moveRow(step) {
  const links = all("table.data tbody tr").map(row => one("a,button", row)).filter(Boolean);
  if (!links.length) return;
  const at = links.findIndex(link => link.closest("tr").contains(document.activeElement));
  links[Math.min(links.length - 1, Math.max(0, at + step))].focus();
}

// The palette shows the ways that the page already holds; what one types narrows them.
on("input", event => {
  const palette = event.target.closest("#palette");
  if (!palette) return;
  const words = event.target.value.trim().toLowerCase();
  all("li", palette).forEach(item => { item.hidden = !item.textContent.toLowerCase().includes(words) && !item.dataset.always; });
});

// A chart is read from the table that it carries for everybody.
function readChart(chart, at) {
  const row = all("tbody tr", chart)[at];
  if (!row) return;
  const heads = all("thead th", chart).map(cell => cell.textContent);
  const cells = [...row.cells].map(cell => cell.textContent);
  const tip = one(".tip", chart), cross = one(".cross", chart), share = (at + .5) / all("tbody tr", chart).length * 100;
  chart.at = at;
  tip.hidden = cross.hidden = false;
  cross.style.left = tip.style.left = `${share}%`;
  tip.classList.toggle("flip", share > 50);
  const title = Object.assign(document.createElement("b"), { textContent: cells[0] });
  tip.replaceChildren(title, ...cells.slice(1).map((text, k) => Object.assign(document.createElement("span"), { textContent: `${heads[k + 1]} ${text}` })));
}
function closeChart(chart) { one(".tip", chart).hidden = one(".cross", chart).hidden = true; }
on("pointermove", event => {
  const here = event.target.closest?.("[data-chart]");
  all("[data-chart]").forEach(chart => { if (chart !== here && chart !== document.activeElement) closeChart(chart); });
  if (!here) return;
  const box = one(".panel", here).getBoundingClientRect(), rows = all("tbody tr", here).length;
  readChart(here, Math.max(0, Math.min(rows - 1, Math.floor((event.clientX - box.left) / box.width * rows))));
});
on("focusout", event => { const chart = event.target.closest?.("[data-chart]"); if (chart) closeChart(chart); });

// A refusal that the page tells itself, where it was sent, needs no second word.
on("htmx:response:error", event => {
  const { response, text } = event.detail?.ctx ?? {};
  if (![404, 409, 422].includes(response?.status) || !text?.includes('role="alert"')) toast(said("failed"));
});
on("htmx:error", () => toast(said("offline")));
ticked();
on("htmx:after:swap", ticked);

// Who was refused begins at the first field that was wrong.
one('main [aria-invalid="true"]')?.focus();
