/* The whole: permalinks, filters, the matrix of cases and backends, and what opens a case. */
"use strict";

const cases = $$(".case");
const rows = $$(".matrix tbody tr");

/** Permalinks are #case/tensor; a name that occurs again in the run is numbered: #case~2/tensor. */
const links = new Map();
for (const details of d3.sort(cases, (each) => Number(each.id.slice(1)))) {
  const name = $(".name", details).textContent;
  let link = name;
  for (let n = 2; links.has(link); n++) link = `${name}~${n}`;
  links.set(link, details);
  details.link = link;
}
const permalink = (details, tensor) =>
  `#${[details.link, ...(tensor == null ? [] : [tensor])].map(encodeURIComponent).join("/")}`;
const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
const remember = (link) => {
  try {
    history.replaceState(null, "", link);
  } catch {
    /* a frame that has no address */
  }
};

for (const link of $$("a[href^='#c']:not(.skip)"))
  link.href = permalink(document.getElementById(link.hash.slice(1)));

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
  if (passes) {
    passes.hidden = false;
    passes.open = true;
  }
  details.open = true;
  build(details);
}

function filter() {
  const wanted = $("#search").value.trim().toLowerCase();
  const letters = new Set($$("[name=show]:checked").map((box) => box.value));
  let shown = 0;
  cases.forEach((details, i) => {
    const letter = details.className.split(" ")[1];
    const hidden =
      !letters.has(letter) || !$(".name", details).textContent.toLowerCase().includes(wanted);
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
  const heads = $$(".matrix thead th")
    .slice(1)
    .map((head) => head.textContent.trim());
  const say = (cell) => {
    $("#where").textContent =
      `${$("th", cell.parentElement).textContent.trim()}, ${heads[cell.cellIndex - 1]}: ${cell.textContent.trim()}`;
  };
  const visible = () =>
    rows
      .filter((row) => !row.hidden && !row.matches(".later"))
      .flatMap((row) => [...row.cells].slice(1));
  const cellOf = (event) => event.target.closest("td");
  grid.addEventListener("pointerover", (event) => {
    const cell = cellOf(event);
    if (cell) say(cell);
  });
  grid.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (cell) say(cell);
  });
  grid.addEventListener("click", (event) => {
    const cell = cellOf(event);
    if (cell) visit(cases[rows.indexOf(cell.parentElement)]);
  });
  grid.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("td")) {
      event.preventDefault();
      visit(cases[rows.indexOf(event.target.parentElement)]);
    }
  });
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
    for (const row of later.slice(0, 60)) row.classList.remove("later");
  };
  box.addEventListener("scroll", next, { passive: true });
  $(".filters").addEventListener("input", () => requestAnimationFrame(next));
}

document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.(".case") && event.target.open) build(event.target);
  },
  true,
);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']:not(.skip)");
  const opened = event.target.closest(".case > summary, .tensor > summary")?.parentElement;
  if (link) {
    event.preventDefault();
    follow(link.hash.slice(1));
  } else if (opened && !opened.open)
    remember(permalink(opened.closest(".case"), opened.dataset.name));
});
addEventListener("hashchange", () => follow(location.hash.slice(1)));
$("#search").addEventListener("input", filter);
for (const box of $$("[name=show]")) box.addEventListener("change", filter);
$("#open-wrong").addEventListener("click", () =>
  cases
    .filter((each) => !each.hidden && !each.matches(".a"))
    .slice(0, 50)
    .forEach((each) => {
      each.open = true;
      build(each);
    }),
);
$("#close-all").addEventListener("click", () =>
  cases.forEach((each) => {
    each.open = false;
  }),
);
$(".filters").hidden = $(".tools").hidden = false;
matrix();
const first = cases.find((each) => !each.matches(".a")) ?? (cases.length === 1 ? cases[0] : null);
if (first) reveal(first);
if (location.hash.length > 1) follow(location.hash.slice(1));
