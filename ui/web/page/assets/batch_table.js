// The table: which rows are shown, in which order, and the picture behind one. Text only ever goes in as textContent.
// Of many rows a page is in the document at a time; an element that stands in its position already is not touched, so that the
// keyboard's focus stays while rows come in.
const PAGE_ROWS = 200;
const root = element.querySelector(".batch");
const body = root.querySelector("tbody");
const head = root.querySelector("thead tr");
const filter = root.querySelector("#batch-filter");
const each = root.querySelector("#batch-slices");
const more = root.querySelector(".batch-more");
const collator = new Intl.Collator("en", { numeric: true });
const sorting = { key: "", down: false };
let groups = new Map(); // what rows are filtered by, and what each is called; the model's
let columns = [];
let rows = []; // all of them, in the order in which files stand
let room = PAGE_ROWS;

const ROLES = { tr: "row", td: "cell", th: "columnheader" };
const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  if (ROLES[tag]) made.setAttribute("role", ROLES[tag]); // small screens lay the table out as cards, which takes its roles away
  return made;
};

const SORTED_BY = {
  path: (row) => row.path,
  slice: (row) => row.slice ?? (row.volume ? row.volume.slices : null),
  answer: (row) => row.answer,
  probability: (row) => row.probability,
  group: rankGroup,
};

// The most suspicious rows first where the model gives findings, else in the order of the verdicts.
function rankGroup(row) {
  return row.finding_probability === null ? 2 + [...groups.keys()].indexOf(row.group) : 1 - row.finding_probability;
}

// Heads and filter in the words of the model that answers; what was sorted and filtered stays if it is there again.
function setTable(words) {
  groups = new Map(words.groups);
  columns = words.columns.map(([key]) => key);
  head.replaceChildren(...words.columns.map(([key, name]) => {
    const cell = make("th", `col-${key}`);
    const button = make("button", "", name);
    cell.scope = "col";
    button.type = "button";
    button.dataset.key = key;
    cell.append(button);
    return cell;
  }));
  root.classList.toggle("with-findings", columns.indexOf("group") < columns.indexOf("answer"));
  const chosen = filter.value;
  filter.replaceChildren(...[["", words.filter], ...groups].map(([value, word]) => {
    const option = make("option", "", word);
    option.value = value;
    return option;
  }));
  filter.value = groups.has(chosen) ? chosen : "";
  markSorted();
}

function compareRows(a, b) {
  const [left, right] = [SORTED_BY[sorting.key](a), SORTED_BY[sorting.key](b)];
  if (left === null || right === null) return Number(left === null) - Number(right === null); // what has none comes last
  const order = typeof left === "string" ? collator.compare(left, right) : left - right;
  return sorting.down ? -order : order;
}

// A series of files that came without a folder has no name of its own.
const wordPath = (row) => (row.path === "." ? "the chosen files" : row.path);

function wordSlice(row) {
  if (row.slice !== null) return String(row.slice);
  return row.volume ? `all ${row.volume.slices}` : "";
}

function buildRow(row) {
  const line = make("tr");
  line.dataset.tone = row.tone;
  const file = make("td", "col-path");
  const name = make("button", "", wordPath(row));
  name.type = "button";
  name.setAttribute("aria-expanded", "false");
  file.append(name);
  if (row.series) file.append(make("span", "series", row.series));
  const cells = {
    path: file,
    slice: make("td", "col-slice", wordSlice(row)),
    answer: make("td", "col-answer", row.answer),
    probability: make("td", "col-probability", row.percent),
    group: make("td", "col-group", groups.get(row.group)),
  };
  line.append(...columns.map((key) => cells[key]));
  line.addEventListener("click", () => !String(window.getSelection()) && toggle(row));
  row.line = line;
}

function toggle(row) {
  if (row.opened) {
    row.opened.remove();
    row.opened = null;
  } else {
    row.opened = buildLook(row);
  }
  row.line.querySelector("button").setAttribute("aria-expanded", String(Boolean(row.opened)));
  showRows();
}

