// The run: requests are sent two at a time, so that one is on its way while the other is answered; their rows are kept
// here, and nowhere else. Stop drops the connections, which stops the server. Rows that came stay, and what was not
// finished is sent again by "Go on".
const { gyrus } = window;
const AT_ONCE = 2;
const start = root.querySelector("#batch-start");
const clear = root.querySelector("#batch-clear");
const progress = root.querySelector(".batch-progress");
const bar = progress.querySelector(".bar");
const spoken = root.querySelector(".batch-spoken");
const problem = root.querySelector(".batch-error");
const inputs = Array.from(root.querySelectorAll("input[type=file]"));
const files = new Map(); // by path; a File is a name for what lies on the disk, not its content
let requests = [];
let blocks = []; // what came: {request, position, order, rows, csv, jsonl, counts}
let run = null; // of the rows that are here: model, head, times
let running = null; // the AbortController of a run that is on its way
let planning = false;
let done = 0;

root.querySelector(".batch-limits").textContent = props.limits;

const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
const isShown = () => element.offsetParent !== null;
const total = () => requests.reduce((sum, request) => sum + request.files, 0);

async function ask(path, content, signal) {
  let answer;
  try {
    answer = await fetch(window.gyrus.address(path), {
      method: "POST", body: content, signal, headers: { "Gyrus-Page": props.key_of_page, "Content-Type": "application/octet-stream" },
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The program could not be reached. Check the connection, then go on.");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error || `The program answered with the status ${answer.status}.`);
}

async function add(found) {
  const wanted = found.filter(({ path }) => !isHidden(path));
  if (!wanted.length || running || planning) return;
  if (total() + wanted.length > props.max_files) {
    fail(`A batch of at most ${count(props.max_files, "file")} is accepted; received ${count(total() + wanted.length, "file")}. `
      + "The command line takes any number.");
    return;
  }
  fail("");
  planning = true;
  show(`Looking at ${count(wanted.length, "file")}…`);
  const named = wanted.map(({ path, file }) => {
    let free = path;
    for (let number = 2; files.has(free); number += 1) free = path.replace(/(\.[^./]*)?$/, (suffix) => ` (${number})${suffix}`);
    files.set(free, file);
    return { path: free, file };
  });
  requests.push(...await plan(named, total()));
  planning = false;
  show();
}

function fail(sentence) {
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

function forget() {
  if (running) running.abort();
  running = null;
  requests = [];
  done = 0;
  files.clear();
  drop(() => false);
  fail("");
  spoken.textContent = "";
  show();
}

function drop(keep) { // rows of requests that will be sent again
  blocks = blocks.filter(keep);
  rows = blocks.flatMap((block) => block.rows);
  if (!blocks.length) run = null;
  body.replaceChildren();
  showRows();
}

async function go() {
  fail("");
  if (run && run.model !== gyrus.model) {
    requests.forEach((request) => { request.done = false; });
    run = null;
  }
  drop((block) => block.request.done);
  run = run || { model: gyrus.model, head: null, began: new Date(), ended: null, duration_s: 0 };
  const waiting = requests.filter((request) => !request.done);
  const mine = new AbortController();
  running = mine;
  done = total() - waiting.reduce((sum, request) => sum + request.files, 0);
  const begun = { at: performance.now(), done, duration_s: run.duration_s };
  speak(`Started. ${count(total() - done, "file")}.`);
  show();
  const clock = window.setInterval(() => tick(begun), 500);
  const work = async () => {
    while (waiting.length && !mine.signal.aborted) await send(waiting.shift(), mine.signal);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } catch (error) {
    if (!mine.signal.aborted && error.name !== "AbortError") fail(error.message);
    mine.abort();
  }
  window.clearInterval(clock);
  if (running !== mine) return; // cleared meanwhile
  running = null;
  if (run) run.ended = new Date();
  tick(begun);
  const left = total() - done;
  speak(left ? `Stopped. ${count(left, "file")} left.` : `Done. ${summarise()}`);
}

async function send(request, signal) {
  const answer = await ask(`/batch/rows?${new URLSearchParams({ model: run.model })}`, buildBody(request), signal)
    .catch(async (error) => {
      if (signal.aborted || !await leaveOutLost(request)) throw error;
      return ask(`/batch/rows?${new URLSearchParams({ model: run.model })}`, buildBody(request), signal);
    });
  const before = { key: "", files: 0 };
  let counted = 0;
  let ended = false;
  for await (const line of readLines(answer.body)) {
    if (signal.aborted) return;
    if (line.failed) throw new Error(line.failed);
    if (line.end) ended = true;
    else if (line.version) begin(line);
    else {
      take(request, line);
      const key = `${line.item} ${line.name}`;
      if (key !== before.key) { // the file before is answered
        done += before.files;
        counted += before.files;
        Object.assign(before, { key, files: line.counts.files });
      }
    }
  }
  if (!ended) throw new Error("The program broke off. What came is kept; go on for the rest.");
  request.done = true;
  done += request.files - counted; // hidden files, and those that had no row of their own
}

function begin(line) { // each request's answer begins with the same
  if (run.head) return;
  run.head = line;
  setTable(line);
}

async function leaveOutLost(request) { // a file that was moved or changed since it was chosen spoils the whole request
  let lost = 0;
  for (const entry of request.entries.filter(({ sent }) => sent)) {
    await entry.file.slice(0, 1).arrayBuffer().catch(() => { entry.sent = false; lost += 1; });
  }
  return lost > 0;
}

async function* readLines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done: over } = await reader.read();
    if (over) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

function take(request, line) {
  const entry = request.entries[line.item];
  const position = (line.name ? entry.copies[line.name - 1] : entry).position;
  const block = {
    request, position, counts: line.counts, csv: new Blob([line.csv]), jsonl: new Blob([line.jsonl]), rows: line.rows,
  };
  const notes = Map.groupBy ? Map.groupBy(line.notes, ([path]) => path) : new Map(line.notes.map((note) => [note[0], [note]]));
  block.rows.forEach((row) => {
    row.block = block;
    row.notes = (notes.get(row.path) ?? []).map(([, note]) => note);
  });
  const at = blocks.findLastIndex((one) => one.position <= position) + 1;
  blocks.splice(at, 0, block);
  take.changed = true;
}

function tick(begun) {
  if (!run) return;
  const seconds = (performance.now() - begun.at) / 1000;
  run.duration_s = begun.duration_s + seconds;
  if (take.changed) rows = blocks.flatMap((block) => block.rows);
  take.changed = false;
  const rate = (done - begun.done) / seconds;
  const left = rate > 0 ? (total() - done) / rate : NaN;
  const words = [`${done.toLocaleString("en")} of ${count(total(), "file")}`];
  if (running) {
    if (rate > 0) words.push(`${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second`);
    if (left > 0) words.push(`${wordTime(left)} left`);
    const quarter = Math.floor((4 * done) / total());
    if (quarter > (run.quarter || 0) && quarter < 4) speak(`${25 * quarter} % done.`);
    run.quarter = quarter;
  } else {
    words.push(summarise());
  }
  showRows();
  show(words.join(", "));
}

const wordTime = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

function summarise() {
  const counts = countUp();
  const sizes = rows.filter((row) => row.slice === null)
    .reduce((sums, { group }) => sums.set(group, (sums.get(group) || 0) + 1), new Map());
  const found = Array.from(groups, ([group, word]) => [group === "error" ? counts.errors : sizes.get(group), word.toLowerCase()])
    .concat([[counts.not_images, "not images"]])
    .filter(([number]) => number).map(([number, word]) => `${number.toLocaleString("en")} ${word}`);
  return `${found.join(", ") || "no answers"}.`;
}

function addUp(sums, counts) {
  Object.entries(counts).forEach(([name, value]) => {
    if (typeof value === "object") sums[name] = addUp(sums[name] || {}, value);
    else sums[name] = (sums[name] || 0) + value;
  });
  return sums;
}

const countUp = () => blocks.reduce((sums, block) => addUp(sums, block.counts), {
  cases: 0, files: 0, slices: 0, volumes: 0, errors: 0, duplicates: 0, not_images: 0, verdicts: {}, confident_labels: {},
});

function speak(sentence) {
  spoken.textContent = sentence;
}

function show(status) {
  const waiting = requests.some((request) => !request.done);
  const isOther = Boolean(run && run.model !== gyrus.model);
  const isPartly = waiting && blocks.length > 0;
  start.textContent = running ? "Stop" : isOther ? "Start again" : isPartly ? "Go on" : "Start";
  start.classList.toggle("stop", Boolean(running));
  start.setAttribute("aria-disabled", String(!running && (planning || !(waiting || isOther))));
  clear.setAttribute("aria-disabled", String(!requests.length || planning));
  root.classList.toggle("running", Boolean(running));
  inputs.forEach((input) => { input.disabled = Boolean(running) || planning; });
  progress.hidden = !requests.length && !planning;
  bar.hidden = !run;
  bar.setAttribute("aria-valuemax", String(total()));
  bar.setAttribute("aria-valuenow", String(done));
  bar.firstElementChild.style.width = `${total() ? (100 * done) / total() : 0}%`;
  if (status) progress.querySelector(".batch-status").textContent = status;
  else if (!run) progress.querySelector(".batch-status").textContent = `${count(total(), "file")} chosen.`;
}

function describe() { // the sidecar of `python -m inference --out`
  const counts = countUp();
  const sort = (figures) => Object.fromEntries(Object.entries(figures).sort(([a], [b]) => compare(a, b)));
  const stamp = (date) => date.toISOString().replace(/\.\d+Z$/, "+00:00");
  return {
    program: "gyrus", version: run.head.version, complete: requests.every((request) => request.done),
    settings: run.head.settings, started: stamp(run.began), ended: stamp(run.ended || new Date()),
    duration_s: Number(run.duration_s.toFixed(3)),
    counts: { ...counts, verdicts: sort(counts.verdicts), confident_labels: sort(counts.confident_labels) },
  };
}

function download(kind) {
  if (!blocks.length) return;
  const parts = {
    csv: () => [run.head.csv_header, ...blocks.map((block) => block.csv)],
    jsonl: () => blocks.map((block) => block.jsonl),
    json: () => [`${JSON.stringify(describe(), null, 2)}\n`],
  }[kind]();
  const link = make("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: kind === "csv" ? "text/csv" : "application/json" }));
  link.download = `gyrus-batch.${kind}`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

start.addEventListener("click", () => {
  if (running) running.abort();
  else if (start.getAttribute("aria-disabled") !== "true") go();
});
clear.addEventListener("click", () => clear.getAttribute("aria-disabled") !== "true" && forget());
root.querySelector(".batch-downloads").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) download(button.dataset.download);
});
inputs.forEach((input) => input.addEventListener("change", () => {
  const found = Array.from(input.files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
  input.value = "";
  add(found);
}));
document.addEventListener("change", (event) => event.target.closest("#model-picker") && !running && show());
window.addEventListener("beforeunload", (event) => running && event.preventDefault());

// While this tab is shown, what is dropped or pasted is meant for it and not for the other one.
const depth = { now: 0 };
const catchFiles = (kind, react) => window.addEventListener(kind, (event) => {
  const transfer = event.dataTransfer || event.clipboardData;
  if (!isShown() || !transfer || !Array.from(transfer.types).includes("Files")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  react(transfer);
  root.classList.toggle("dragging", depth.now > 0);
}, true);
catchFiles("dragenter", () => { depth.now += 1; });
catchFiles("dragleave", () => { depth.now = Math.max(0, depth.now - 1); });
catchFiles("dragover", () => {});
catchFiles("drop", (transfer) => { depth.now = 0; readTransfer(transfer).then(add); });
catchFiles("paste", (transfer) => { add(Array.from(transfer.files, (file) => ({ path: file.name, file }))); });
show();
