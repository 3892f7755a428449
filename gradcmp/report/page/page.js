/* The page: a case is built from its facts when it is opened. Everything that comes from a case is
   set as text, never as markup. */
"use strict";

const $ = (selector, under = document) => under.querySelector(selector);
const $$ = (selector, under = document) => [...under.querySelectorAll(selector)];
const LEVELS = JSON.parse($("#levels").textContent).map(([most, sign, meaning]) => ({ most: Number(most), sign, meaning }));
const cases = $$(".case");
const rows = $$(".matrix tbody tr");

/** Make an element; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}
const table = (caption, heads, body, texts = []) => make("div", { class: "wide" },
  make("table", { class: "figures" }, caption && make("caption", {}, caption),
    make("thead", {}, make("tr", {}, heads.map((head, i) => make("th", { scope: "col", class: texts.includes(i) && "text" }, head)))), make("tbody", {}, body)));
const figure = (number) => (number == null ? "" : Number.isFinite(number) ? d3.format(Math.abs(number) >= 1e5 || (number && Math.abs(number) < 1e-3) ? ".3~e" : ".4~g")(number).replace("e+", "e").replace("\u2212", "-") : String(number));
const pairName = (pair) => `${pair[0]} – ${pair[1]}`;
const level = (excess) => { const found = LEVELS.findIndex((one) => Number(excess) <= one.most); return found < 0 ? LEVELS.length - 1 : found; };

/* ---- a case ---- */
function build(details) {
  if ($(".body", details)) return;
  const facts = JSON.parse(details.nextElementSibling.textContent);
  const body = make("div", { class: "body" });
  body.append(
    make("section", { "aria-label": "Verdict" }, cases.length > 1 && answer(facts.answer),
      facts.rule && make("p", { class: "note" }, facts.rule),
      facts.said.length > 0 && make("ul", { class: "said" }, facts.said.map(([mark, text]) => make("li", { class: mark !== "-" && mark }, text)))),
    ...facts.failures.map(failure),
  );
  const tensors = new Map(facts.tensors.map((tensor) => [tensor.name, tensor]));
  const blocks = new Map();
  const open = (name) => {
    const block = [name, `d ${name}`].map((each) => blocks.get(each)).filter(Boolean)
      .sort((one, other) => rank(other) - rank(one))[0];
    if (block) { block.open = true; block.scrollIntoView({ block: "nearest" }); $("summary", block).focus(); }
  };
  const rank = (block) => "awd".indexOf(block.dataset.mark);
  const yaml = make("figure", {}, make("figcaption", {}, facts.place ? `The case (${facts.place})` : "The case"), make("pre", { tabindex: 0 }, facts.yaml));
  body.append(make("section", { class: "two", "aria-label": "Graph and case" }, facts.graph.length > 0 && graphFigure(facts, tensors, open), yaml));
  if (facts.pairs.length > 1) body.append(triangle(facts));
  if (facts.tensors.length) body.append(tensorSection(facts, details, blocks));
  if (facts.backends.length) body.append(backends(facts));
  details.append(body);
}

/** The answer, as it stands under the big word of a page of one case. */
function answer({ title, lines }) {
  const piece = ([text, marked]) => (marked ? make("mark", {}, text) : text);
  const parts = (line) => line.parts.flatMap((part) => [part.before, make("span", { class: part.wrong && "off" }, part.pieces.map(piece))]);
  return make("div", { class: "answer" }, make("p", { class: "lead" }, title), make("dl", {}, lines.map((line) => make("div", {},
    make("dt", {}, line.label), make("dd", {}, line.command ? make("code", {}, line.parts[0].pieces[0][0]) : parts(line))))));
}

function failure(lost) {
  return make("section", { class: "failure", "aria-label": `${lost.backend} ${lost.kind}` },
    make("p", {}, make("b", {}, lost.backend), ` ${lost.kind}: ${lost.message}`),
    lost.stderr && make("details", { class: "plain", open: true }, make("summary", {}, "what it wrote last"), make("pre", { tabindex: 0 }, lost.stderr)));
}

