/* The heat map of one comparison, and what is read out of it. */
"use strict";

/** The maps of a comparison, one at a time: of an array with more than two axes, two are chosen.
 *  Returns the places of the map and of the readout. */
function maps(name, pair, view, facts) {
  const all = view.maps.map((text) => JSON.parse(text));
  const [drawn, read] = [make("div"), make("div")];
  const show = (i) => {
    const [grid, readout] = heat(name, pair, view, facts, all[i]);
    drawn.replaceChildren(grid);
    read.replaceChildren(readout);
  };
  show(0);
  if (all.length === 1) return [drawn, read];
  const options = all.map(({ axes }, i) => make("option", { value: i }, axesNamed(axes)));
  const select = make("select", {}, options);
  select.addEventListener("change", () => show(Number(select.value)));
  const chooser = make("p", { class: "axes" }, make("label", {}, "Axes ", select));
  return [make("div", {}, chooser, drawn), read];
}

const named = (axes) =>
  `${axes.length === 1 ? "axis" : "axes"} ${axes.length > 2 ? `${axes[0]}–${axes.at(-1)}` : axes.join(" and ")}`;

/** Name the axes that go down and across; of the others a tile shows the worst. */
function axesNamed([down, across, worst]) {
  const over = worst.length ? `, the worst along ${named(worst)}` : "";
  return `${named(down)} down, ${named(across)} across${over}`;
}

/** A map: a table whose cells are moved through with the arrow keys, and a readout beside. */
function heat(name, pair, view, facts, map) {
  const { shape, axes, down, across, unit, units, excess, at, beyond, values, less } = map;
  const [height, width] = [down.length - 1, across.length - 1];
  const whole = !at;
  const flat = (i) => (whole ? i : at[i]);
  const place = (i) => {
    let rest = flat(i);
    const index = [];
    for (const n of [...shape].reverse()) {
      index.unshift(rest % n);
      rest = Math.floor(rest / n);
    }
    return index.length ? `[${index.join(",")}]` : "the number";
  };
  const range = (edges, i, each = 1) => {
    const [from, to] = [edges[i] / each, edges[i + 1] / each - 1];
    return to > from ? `${from}–${to}` : `${from}`;
  };
  const size = `${shape.join("×") || "a single number"}`;
  const caption = whole
    ? `${name}, ${size}`
    : `${name}, ${size}, drawn as ${height}×${width} tiles: each shows its worst element, and a line for the share that fails`;
  const laid = shape.length > 2 ? `; ${axesNamed(axes)}` : "";
  const grid = make(
    "table",
    { class: "heat", role: "grid", "aria-label": `${caption}, ${pair}${laid}` },
    make("caption", {}, caption),
  );
  grid.style.setProperty("--cell", `${width > 16 ? 15 : width > 8 ? 20 : 28}px`);
  if (whole)
    grid.append(
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          make("td", { "aria-hidden": "true" }),
          d3
            .range(width)
            .map((i) =>
              make(
                "th",
                { scope: "col" },
                width <= 16 || i % 4 === 0 ? range(across, i, unit) : "",
              ),
            ),
        ),
      ),
    );
  const body = make("tbody");
  const cells = [];
  const elements = (r, c) => (down[r + 1] - down[r]) * (across[c + 1] - across[c]);
  for (let r = 0; r < height; r++) {
    const row = make("tr", {}, make("th", { scope: "row" }, range(down, r)));
    for (let c = 0; c < width; c++) {
      const i = r * width + c,
        step = level(excess[i]);
      const cell = make(
        "td",
        {
          class: `l${step}`,
          tabindex: -1,
          "aria-label": `${place(i)}: ${figure(excess[i])} × allowed`,
        },
        LEVELS[step].sign,
      );
      cell.dataset.i = i;
      if (beyond?.[i]) {
        cell.classList.add("share");
        cell.style.setProperty("--share", beyond[i] / elements(r, c));
      }
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
    const tile = whole
      ? ""
      : `, the worst of rows ${range(down, r)}, columns ${range(across, c, unit)}, where ${beyond[i]} of ${elements(r, c)} are beyond what is allowed`;
    out.textContent = `${name} ${place(i)}: ${figure(excess[i])} × allowed${tile}`;
    read.replaceChildren(
      out,
      table(
        null,
        ["backend", "value", `less ${reference}`],
        facts.backends.map((backend, b) => {
          const mine = values[b]?.[i],
            difference = less[b]?.[i] ?? "";
          const marks = [
            facts.pairs[view.pair].includes(backend.label) && "of",
            view.wrong.includes(backend.label) && "off",
          ]
            .filter(Boolean)
            .join(" ");
          return make(
            "tr",
            { class: marks || false },
            make("th", { scope: "row" }, backend.label),
            make("td", {}, mine == null ? "–" : String(mine)),
            make("td", {}, String(difference)),
          );
        }),
      ),
      make(
        "p",
        { class: "units" },
        "Values have the digits that tell them apart in their own dtype; differences are those of the exact numbers.",
      ),
    );
  };
  const index = (event) => event.target.closest("td[data-i]")?.dataset.i;
  grid.addEventListener("pointerover", (event) => {
    const i = index(event);
    if (i != null) show(Number(i));
  });
  grid.addEventListener("focusin", (event) => {
    const i = index(event);
    if (i != null) show(Number(i));
  });
  move(
    grid,
    () => cells,
    () => width,
  );
  cells[worst].tabIndex = 0;
  show(worst);
  const scale = make(
    "ul",
    { class: "scale", "aria-label": "Scale, in tolerances" },
    LEVELS.map((one, i) =>
      make(
        "li",
        {},
        make("span", { class: `l${i}`, "aria-hidden": "true" }, one.sign),
        one.meaning,
      ),
    ),
  );
  return [
    make("div", { class: "heatbox" }, grid, scale, make("p", { class: "units" }, units)),
    read,
  ];
}
