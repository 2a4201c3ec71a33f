// Runs in gradio.HTML with element, props and watch. Writes the value that `answer_value` in parts.py lays out, as text,
// and puts the presenter's percentages into gradio.Label, which would round 99.7 % to 100 %. One run at a time: Submit
// waits for the answer, and an answer for an image that the page no longer shows is put aside. The heat map is a part of
// the answer, so that it comes and goes with it.
const { gyrus } = window;
const verdict = element.querySelector(".verdict");
const room = element.closest("#label-row");
const idle = props.value;

const FIGURE = /([<>]?\d+ %)/; // split() puts what the group matched at the odd places

const write = (selector, text) => {
  const target = verdict.querySelector(selector);
  target.replaceChildren(...text.split(FIGURE).map((part, index) => {
    if (index % 2 === 0) return part;
    const figure = document.createElement("span"); // a number and its sign stay on one line
    figure.className = "figure";
    figure.textContent = part;
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

function show() {
  if (props.value.tone === "busy") gyrus.lock("running");
  const isAnswer = props.value.image !== undefined;
  if (isAnswer && props.value.image !== gyrus.image) props.value = idle;
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
  gyrus.showHeat(props.value.heatmap);
  if (isAnswer) gyrus.unlock("running");
}

watch("value", show);
new MutationObserver(correctNumbers).observe(room, { childList: true, subtree: true, characterData: true });
show();