function graphFigure(facts, tensors, open) {
  const figure = make("figure", {}, make("figcaption", {}, "The graph: left → the value, right ← the gradient"));
  const holder = make("div", { class: "graph" });
  const marks = "-auwd";
  const draw = (chosen) => {
    const verdict = (name) => {
      const signs = tensors.get(name)?.signs ?? "-";
      return chosen < 0 ? marks[Math.max(...[...signs].map((sign) => marks.indexOf(sign)))] : signs[chosen] ?? "-";
    };
    const firsts = new Set(facts.firsts.filter(([pair]) => chosen < 0 || pair === chosen).slice(0, 1).flatMap(([, ...names]) => names));
    holder.replaceChildren(drawGraph(facts.graph, verdict, (name) => firsts.has(name), open));
  };
  if (facts.pairs.length > 1) {
    const select = make("select", {}, make("option", { value: -1 }, "the worst of all pairs"), facts.pairs.map((pair, i) => make("option", { value: i }, pairName(pair))));
    select.addEventListener("change", () => draw(Number(select.value)));
    figure.append(make("p", { class: "units" }, make("label", {}, "Verdicts of ", select)));
  }
  figure.append(holder);
  draw(facts.pairs.length > 1 ? -1 : 0);
  return figure;
}

/** Each backend against each other one: what was a column a pair is a cell. */
function triangle(facts) {
  const labels = facts.backends.map((backend) => backend.label);
  const found = new Map(facts.pairs.flatMap((pair, i) => [[pair.join("\n"), i], [[...pair].reverse().join("\n"), i]]));
  const where = make("p", { class: "where", "aria-live": "polite" });
  const cells = [];
  const rows = labels.slice(1).map((label, r) => make("tr", {}, make("th", { scope: "row" }, label), labels.slice(0, -1).map((other, c) => {
    const i = c <= r ? found.get(`${label}\n${other}`) : undefined;
    const [letter, text] = facts.cells[i] ?? ["n", "not compared"];
    const cell = c <= r ? make("td", { class: letter, tabindex: -1 }, text) : make("td", { class: "none" });
    cell.dataset.said = c <= r ? `${i == null ? `${label} – ${other}` : pairName(facts.pairs[i])}: ${text}` : "";
    cells.push(c <= r && cell);
    return cell;
  })));
  const grid = make("table", { class: "matrix narrow triangle" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, ""), labels.slice(0, -1).map((label) => make("th", { scope: "col" }, make("span", {}, label))))), make("tbody", {}, rows));
  const say = (event) => { const said = event.target.closest("td")?.dataset.said; if (said) where.textContent = said; };
  grid.addEventListener("pointerover", say);
  grid.addEventListener("focusin", say);
  move(grid, () => cells, () => labels.length - 1);
  if (cells[0]) cells[0].tabIndex = 0;
  return make("section", { "aria-label": "Pairs" }, make("h3", {}, "Backend by backend"), make("div", { class: "wide" }, grid), where);
}

