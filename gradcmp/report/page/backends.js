/* The backends of a case: each against each other one, their timings, what differs between them. */
"use strict";

/** Each backend against each other one: what was a column a pair is a cell. */
function triangle(facts) {
  const labels = facts.backends.map((backend) => backend.label);
  const found = new Map(
    facts.pairs.flatMap((pair, i) => [
      [pair.join("\n"), i],
      [[...pair].reverse().join("\n"), i],
    ]),
  );
  const where = make("p", { class: "where", "aria-live": "polite" });
  const cells = [];
  const rows = labels.slice(1).map((label, r) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, label),
      labels.slice(0, -1).map((other, c) => {
        const i = c <= r ? found.get(`${label}\n${other}`) : undefined;
        const [letter, text] = facts.cells[i] ?? ["n", "not compared"];
        const cell =
          c <= r
            ? make("td", { class: letter, tabindex: -1 }, text)
            : make("td", { class: "none" });
        cell.dataset.said =
          c <= r ? `${i == null ? `${label} – ${other}` : pairName(facts.pairs[i])}: ${text}` : "";
        cells.push(c <= r && cell);
        return cell;
      }),
    ),
  );
  const grid = make(
    "table",
    { class: "matrix narrow triangle" },
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "col" }, ""),
        labels.slice(0, -1).map((label) => make("th", { scope: "col" }, make("span", {}, label))),
      ),
    ),
    make("tbody", {}, rows),
  );
  const say = (event) => {
    const said = event.target.closest("td")?.dataset.said;
    if (said) where.textContent = said;
  };
  grid.addEventListener("pointerover", say);
  grid.addEventListener("focusin", say);
  move(
    grid,
    () => cells,
    () => labels.length - 1,
  );
  if (cells[0]) cells[0].tabIndex = 0;
  return make(
    "section",
    { "aria-label": "Pairs" },
    make("h3", {}, "Backend by backend"),
    make("div", { class: "wide" }, grid),
    where,
  );
}

function backends(facts) {
  const phases = [...new Set(facts.backends.flatMap((backend) => Object.keys(backend.timings)))];
  const most = Math.max(
    ...facts.backends.flatMap((backend) => Object.values(backend.timings).map(Number)),
    1e-9,
  );
  const ms = (seconds) => `${Number((1e3 * seconds).toPrecision(3))}`;
  const timings = table(
    "Timings, in milliseconds",
    ["backend", "dtype", ...phases],
    facts.backends.map((backend) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, backend.label),
        make("td", { class: "text" }, backend.dtype || "–"),
        phases.map((phase) => {
          if (backend.timings[phase] == null) return make("td", {}, "–");
          const bar = make("span", { class: "bar", "aria-hidden": "true" });
          bar.style.width = `${Math.max((60 * backend.timings[phase]) / most, 1)}px`;
          return make("td", {}, ms(backend.timings[phase]), bar);
        }),
      ),
    ),
    [1],
  );
  const keys = [
    ...new Set(facts.backends.flatMap((backend) => Object.keys(backend.environment))),
  ].sort();
  const said = (key) => facts.backends.map((backend) => backend.environment[key]);
  const differs = (key) => new Set(said(key).filter((text) => text != null)).size > 1;
  const environment = (caption, some, of) =>
    some.length > 0 &&
    table(
      caption,
      ["", ...of],
      some.map((key) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, key),
          said(key)
            .slice(0, of.length)
            .map((text) => make("td", { class: "text" }, text ?? "–")),
        ),
      ),
      d3.range(1, of.length + 1),
    );
  const labels = facts.backends.map((backend) => backend.label);
  const [odd, same] = [keys.filter(differs), keys.filter((key) => !differs(key))];
  return make(
    "section",
    { "aria-label": "Backends" },
    make("h3", {}, "Backends"),
    timings,
    environment("Environment: what differs", odd, labels),
    same.length > 0 &&
      make(
        "details",
        { class: "plain" },
        make("summary", {}, `environment: ${same.length} that do not differ`),
        environment(null, same, labels),
      ),
  );
}
