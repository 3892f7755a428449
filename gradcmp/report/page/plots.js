/* What is drawn as SVG: the histogram of ULP and the graph of a case. Names come in as data and go
   out as text nodes only. */
"use strict";

const SIGNS = { a: "✓", w: "!", d: "✗", u: "?", "-": "" };
const WORDS = {
  a: "agrees",
  w: "agrees with a warning",
  d: "disagrees",
  u: "not given",
  "-": "not compared",
};

/** Draw how many elements lie how many ULP apart, in octaves; counts on a logarithmic scale. */
function histogram(octaves) {
  const size = { width: 420, height: 170, left: 44, right: 8, top: 8, bottom: 38 };
  const names = octaves.map((_, i) => (i === 0 ? "<1" : octave(i)));
  const x = d3
    .scaleBand(d3.range(octaves.length), [size.left, size.width - size.right])
    .padding(0.15);
  const most = Math.max(d3.max(octaves), 1);
  const y = d3.scaleSymlog([0, most], [size.height - size.bottom, size.top]).constant(0.5);
  const svg = d3
    .create("svg")
    .attr("viewBox", [0, 0, size.width, size.height])
    .attr("width", size.width)
    .attr("height", size.height)
    .attr("role", "img")
    .attr(
      "aria-label",
      `Histogram: ${octaves
        .map((n, i) => n && `${n} elements ${names[i]} ULP apart`)
        .filter(Boolean)
        .join("; ")}`,
    );
  const every = Math.ceil(octaves.length / 9);
  const ticks = d3
    .range(0, Math.ceil(Math.log10(most)) + 1)
    .map((n) => 10 ** n)
    .filter((n) => n <= most);
  svg
    .append("g")
    .attr("class", "axis")
    .attr("transform", `translate(0,${size.height - size.bottom})`)
    .call(
      d3
        .axisBottom(x)
        .tickValues(d3.range(0, octaves.length, every))
        .tickFormat((i) => names[i])
        .tickSizeOuter(0),
    );
  svg
    .append("g")
    .attr("class", "axis")
    .attr("transform", `translate(${size.left},0)`)
    .call(
      d3
        .axisLeft(y)
        .tickValues([0, ...ticks])
        .tickFormat(d3.format("~s"))
        .tickSizeOuter(0),
    );
  svg
    .append("text")
    .attr("class", "formula")
    .attr("x", size.width - size.right)
    .attr("y", size.height - 4)
    .attr("text-anchor", "end")
    .text("ULP apart");
  svg
    .append("g")
    .selectAll("rect")
    .data(octaves)
    .join("rect")
    .attr("class", "bar-octave")
    .attr("x", (_, i) => x(i))
    .attr("width", x.bandwidth())
    .attr("y", (n) => y(n))
    .attr("height", (n) => y(0) - y(n))
    .append("title")
    .text((n, i) => `${n} elements ${names[i]} ULP apart`);
  return svg.node();
}

/** Name an octave by where it begins: 1, 2, 4 …, then powers of two. */
function octave(i) {
  return i <= 10
    ? String(2 ** (i - 1))
    : `2${[...String(i - 1)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")}`;
}

let drawn = 0; // graphs: each has an arrow head of its own

/** Draw a graph: each node with its verdict forward (left) and backward (right).
 *  nodes: [name, formula, names that it reads]; verdict(name) and first(name) are asked for both
 *  `node` and `d node`; open(name) is called for what is chosen. */