function tensorSection(facts, details, blocks) {
  const section = make("section", { "aria-label": "Tensors" }, make("h3", {}, "Tensors"));
  const heads = ["tensor", "verdict", "worst pair", "disagree", "worst at", "difference", "relative", "ULP", "allowed", "× allowed"];
  const shown = facts.tensors.filter((tensor) => tensor.views.length);
  section.append(table(null, heads, shown.map((tensor) => {
    const view = tensor.views[0];
    const link = make("a", { href: permalink(details, tensor.name) }, tensor.name);
    return make("tr", {}, make("th", { scope: "row" }, link), make("td", { class: `text mark ${view.sign}` }, view.reason),
      make("td", { class: "text" }, pairName(view.names)), view.row.map((cell) => make("td", {}, cell)), make("td", {}, figure(view.excess)));
  }).concat(facts.unknown.map(([pair, label, name]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "text mark u" }, "unknown"),
    make("td", { class: "text" }, pairName(facts.pairs[pair])), make("td", { class: "text", colspan: 7 }, `${label} did not give it`)))), [1, 2]));
  let opened = 0;
  for (const tensor of shown) {
    const view = tensor.views[0];
    const block = make("details", { class: "tensor", "data-name": tensor.name, "data-mark": view.sign },
      make("summary", {}, make("b", {}, tensor.name), make("span", { class: `mark ${view.sign}` }, `${view.sign === "d" ? "disagrees" : view.sign === "w" ? "agrees, with a warning" : "agrees"}: ${view.reason}`)),
      make("a", { class: "link", href: permalink(details, tensor.name), "aria-label": `Link to ${tensor.name}` }, "#"));
    block.addEventListener("toggle", () => block.open && buildTensor(block, tensor, facts));
    blocks.set(tensor.name, block);
    section.append(block);
    if (view.sign === "d" && opened++ < 3) { block.open = true; buildTensor(block, tensor, facts); }
  }
  if (facts.unknown_left) section.append(make("p", { class: "note" }, `${facts.unknown_left} more tensors were given by one side alone: of these nothing is known.`));
  if (facts.left) section.append(make("p", { class: "note" }, `${facts.left} more comparisons are not drawn, to keep the file small.`));
  return section;
}

/* ---- a tensor ---- */
function buildTensor(block, tensor, facts) {
  if ($(".view", block)) return;
  const view = make("div", { class: "view" });
  const show = (i) => view.replaceChildren(...(tensor.views.length > 1 ? [chooser(tensor, facts, i, show)] : []), ...drawView(tensor, tensor.views[i], facts));
  show(0);
  block.append(view);
}

function chooser(tensor, facts, chosen, show) {
  const select = make("select", {}, tensor.views.map((view, i) => make("option", { value: i, selected: i === chosen }, pairName(view.names))));
  select.addEventListener("change", () => { const place = select.closest(".view"); show(Number(select.value)); $("select", place).focus(); });
  return make("p", {}, make("label", {}, "Pair ", select));
}

function drawView(tensor, view, facts) {
  const pair = pairName(view.names);
  const parts = [make("p", {}, view.said), make("p", { class: "units" }, `rule ${view.rule}`)];
  const aside = make("div", { class: "aside" });
  const drawn = make("div", { class: "drawn" });
  if (view.map) { const [grid, readout] = heat(tensor.name, pair, view, facts); drawn.append(grid); aside.append(readout); }
  else parts.push(make("p", { class: "units" }, view.row[1] === "" ? "There are no elements to draw." : "Its heat map found no room in this file."));
  if (view.octaves.length) {
    const counts = view.octaves.map((n, i) => [i ? `from ${octave(i)}` : "less than 1", n]).filter(([, n]) => n);
    aside.append(make("figure", {}, make("figcaption", {}, "Elements by distance in ULP"), histogram(view.octaves),
      view.nonfinite > 0 && make("p", { class: "units" }, `${view.nonfinite} more are NaN or infinite on one side.`),
      make("details", { class: "plain" }, make("summary", {}, "as a table"), table(null, ["ULP apart", "elements"], counts.map(([name, n]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(n))))))));
  }
  if (aside.childElementCount) drawn.append(aside);
  parts.push(drawn);
  return parts;
}