function buildLook(row) {
  const line = make("tr", "batch-look");
  const cell = make("td");
  cell.colSpan = columns.length;
  const inner = make("div", "look");
  const frame = make("div", "look-frame");
  const words = make("div", "look-words");
  words.append(make("p", "sentence", row.sentence));
  if (row.detail) words.append(make("p", "detail", row.detail));
  row.notes.forEach((note) => words.append(make("p", "detail", note)));
  inner.append(frame, words);
  cell.append(inner);
  line.append(cell);
  const source = findSource(row);
  if (!source) {
    frame.remove();
    return line;
  }
  frame.append(make("p", "detail", "Reading the picture…"));
  showPicture(source).then((src) => {
    const picture = make("img");
    picture.src = src;
    picture.alt = `The picture ${wordPath(row)}${source.slice ? `, slice ${source.slice}` : ""}`;
    frame.replaceChildren(picture);
  }, (error) => frame.replaceChildren(make("p", "detail", error.message)));
  if (!source.inside && !row.volume && row.slice === null) {
    const open = make("button", "push", "Open in One image");
    open.type = "button";
    open.addEventListener("click", (event) => {
      event.stopPropagation();
      document.querySelector("#one-image-button").click();
      document.dispatchEvent(new CustomEvent("gyrus-example", { detail: source.file }));
    });
    words.append(open);
  }
  return line;
}

// Where the picture behind a row is: a file, what is inside it, and the slice. Of a volume it is the slice that shows it best.
function findSource(row) {
  let from = row;
  if (row.volume) {
    const at = row.block.rows.indexOf(row);
    from = row.volume.best_slice && row.block.rows.slice(0, at).findLast((one) => one.slice === row.volume.best_slice);
  } else if (row.tone === "error" || row.tone === "left_out") return null;
  if (!from) return null;
  const parts = from.path.split("/");
  for (let count = parts.length; count > 0; count -= 1) {
    const file = files.get(parts.slice(0, count).join("/"));
    if (file) return { file, inside: parts.slice(count).join("/"), slice: from.slice };
  }
  return null;
}

async function showPicture({ file, inside, slice }) {
  const query = new URLSearchParams({ convention: gyrus.convention, ...(inside && { inside }), ...(slice && { slice }) });
  const answer = await ask(`/batch/picture?${query}`, file);
  return (await answer.json()).src;
}

function showRows() {
  const hasSlices = rows.some((row) => row.slice !== null);
  const hasVolumes = rows.some((row) => row.volume);
  root.classList.toggle("with-slices", hasVolumes);
  root.querySelector(".batch-each").hidden = !hasSlices;
  const wanted = rows.filter((row) => (each.checked || row.slice === null) && (!filter.value || row.group === filter.value));
  if (sorting.key) wanted.sort(compareRows);
  let present = body.firstElementChild;
  for (const row of wanted.slice(0, room)) {
    if (!row.line) buildRow(row);
    for (const line of row.opened ? [row.line, row.opened] : [row.line]) {
      if (line === present) present = present.nextElementSibling;
      else body.insertBefore(line, present);
    }
  }
  while (present) {
    const next = present.nextElementSibling;
    present.remove();
    present = next;
  }
  const shown = Math.min(room, wanted.length);
  more.querySelector("span").textContent = shown < wanted.length || filter.value
    ? `${shown.toLocaleString("en")} of ${wanted.length.toLocaleString("en")} rows are shown.` : "";
  more.querySelector("button").hidden = shown === wanted.length;
  root.querySelector(".batch-results").hidden = !rows.length;
}

function sortBy(key) {
  sorting.down = sorting.key === key && !sorting.down;
  sorting.key = key;
  markSorted();
  showRows();
}

function markSorted() {
  Array.from(head.children).forEach((cell) => {
    const isKey = cell.querySelector("button").dataset.key === sorting.key;
    if (isKey) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
}

root.querySelector("thead").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) sortBy(button.dataset.key);
});
[filter, each].forEach((control) => control.addEventListener("change", () => { room = PAGE_ROWS; showRows(); }));
more.querySelector("button").addEventListener("click", () => { room += PAGE_ROWS; showRows(); });
