// Runs in gradio.HTML with element, props and watch. Writes the value that `answer_value` in widgets.py lays out, as text,
// and puts the presenter's percentages into gradio.Label, which would round 99.7 % to 100 %. One run at a time: Submit
// waits for the answer, and an answer for an image that the page no longer shows, or of a model that is no longer chosen,
// is put aside. The heat map belongs to the answer, so that it comes and goes with it.
const { gyrus } = window;
const verdict = element.querySelector(".verdict");
const room = element.closest("#label-row");
gyrus.states = props.states;
gyrus.model = props.first;

const FIGURE = /([<>]?\d+ %)/; // split() puts what the group matched at the odd indices

const write = (selector, text) => {
  const target = verdict.querySelector(selector);
  target.replaceChildren(...text.split(FIGURE).map((piece, index) => {
    if (index % 2 === 0) return piece;
    const figure = document.createElement("span"); // a number and its sign stay on one line
    figure.className = "figure";
    figure.textContent = piece;
    return figure;
  }));
  target.hidden = !text;
};

function correctNumbers() {
  const { percents, named } = props.value;
  room.classList.toggle("without-numbers", !percents.length);
  room.querySelectorAll(".confidence-set").forEach((row, index) => {
    if (index >= percents.length) return;
    row.tabIndex = -1; // Gradio makes each row a button that does nothing
    row.classList.toggle("named", named[index]);
    row.querySelector("meter").setAttribute("aria-valuetext", percents[index]);
    const [node] = Array.from(row.querySelector("dd").childNodes).filter((child) => child.nodeType === Node.TEXT_NODE);
    if (node && node.nodeValue !== percents[index]) node.nodeValue = percents[index];
  });
}

let run = 0;

// While an answer is on its way, the detail says how many images come first; the first question waits, as most answers are quick.
async function watchQueue(mine) {
  let arrival = 0;
  const isWaiting = () => mine === run && gyrus.reasons.has("running");
  for (;;) {
    await new Promise((resume) => setTimeout(resume, 700));
    if (!isWaiting()) return;
    const answer = await fetch(gyrus.address(`/page/queue?arrival=${arrival}`)).catch(() => null);
    if (!answer?.ok || !isWaiting()) return; // what the run itself meets is said by the run
    const position = await answer.json();
    if (!isWaiting()) return;
    arrival = position.arrival;
    if (verdict.dataset.tone === "busy") write(".detail", position.detail);
  }
}

function show() {
  const { running, image, asked, scan, prepared } = props.value;
  if (running) {
    gyrus.lock("running");
    watchQueue(run += 1);
  }
  const isAnswer = image !== undefined;
  const isPrepared = prepared !== undefined;
  if (isPrepared && prepared === gyrus.model) gyrus.reasons.delete("loading");
  const isLate = isAnswer && (image !== gyrus.image || asked !== gyrus.model || scan !== gyrus.scan);
  const isOver = isPrepared && (prepared !== gyrus.model || props.value.tone !== "error");
  if (isLate || isOver) props.value = gyrus.still();
  const { tone, sentence, detail, source, notes } = props.value;
  verdict.dataset.tone = tone;
  write(".sentence", sentence);
  write(".detail", detail);
  write(".source", source);
  const list = verdict.querySelector(".notes");
  list.replaceChildren(...notes.map((note) => {
    const item = document.createElement("li");
    item.textContent = note;
    return item;
  }));
  list.hidden = !notes.length;
  correctNumbers();
  gyrus.showPicture(props.value.volume?.picture);
  gyrus.showHeat(props.value.heatmap);
  gyrus.tell("answer", props.value);
  if (isAnswer) gyrus.reasons.delete("running");
  if (isAnswer || isPrepared) gyrus.update(); // last, because it may start the next run
}

watch("value", show);
new MutationObserver(correctNumbers).observe(room, { childList: true, subtree: true, characterData: true });
show();