/** The heat map: a table whose cells are moved through with the arrow keys, and a readout beside. */
function heat(name, pair, view, facts) {
  const { shape, down, across, units, excess, at, beyond, values, less } = JSON.parse(view.map);
  const [height, width] = [down.length - 1, across.length - 1];
  const whole = !at;
  const flat = (i) => (whole ? i : at[i]);
  const place = (i) => { let rest = flat(i); const index = []; for (const n of [...shape].reverse()) { index.unshift(rest % n); rest = Math.floor(rest / n); } return index.length ? `[${index.join(",")}]` : "the number"; };
  const range = (edges, i) => (edges[i + 1] - edges[i] > 1 ? `${edges[i]}–${edges[i + 1] - 1}` : `${edges[i]}`);
  const size = `${shape.join("×") || "a single number"}`;
  const caption = whole ? `${name}, ${size}` : `${name}, ${size}, drawn as ${height}×${width} tiles: each shows its worst element, and a line for the share that fails`;
  const grid = make("table", { class: "heat", role: "grid", "aria-label": `${caption}, ${pair}` }, make("caption", {}, caption));
  grid.style.setProperty("--cell", `${width > 16 ? 15 : width > 8 ? 20 : 28}px`);
  if (whole) grid.append(make("thead", {}, make("tr", {}, make("td", { "aria-hidden": "true" }), d3.range(width).map((i) => make("th", { scope: "col" }, width <= 16 || i % 4 === 0 ? range(across, i) : "")))));
  const body = make("tbody");
  const cells = [];
  const elements = (r, c) => (down[r + 1] - down[r]) * (across[c + 1] - across[c]);
  for (let r = 0; r < height; r++) {
    const row = make("tr", {}, make("th", { scope: "row" }, range(down, r)));
    for (let c = 0; c < width; c++) {
      const i = r * width + c, step = level(excess[i]);
      const cell = make("td", { class: `l${step}`, tabindex: -1, "aria-label": `${place(i)}: ${figure(excess[i])} × allowed` }, LEVELS[step].sign);
      cell.dataset.i = i;
      if (beyond?.[i]) { cell.classList.add("share"); cell.style.setProperty("--share", beyond[i] / elements(r, c)); }
      cells.push(cell);
      row.append(cell);
    }
    body.append(row);
  }
  grid.append(body);
  const worst = d3.maxIndex(excess, (each) => (each === "Infinity" ? Infinity : Number(each)));
  const out = make("output", { "aria-live": "off" });
  const read = make("div", { class: "readout" }, out);
  const reference = facts.pairs[view.pair][1];
  const show = (i) => {
    $(".here", grid)?.classList.remove("here");
    cells[i].classList.add("here");
    const [r, c] = [Math.floor(i / width), i % width];
    const tile = whole ? "" : `, the worst of rows ${range(down, r)}, columns ${range(across, c)}, where ${beyond[i]} of ${elements(r, c)} are beyond what is allowed`;
    out.textContent = `${name} ${place(i)}: ${figure(excess[i])} × allowed${tile}`;
    read.replaceChildren(out, table(null, ["backend", "value", `less ${reference}`], facts.backends.map((backend, b) => {
      const mine = values[b]?.[i], difference = less[b]?.[i] ?? "";
      const marks = [facts.pairs[view.pair].includes(backend.label) && "of", view.wrong.includes(backend.label) && "off"].filter(Boolean).join(" ");
      return make("tr", { class: marks || false }, make("th", { scope: "row" }, backend.label), make("td", {}, mine == null ? "–" : String(mine)), make("td", {}, String(difference)));
    })), make("p", { class: "units" }, "Values have the digits that tell them apart in their own dtype; differences are those of the exact numbers."));
  };
  const index = (event) => event.target.closest("td[data-i]")?.dataset.i;
  grid.addEventListener("pointerover", (event) => { const i = index(event); if (i != null) show(Number(i)); });
  grid.addEventListener("focusin", (event) => { const i = index(event); if (i != null) show(Number(i)); });
  move(grid, () => cells, () => width);
  cells[worst].tabIndex = 0;
  show(worst);
  const scale = make("ul", { class: "scale", "aria-label": "Scale, in tolerances" }, LEVELS.map((one, i) => make("li", {}, make("span", { class: `l${i}`, "aria-hidden": "true" }, one.sign), one.meaning)));
  return [make("div", { class: "heatbox" }, grid, scale, make("p", { class: "units" }, units)), read];
}

