// Runs in gradio.HTML with element and props. Shows what an answer says of a volume slice by slice: a plot, a slider along
// it, a strip of thumbnails and a table. Whatever moves to a slice does so with gyrus.select(), the viewer too.
const { gyrus } = window;
const section = element.querySelector(".slices");
const field = element.querySelector(".field");
const svg = element.querySelector("svg");
const slider = element.querySelector("input");
const here = element.querySelector(".here");
const strip = element.querySelector(".strip");
const table = element.querySelector(".slice-table");
let volume = null;

const find = (selector) => element.querySelector(selector);
const name = (index) => `${slider.getAttribute("aria-label")} ${index + 1}`;
const describe = (index) => {
  const { percent, remark } = volume.rows[index];
  return [name(index), percent, remark].filter(Boolean).join(", ");
};

function draw(tag, attributes, text = "") {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([key, value]) => shape.setAttribute(key, value));
  shape.textContent = text;
  return shape;
}

function cut(rows) { // the unbroken pieces of the line: a slice that does not count breaks it
  const pieces = [];
  rows.forEach(({ probability }, index) => {
    if (probability === null) return;
    const point = [index + 0.5, 100 - 100 * probability];
    const last = pieces[pieces.length - 1];
    if (index && rows[index - 1].probability !== null) last.push(point);
    else pieces.push([point]);
  });
  return pieces.map((points) => {
    const [[x, y]] = points;
    return points.length > 1 ? points : [[x - 0.3, y], [x + 0.3, y]];
  });
}

function plot() {
  const { rows, title, summary } = volume;
  svg.setAttribute("viewBox", `0 0 ${rows.length} 100`);
  const shapes = [draw("title", {}, title), draw("desc", {}, summary.join(" "))];
  rows.forEach(({ suspicious }, index) => {
    if (suspicious) shapes.push(draw("rect", { class: "suspicious", x: index, y: 0, width: 1, height: 100 }));
    if (suspicious) shapes.push(draw("rect", { class: "tick", x: index + 0.08, y: 96, width: 0.84, height: 4 }));
  });
  cut(rows).forEach((points) => {
    const line = points.map(([x, y]) => `${x} ${y}`).join("L");
    shapes.push(draw("path", { class: "area", d: `M${points[0][0]} 100L${line}L${points[points.length - 1][0]} 100Z` }));
    shapes.push(draw("path", { class: "line", d: `M${line}` }));
  });
  shapes.push(draw("path", { class: "half", d: `M0 50H${rows.length}` }));
  svg.replaceChildren(...shapes);
  section.style.setProperty("--count", rows.length);
  section.style.setProperty("--best", volume.best);
  slider.max = rows.length;
}

function thumbnail({ index, src, heat }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const frame = document.createElement("span");
  const image = document.createElement("img");
  const layer = document.createElement("span");
  const words = document.createElement("span");
  button.type = "button";
  button.dataset.index = index;
  button.setAttribute("aria-label", describe(index));
  frame.className = "thumbnail";
  image.src = src;
  image.alt = "";
  layer.className = "layer";
  if (heat) layer.style.backgroundImage = `url("${heat}")`;
  words.textContent = `${index + 1} · ${volume.rows[index].percent}`;
  frame.append(image, layer);
  button.append(frame, words);
  if (index === volume.best) {
    const mark = document.createElement("span");
    mark.className = "best-mark";
    mark.textContent = props.best;
    button.append(mark);
  }
  item.append(button);
  return item;
}

function fillTable() {
  const body = table.querySelector("tbody");
  if (!table.open || body.childElementCount) return;
  body.replaceChildren(...volume.rows.map(({ percent, remark }, index) => {
    const row = document.createElement("tr");
    [String(index + 1), percent, remark].forEach((text, column) => {
      const cell = document.createElement(column ? "td" : "th");
      if (!column) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  }));
}

function mark() {
  if (!volume || !volume.rows[gyrus.slice]) return;
  slider.value = gyrus.slice + 1;
  slider.setAttribute("aria-valuetext", describe(gyrus.slice));
  here.textContent = describe(gyrus.slice);
  section.style.setProperty("--here", gyrus.slice);
  strip.querySelectorAll("button").forEach((button) => {
    button.setAttribute("aria-pressed", String(Number(button.dataset.index) === gyrus.slice));
  });
}

function heat() {
  section.classList.toggle("without-heat", !gyrus.heat.visible);
  section.style.setProperty("--heat-opacity", gyrus.heat.opacity);
}

document.addEventListener("gyrus-answer", ({ detail }) => {
  volume = detail.volume && detail.volume.rows.length ? detail.volume : null;
  section.hidden = !volume;
  table.open = false;
  table.querySelector("tbody").replaceChildren();
  strip.replaceChildren();
  if (!volume) return;
  find("h2").textContent = volume.title;
  find(".summary").textContent = volume.summary.join(" ");
  find(".strip-title").textContent = volume.strip_title;
  plot();
  strip.replaceChildren(...volume.strip.map(thumbnail));
  heat();
  const best = volume.strip.find(({ index }) => index === volume.best);
  gyrus.select(volume.best, "answer", best && best.peak);
});
function face() {
  section.classList.toggle("mirrored", gyrus.isMirrored());
}

document.addEventListener("gyrus-picture", face);
document.addEventListener("gyrus-sides", face);
document.addEventListener("gyrus-slice", mark);
document.addEventListener("gyrus-heat", heat);
slider.addEventListener("input", () => gyrus.select(slider.value - 1, "slider"));
strip.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const index = Number(button.dataset.index);
  gyrus.select(index, "strip", volume.strip.find((one) => one.index === index).peak);
});
table.addEventListener("toggle", fillTable);

function point(event) {
  const { left, width } = field.getBoundingClientRect();
  const index = Math.floor(((event.clientX - left) / width) * volume.rows.length);
  gyrus.select(Math.max(0, Math.min(volume.rows.length - 1, index)), "plot");
}
field.addEventListener("pointerdown", (event) => {
  field.setPointerCapture(event.pointerId);
  point(event);
});
field.addEventListener("pointermove", (event) => field.hasPointerCapture(event.pointerId) && point(event));
