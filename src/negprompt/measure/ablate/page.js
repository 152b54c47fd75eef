"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const make = (tag, text, attributes = {}) => {
  const node = document.createElement(tag);
  if (text !== null) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
const percent = (value) => (value === null ? "?" : `${Math.round(100 * value)} %`);
const points = (v) => (v === null ? "∞" : `${v > 0 ? "+" : ""}${Math.round(100 * v)}`);

// ------------------------------------------------------------------------------- bars
const SVG = "http://www.w3.org/2000/svg";
function bar(interval, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "-104 -12 208 24");
  svg.setAttribute("role", "img");
  const clip = (v, open) => Math.max(-1, Math.min(1, v === null ? open : v));
  const [lo, at, hi] = [clip(interval.lo, -1), clip(interval.rate, 0), clip(interval.hi, 1)];
  const said = `${label}: ${points(interval.rate)} points, 95 % from ${points(interval.lo)} to ${points(interval.hi)}`;
  svg.setAttribute("aria-label", said);
  const draw = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    svg.append(node);
    return node;
  };
  draw("title", {}).textContent = said;
  draw("line", { x1: -100, x2: 100, y1: 0, y2: 0, stroke: "var(--line)" });
  draw("line", { x1: 0, x2: 0, y1: -10, y2: 10, stroke: "var(--pale)" });
  draw("rect", { x: Math.min(0, 100 * at), width: Math.abs(100 * at), y: -5, height: 10, fill: "var(--bar)" });
  draw("line", { x1: 100 * lo, x2: 100 * hi, y1: 0, y2: 0, stroke: "var(--ink)", "stroke-width": 2 });
  for (const x of [lo, hi]) draw("line", { x1: 100 * x, x2: 100 * x, y1: -4, y2: 4, stroke: "var(--ink)", "stroke-width": 2 });
  return svg;
}
function effect(change) {
  const cell = make("td", null);
  if (!change) { cell.textContent = "not known"; return cell; }
  cell.append(bar(change.corrected || change.effect, change.thing));
  const right = change.corrected ? `, put right by ${change.labels} labels` : "";
  cell.append(make("span", `${percent(change.without.rate)} → ${percent(change.with.rate)}, n ${change.n}${right}`, { class: "pale" }));
  return cell;
}
function amount(interval, unit) {
  if (!interval) return make("td", "–");
  const show = (v) => (v === null ? "∞" : unit === "%" ? (100 * v).toFixed(1) : v.toFixed(2));
  return make("td", `${show(interval.rate)} [${show(interval.lo)}, ${show(interval.hi)}] ${unit}`);
}
const KIND = { helps: "helps", harms: "harms", nothing: "nothing" };
data.report.terms.forEach((term, number) => {
  const row = make("tr", null);
  const head = make("th", null, { scope: "row" });
  const choose = make("button", term.term, { type: "button" });
  choose.addEventListener("click", () => { select(term.alone.without, term.alone.with); state.term = number; show(); $("compare").focus(); });
  head.append(choose);
  const verdict = make("td", null);
  verdict.append(make("span", term.verdict, { class: `verdict ${KIND[term.verdict] || "open"}` }));
  const more = term.more_seeds ? `; ${term.more_seeds} more seeds needed` : "";
  verdict.append(make("div", term.reason + more, { class: "pale" }));
  row.append(head, verdict, effect(term.alone.concept), effect(term.within.concept), effect(term.alone.kept[0]),
    effect(term.alone.kept[1]), amount(term.alone.collateral, "%"), amount(term.alone.variety, "%"));
  $("terms").append(row);
});

// --------------------------------------------------------------------------- comparing
const state = { a: 0, b: data.arms.length > 1 ? 1 : 0, column: 0, term: null, flicker: null, top: true };
const armOf = (name) => Math.max(0, data.arms.findIndex((arm) => arm.name === name || arm.also.includes(name)));
function select(a, b) { state.a = armOf(a); state.b = armOf(b); }
for (const id of ["a", "b"]) {
  data.arms.forEach((arm, number) => $(id).append(make("option", arm.name, { value: number })));
  $(id).addEventListener("change", () => { state[id] = Number($(id).value); state.term = null; show(); });
}
data.columns.forEach((column, number) => $("seed").append(make("option", column, { value: number })));
$("seed").addEventListener("change", () => { state.column = Number($("seed").value); show(); });
function place() {
  const share = state.flicker === null ? Number($("slide").value) : state.top ? 100 : 0;
  $("upper").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
}
function show() {
  $("a").value = state.a; $("b").value = state.b; $("seed").value = state.column;
  const [a, b] = [data.arms[state.a], data.arms[state.b]];
  $("upper").src = a.pictures[state.column]; $("lower").src = b.pictures[state.column];
  $("upper").alt = `${a.name}, ${data.columns[state.column]}`;
  $("lower").alt = `${b.name}, ${data.columns[state.column]}`;
  $("said").textContent = `left: ${a.name}; right: ${b.name}; ${data.columns[state.column]}`;
  const map = state.term === null ? null : data.maps[state.term];
  $("where").hidden = !map;
  if (map) { $("map").src = map; $("map").alt = `Where ${data.report.terms[state.term].term} changed the pictures`; }
  for (const cell of document.querySelectorAll(".grid button")) {
    const mine = Number(cell.dataset.column) === state.column && [state.a, state.b].includes(Number(cell.dataset.arm));
    cell.setAttribute("aria-pressed", mine);
  }
  place();
}
function flicker() {
  if (state.flicker !== null) { clearInterval(state.flicker); state.flicker = null; }
  else state.flicker = setInterval(() => { state.top = !state.top; place(); }, 600);
  $("flicker").setAttribute("aria-pressed", state.flicker !== null);
  place();
}
function swap() { [state.a, state.b] = [state.b, state.a]; show(); }
function step(by) { const n = data.columns.length; state.column = (state.column + by + n) % n; show(); }
$("slide").addEventListener("input", place);
$("flicker").addEventListener("click", flicker);
$("swap").addEventListener("click", swap);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const act = { f: flicker, x: swap, n: () => step(1), p: () => step(-1) }[event.key];
  if (act) { act(); event.preventDefault(); }
});

// -------------------------------------------------------------------------------- grid
data.arms.forEach((arm, y) => {
  const row = make("tr", null);
  row.append(make("th", arm.name, { scope: "row", title: arm.negative || "no negative" }));
  arm.pictures.forEach((source, x) => {
    const cell = make("button", null, { type: "button", tabindex: x + y ? -1 : 0, "data-arm": y, "data-column": x, "aria-pressed": false });
    cell.append(make("img", null, { src: source, alt: `${arm.name}, ${data.columns[x]}`, loading: "lazy" }));
    cell.addEventListener("click", (event) => {
      state[event.shiftKey ? "a" : "b"] = y; state.column = x; state.term = null; show();
    });
    const box = make("td", null); box.append(cell); row.append(box);
  });
  $("cells").append(row);
});
$("cells").addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const cell = event.target.closest("button");
  if (!cell || !moves[event.key]) return;
  const [y, x] = moves[event.key];
  const next = document.querySelector(`.grid button[data-arm="${Number(cell.dataset.arm) + y}"][data-column="${Number(cell.dataset.column) + x}"]`);
  if (next) { cell.tabIndex = -1; next.tabIndex = 0; next.focus(); }
  event.preventDefault();
});
show();
