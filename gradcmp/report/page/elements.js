/* What every part of the page is made of. Everything that comes from a case is set as text, never
   as markup. */
"use strict";

const $ = (selector, under = document) => under.querySelector(selector);
const $$ = (selector, under = document) => [...under.querySelectorAll(selector)];
const LEVELS = JSON.parse($("#levels").textContent).map(([most, sign, meaning]) => ({
  most: Number(most),
  sign,
  meaning,
}));

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
const table = (caption, heads, body, texts = []) =>
  make(
    "div",
    { class: "wide" },
    make(
      "table",
      { class: "figures" },
      caption && make("caption", {}, caption),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          heads.map((head, i) =>
            make("th", { scope: "col", class: texts.includes(i) && "text" }, head),
          ),
        ),
      ),
      make("tbody", {}, body),
    ),
  );
const figure = (number) =>
  number == null
    ? ""
    : Number.isFinite(number)
      ? d3
          .format(Math.abs(number) >= 1e5 || (number && Math.abs(number) < 1e-3) ? ".3~e" : ".4~g")(
            number,
          )
          .replace("e+", "e")
          .replace("\u2212", "-")
      : String(number);
const pairName = (pair) => `${pair[0]} – ${pair[1]}`;
const level = (excess) => {
  const found = LEVELS.findIndex((one) => Number(excess) <= one.most);
  return found < 0 ? LEVELS.length - 1 : found;
};

/** Let the arrow keys, Home and End move the focus through a grid with one tab stop. */
function move(grid, cells, width) {
  grid.addEventListener("keydown", (event) => {
    const all = cells(),
      here = all.indexOf(event.target),
      wide = width();
    if (here < 0) return;
    const column = here % wide;
    const to = {
      ArrowRight: column < wide - 1 && here + 1,
      ArrowLeft: column > 0 && here - 1,
      ArrowDown: here + wide,
      ArrowUp: here - wide,
      Home: here - column,
      End: here - column + wide - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to === false || !all[to]) return;
    all[here].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  });
}