function drawGraph(nodes, verdict, first, open) {
  const WIDTH = (node) =>
    Math.max(150, Math.min(300, 7.2 * Math.max(node[0].length + 2, node[1].length) + 66));
  const HEIGHT = 46;
  const byName = new Map(nodes.map((node) => [node[0], node]));
  const read = new Set(nodes.flatMap((node) => node[2]));
  const links = nodes.flatMap((node) => node[2].map((from) => [from, node[0]]));
  const loose = nodes
    .filter((node) => !node[2].length && !read.has(node[0]))
    .map((node) => [node[0], node[0]]);
  const dag = d3.graphConnect().single(true)([...links, ...loose]);
  const layout = d3
    .sugiyama()
    .nodeSize((n) => [WIDTH(byName.get(n.data)), HEIGHT])
    .gap([26, 36])
    .layering(d3.layeringLongestPath())
    .decross(d3.decrossTwoLayer())
    .coord(nodes.length > 60 ? d3.coordGreedy() : d3.coordSimplex());
  const { width, height } = layout(dag);
  const pad = 20;
  const svg = d3
    .create("svg")
    .attr("viewBox", [-pad, -pad, width + 2 * pad, height + 2 * pad])
    .attr("width", width + 2 * pad)
    .attr("height", height + 2 * pad)
    .attr("role", "group")
    .attr("aria-label", `Graph of ${nodes.length} inputs and nodes`);
  const arrow = `arrow${drawn++}`;
  svg
    .append("defs")
    .append("marker")
    .attr("id", arrow)
    .attr("viewBox", "0 0 8 8")
    .attr("refX", 7)
    .attr("refY", 4)
    .attr("markerWidth", 7)
    .attr("markerHeight", 7)
    .attr("orient", "auto")
    .append("path")
    .attr("d", "M0,0L8,4L0,8Z");
  const line = d3.line().curve(d3.curveBumpY);
  svg
    .append("g")
    .attr("aria-hidden", "true")
    .selectAll("path")
    .data([...dag.links()].filter((link) => link.source !== link.target))
    .join("path")
    .attr("class", "edge")
    .attr("marker-end", `url(#${arrow})`)
    .attr("d", ({ points }) =>
      line(
        points.map(([x, y], i) => [
          x,
          y + (i === 0 ? HEIGHT / 2 : i === points.length - 1 ? -HEIGHT / 2 - 1 : 0),
        ]),
      ),
    );
  const group = svg
    .append("g")
    .selectAll("g")
    .data([...dag.nodes()])
    .join("g")
    .attr("transform", (n) => `translate(${n.x},${n.y})`)
    .attr("tabindex", 0)
    .attr("role", "button")
    .on("click", (_, n) => open(n.data))
    .on("keydown", (event, n) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        open(n.data);
      }
    });
  group.each(function (n) {
    const [name, formula] = byName.get(n.data);
    const w = WIDTH(byName.get(name)),
      h = HEIGHT;
    const marks = [verdict(name), verdict(`d ${name}`)];
    const flags = [
      first(name) && "first to part, forward",
      first(`d ${name}`) && "first to part, backward",
    ].filter(Boolean);
    const g = d3
      .select(this)
      .attr("class", flags.length ? "node first" : "node")
      .attr(
        "aria-label",
        [
          `${name} = ${formula}`,
          `value ${WORDS[marks[0]]}`,
          `gradient ${WORDS[marks[1]]}`,
          ...flags,
        ].join(", "),
      );
    g.append("rect")
      .attr("class", "frame")
      .attr("x", -w / 2)
      .attr("y", -h / 2)
      .attr("width", w)
      .attr("height", h)
      .attr("rx", 9);
    marks.forEach((mark, side) => {
      const half = g
        .append("g")
        .attr("class", mark === "-" ? "n" : mark)
        .attr("transform", `translate(${(side ? 1 : -1) * (w / 2 - 15)},0)`);
      half
        .append("rect")
        .attr("class", "half")
        .attr("x", -11)
        .attr("y", -18)
        .attr("width", 22)
        .attr("height", 36)
        .attr("rx", 6);
      half
        .append("text")
        .attr("class", "half-sign")
        .attr("y", -2)
        .text(SIGNS[mark] || "·");
      half
        .append("text")
        .attr("class", "half-sign")
        .attr("y", 12)
        .text(side ? "←" : "→");
    });
    const room = Math.floor((w - 62) / 6.8);
    g.append("text")
      .attr("class", "title")
      .attr("text-anchor", "middle")
      .attr("y", -3)
      .text(short(name, room));
    g.append("text")
      .attr("class", "formula")
      .attr("text-anchor", "middle")
      .attr("y", 13)
      .text(short(formula, room));
    if (flags.length)
      g.append("text")
        .attr("class", "flag")
        .attr("text-anchor", "middle")
        .attr("y", -h / 2 - 5)
        .text(flags.join("; "));
    g.append("title").text(
      `${name} = ${formula}\nvalue ${WORDS[marks[0]]}, gradient ${WORDS[marks[1]]}`,
    );
  });
  return svg.node();
}

function short(text, room) {
  return text.length <= room ? text : `${text.slice(0, Math.max(room - 1, 1))}…`;
}
