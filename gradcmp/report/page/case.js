/* A case, built from its facts when it is opened. */
"use strict";

function build(details) {
  if ($(".body", details)) return;
  const facts = JSON.parse(details.nextElementSibling.textContent);
  const body = make("div", { class: "body" });
  body.append(
    make(
      "section",
      { "aria-label": "Verdict" },
      cases.length > 1 && answer(facts.answer),
      facts.rule && make("p", { class: "note" }, facts.rule),
      facts.said.length > 0 &&
        make(
          "ul",
          { class: "said" },
          facts.said.map(([mark, text]) => make("li", { class: mark !== "-" && mark }, text)),
        ),
    ),
    ...facts.failures.map(failure),
  );
  const tensors = new Map(facts.tensors.map((tensor) => [tensor.name, tensor]));
  const blocks = new Map();
  const open = (name) => {
    const block = [name, `d ${name}`]
      .map((each) => blocks.get(each))
      .filter(Boolean)
      .sort((one, other) => rank(other) - rank(one))[0];
    if (block) {
      block.open = true;
      block.scrollIntoView({ block: "nearest" });
      $("summary", block).focus();
    }
  };
  const rank = (block) => "awd".indexOf(block.dataset.mark);
  const yaml = make(
    "figure",
    {},
    make("figcaption", {}, facts.place ? `The case (${facts.place})` : "The case"),
    make("pre", { tabindex: 0 }, facts.yaml),
  );
  body.append(
    make(
      "section",
      { class: "two", "aria-label": "Graph and case" },
      facts.graph.length > 0 && graphFigure(facts, tensors, open),
      yaml,
    ),
  );
  if (facts.pairs.length > 1) body.append(triangle(facts));
  if (facts.tensors.length) body.append(tensorSection(facts, details, blocks));
  if (facts.backends.length) body.append(backends(facts));
  details.append(body);
}

/** The answer, as it stands under the big word of a page of one case. */
function answer({ title, lines }) {
  const piece = ([text, marked]) => (marked ? make("mark", {}, text) : text);
  const parts = (line) =>
    line.parts.flatMap((part) => [
      part.before,
      make("span", { class: part.wrong && "off" }, part.pieces.map(piece)),
    ]);
  return make(
    "div",
    { class: "answer" },
    make("p", { class: "lead" }, title),
    make(
      "dl",
      {},
      lines.map((line) =>
        make(
          "div",
          {},
          make("dt", {}, line.label),
          make("dd", {}, line.command ? make("code", {}, line.parts[0].pieces[0][0]) : parts(line)),
        ),
      ),
    ),
  );
}

function failure(lost) {
  return make(
    "section",
    { class: "failure", "aria-label": `${lost.backend} ${lost.kind}` },
    make("p", {}, make("b", {}, lost.backend), ` ${lost.kind}: ${lost.message}`),
    lost.stderr &&
      make(
        "details",
        { class: "plain", open: true },
        make("summary", {}, "what it wrote last"),
        make("pre", { tabindex: 0 }, lost.stderr),
      ),
  );
}

function graphFigure(facts, tensors, open) {
  const figure = make(
    "figure",
    {},
    make("figcaption", {}, "The graph: left → the value, right ← the gradient"),
  );
  const holder = make("div", { class: "graph" });
  const marks = "-auwd";
  const draw = (chosen) => {
    const verdict = (name) => {
      const signs = tensors.get(name)?.signs ?? "-";
      return chosen < 0
        ? marks[Math.max(...[...signs].map((sign) => marks.indexOf(sign)))]
        : (signs[chosen] ?? "-");
    };
    const firsts = new Set(
      facts.firsts
        .filter(([pair]) => chosen < 0 || pair === chosen)
        .slice(0, 1)
        .flatMap(([, ...names]) => names),
    );
    holder.replaceChildren(drawGraph(facts.graph, verdict, (name) => firsts.has(name), open));
  };
  if (facts.pairs.length > 1) {
    const select = make(
      "select",
      {},
      make("option", { value: -1 }, "the worst of all pairs"),
      facts.pairs.map((pair, i) => make("option", { value: i }, pairName(pair))),
    );
    select.addEventListener("change", () => draw(Number(select.value)));
    figure.append(make("p", { class: "units" }, make("label", {}, "Verdicts of ", select)));
  }
  figure.append(holder);
  draw(facts.pairs.length > 1 ? -1 : 0);
  return figure;
}