/** Let the arrow keys, Home and End move the focus through a grid with one tab stop. */
function move(grid, cells, width) {
  grid.addEventListener("keydown", (event) => {
    const all = cells(), here = all.indexOf(event.target), wide = width();
    if (here < 0) return;
    const column = here % wide;
    const to = { ArrowRight: column < wide - 1 && here + 1, ArrowLeft: column > 0 && here - 1, ArrowDown: here + wide, ArrowUp: here - wide, Home: here - column, End: here - column + wide - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to === false || !all[to]) return;
    all[here].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  });
}

/* ---- backends ---- */
function backends(facts) {
  const phases = [...new Set(facts.backends.flatMap((backend) => Object.keys(backend.timings)))];
  const most = Math.max(...facts.backends.flatMap((backend) => Object.values(backend.timings).map(Number)), 1e-9);
  const ms = (seconds) => `${Number((1e3 * seconds).toPrecision(3))}`;
  const timings = table("Timings, in milliseconds", ["backend", "dtype", ...phases], facts.backends.map((backend) => make("tr", {}, make("th", { scope: "row" }, backend.label), make("td", { class: "text" }, backend.dtype || "–"), phases.map((phase) => {
    if (backend.timings[phase] == null) return make("td", {}, "–");
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.max((60 * backend.timings[phase]) / most, 1)}px`;
    return make("td", {}, ms(backend.timings[phase]), bar);
  }))), [1]);
  const keys = [...new Set(facts.backends.flatMap((backend) => Object.keys(backend.environment)))].sort();
  const said = (key) => facts.backends.map((backend) => backend.environment[key]);
  const differs = (key) => new Set(said(key).filter((text) => text != null)).size > 1;
  const environment = (caption, some, of) => some.length > 0 && table(caption, ["", ...of], some.map((key) => make("tr", {}, make("th", { scope: "row" }, key),
    said(key).slice(0, of.length).map((text) => make("td", { class: "text" }, text ?? "–")))), d3.range(1, of.length + 1));
  const labels = facts.backends.map((backend) => backend.label);
  const [odd, same] = [keys.filter(differs), keys.filter((key) => !differs(key))];
  return make("section", { "aria-label": "Backends" }, make("h3", {}, "Backends"), timings, environment("Environment: what differs", odd, labels),
    same.length > 0 && make("details", { class: "plain" }, make("summary", {}, `environment: ${same.length} that do not differ`), environment(null, same, labels)));
}

/* ---- the whole ---- */
/** Permalinks are #case/tensor; a name that occurs again in the run is numbered: #case~2/tensor. */
const links = new Map();
for (const details of d3.sort(cases, (each) => Number(each.id.slice(1)))) {
  const name = $(".name", details).textContent;
  let link = name;
  for (let n = 2; links.has(link); n++) link = `${name}~${n}`;
  links.set(link, details);
  details.link = link;
}
const permalink = (details, tensor) => `#${[details.link, ...(tensor == null ? [] : [tensor])].map(encodeURIComponent).join("/")}`;
const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
const remember = (link) => { try { history.replaceState(null, "", link); } catch { /* a frame that has no address */ } };

for (const link of $$("a[href^='#c']:not(.skip)")) link.href = permalink(document.getElementById(link.hash.slice(1)));

/** Open what a fragment names: a case by its link or its id, and one of its tensors. */
function follow(fragment) {
  const [name, tensor] = fragment.split("/").map(decoded);
  const details = links.get(name) ?? document.getElementById(name)?.closest(".case");
  if (details) visit(details, tensor);
}

function visit(details, tensor) {
  reveal(details);
  const block = $$(".tensor", details).find((each) => each.dataset.name === tensor);
  if (block) block.open = true;
  remember(permalink(details, block && tensor));
  const target = block ?? details;
  target.scrollIntoView({ block: "start" });
  $("summary", target).focus({ preventScroll: true });
}

function reveal(details) {
  const passes = details.closest(".passes");
  details.hidden = false;
  if (passes) { passes.hidden = false; passes.open = true; }
  details.open = true;
  build(details);
}

function filter() {
  const wanted = $("#search").value.trim().toLowerCase();
  const letters = new Set($$("[name=show]:checked").map((box) => box.value));
  let shown = 0;
  cases.forEach((details, i) => {
    const letter = details.className.split(" ")[1];
    const hidden = !letters.has(letter) || !$(".name", details).textContent.toLowerCase().includes(wanted);
    details.hidden = hidden;
    if (rows[i]) rows[i].hidden = hidden;
    shown += !hidden;
  });
  const passes = $(".passes");
  if (passes) {
    passes.hidden = !$(".case:not([hidden])", passes);
    if (wanted && !passes.hidden) passes.open = true;
  }
  $("#shown").textContent = shown === cases.length ? "" : `${shown} of ${cases.length} cases`;
}

function matrix() {
  const grid = $(".matrix tbody");
  if (!grid) return;
  const heads = $$(".matrix thead th").slice(1).map((head) => head.textContent.trim());
  const say = (cell) => { $("#where").textContent = `${$("th", cell.parentElement).textContent.trim()}, ${heads[cell.cellIndex - 1]}: ${cell.textContent.trim()}`; };
  const visible = () => rows.filter((row) => !row.hidden && !row.matches(".later")).flatMap((row) => [...row.cells].slice(1));
  const cellOf = (event) => event.target.closest("td");
  grid.addEventListener("pointerover", (event) => { const cell = cellOf(event); if (cell) say(cell); });
  grid.addEventListener("focusin", (event) => { const cell = cellOf(event); if (cell) say(cell); });
  grid.addEventListener("click", (event) => { const cell = cellOf(event); if (cell) visit(cases[rows.indexOf(cell.parentElement)]); });
  grid.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("td")) { event.preventDefault(); visit(cases[rows.indexOf(event.target.parentElement)]); } });
  move(grid, visible, () => heads.length);
  const first = $("td", grid);
  if (first) first.tabIndex = 0;
  more();
}

/** Lay out further rows of the matrix as they come near; a filter that leaves few shows all. */
function more() {
  const box = $(".scroll");
  const next = () => {
    const later = rows.filter((row) => row.matches(".later") && !row.hidden);
    if (box.scrollTop + 2 * box.clientHeight < box.scrollHeight) return;
    later.slice(0, 60).forEach((row) => row.classList.remove("later"));
  };
  box.addEventListener("scroll", next, { passive: true });
  $(".filters").addEventListener("input", () => requestAnimationFrame(next));
}

document.addEventListener("toggle", (event) => { if (event.target.matches?.(".case") && event.target.open) build(event.target); }, true);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']:not(.skip)");
  const opened = event.target.closest(".case > summary, .tensor > summary")?.parentElement;
  if (link) { event.preventDefault(); follow(link.hash.slice(1)); }
  else if (opened && !opened.open) remember(permalink(opened.closest(".case"), opened.dataset.name));
});
addEventListener("hashchange", () => follow(location.hash.slice(1)));
$("#search").addEventListener("input", filter);
$$("[name=show]").forEach((box) => box.addEventListener("change", filter));
$("#open-wrong").addEventListener("click", () => cases.filter((each) => !each.hidden && !each.matches(".a")).slice(0, 50).forEach((each) => { each.open = true; build(each); }));
$("#close-all").addEventListener("click", () => cases.forEach((each) => { each.open = false; }));
$(".filters").hidden = $(".tools").hidden = false;
matrix();
const first = cases.find((each) => !each.matches(".a")) ?? (cases.length === 1 ? cases[0] : null);
if (first) reveal(first);
if (location.hash.length > 1) follow(location.hash.slice(1));
