/* The tensors of a case: a table of all, and of each a view for each pair that is drawn. */
"use strict";

function tensorSection(facts, details, blocks) {
  const section = make("section", { "aria-label": "Tensors" }, make("h3", {}, "Tensors"));
  const heads = [
    "tensor",
    "verdict",
    "worst pair",
    "disagree",
    "worst at",
    "difference",
    "relative",
    "ULP",
    "allowed",
    "× allowed",
  ];
  const shown = facts.tensors.filter((tensor) => tensor.views.length);
  section.append(
    table(
      null,
      heads,
      shown
        .map((tensor) => {
          const view = tensor.views[0];
          const link = make("a", { href: permalink(details, tensor.name) }, tensor.name);
          return make(
            "tr",
            {},
            make("th", { scope: "row" }, link),
            make("td", { class: `text mark ${view.sign}` }, view.reason),
            make("td", { class: "text" }, pairName(view.names)),
            view.row.map((cell) => make("td", {}, cell)),
            make("td", {}, figure(view.excess)),
          );
        })
        .concat(
          facts.unknown.map(([pair, label, name]) =>
            make(
              "tr",
              {},
              make("th", { scope: "row" }, name),
              make("td", { class: "text mark u" }, "unknown"),
              make("td", { class: "text" }, pairName(facts.pairs[pair])),
              make("td", { class: "text", colspan: 7 }, `${label} did not give it`),
            ),
          ),
        ),
      [1, 2],
    ),
  );
  let opened = 0;
  for (const tensor of shown) {
    const view = tensor.views[0];
    const block = make(
      "details",
      { class: "tensor", "data-name": tensor.name, "data-mark": view.sign },
      make(
        "summary",
        {},
        make("b", {}, tensor.name),
        make(
          "span",
          { class: `mark ${view.sign}` },
          `${view.sign === "d" ? "disagrees" : view.sign === "w" ? "agrees, with a warning" : "agrees"}: ${view.reason}`,
        ),
      ),
      make(
        "a",
        {
          class: "link",
          href: permalink(details, tensor.name),
          "aria-label": `Link to ${tensor.name}`,
        },
        "#",
      ),
    );
    block.addEventListener("toggle", () => block.open && buildTensor(block, tensor, facts));
    blocks.set(tensor.name, block);
    section.append(block);
    if (view.sign === "d" && opened++ < 3) {
      block.open = true;
      buildTensor(block, tensor, facts);
    }
  }
  if (facts.unknown_left)
    section.append(
      make(
        "p",
        { class: "note" },
        `${facts.unknown_left} more tensors were given by one side alone: of these nothing is known.`,
      ),
    );
  if (facts.left)
    section.append(
      make(
        "p",
        { class: "note" },
        `${facts.left} more comparisons are not drawn, to keep the file small.`,
      ),
    );
  return section;
}

function buildTensor(block, tensor, facts) {
  if ($(".view", block)) return;
  const view = make("div", { class: "view" });
  const show = (i) =>
    view.replaceChildren(
      ...(tensor.views.length > 1 ? [chooser(tensor, i, show)] : []),
      ...drawView(tensor, tensor.views[i], facts),
    );
  show(0);
  block.append(view);
}

function chooser(tensor, chosen, show) {
  const select = make(
    "select",
    {},
    tensor.views.map((view, i) =>
      make("option", { value: i, selected: i === chosen }, pairName(view.names)),
    ),
  );
  select.addEventListener("change", () => {
    const place = select.closest(".view");
    show(Number(select.value));
    $("select", place).focus();
  });
  return make("p", {}, make("label", {}, "Pair ", select));
}

function drawView(tensor, view, facts) {
  const pair = pairName(view.names);
  const parts = [make("p", {}, view.said), make("p", { class: "units" }, `rule ${view.rule}`)];
  const aside = make("div", { class: "aside" });
  const drawn = make("div", { class: "drawn" });
  if (view.maps) {
    const [grid, readout] = maps(tensor.name, pair, view, facts);
    drawn.append(grid);
    aside.append(readout);
  } else
    parts.push(
      make(
        "p",
        { class: "units" },
        view.row[1] === ""
          ? "There are no elements to draw."
          : "Its heat map found no room in this file.",
      ),
    );
  if (view.octaves.length) {
    const counts = view.octaves
      .map((n, i) => [i ? `from ${octave(i)}` : "less than 1", n])
      .filter(([, n]) => n);
    aside.append(
      make(
        "figure",
        {},
        make("figcaption", {}, "Elements by distance in ULP"),
        histogram(view.octaves),
        view.nonfinite > 0 &&
          make("p", { class: "units" }, `${view.nonfinite} more are NaN or infinite on one side.`),
        make(
          "details",
          { class: "plain" },
          make("summary", {}, "as a table"),
          table(
            null,
            ["ULP apart", "elements"],
            counts.map(([name, n]) =>
              make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(n))),
            ),
          ),
        ),
      ),
    );
  }
  if (aside.childElementCount) drawn.append(aside);
  parts.push(drawn);
  return parts;
}
