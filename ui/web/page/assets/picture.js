// Runs in gradio.HTML with element, trigger, props and watch. Shows the value that `picture_value` in widgets.py lays out,
// unless it was made of an image that the page no longer shows. Of a volume it reports "look", which fetches the viewer.
const { gyrus } = window;
const figure = element.querySelector("figure");
const img = figure.querySelector("img");
const caption = figure.querySelector("figcaption");
const message = element.querySelector(".picture-message");
const frame = figure.querySelector(".frame");
const letters = figure.querySelector(".letters");
let shown = props.value;

function face() {
  const { orientation } = gyrus;
  letters.hidden = !orientation;
  frame.classList.toggle("mirrored", gyrus.isMirrored());
  if (!orientation) return;
  const { left, right, top, bottom } = orientation;
  const edges = gyrus.isMirrored() ? { left: right, right: left, top, bottom } : orientation;
  ["left", "right", "top", "bottom"].forEach((edge) => { letters.querySelector(`.${edge}`).textContent = edges[edge]; });
}

function write({ state, src, alt, caption: words, message: problem, orientation, ratio }) {
  figure.dataset.state = state;
  img.hidden = !src;
  if (src) img.src = src;
  else img.removeAttribute("src");
  img.alt = alt;
  caption.textContent = words;
  message.textContent = problem;
  gyrus.orientation = orientation;
  letters.style.setProperty("--ratio", ratio);
  face();
}

function show() {
  const { image, scan } = props.value;
  if (image && (image !== gyrus.image || (scan || gyrus.scan) !== gyrus.scan)) {
    props.value = shown;
    return;
  }
  shown = props.value;
  gyrus.slices = shown.slices || 0;
  write(shown);
  gyrus.tell("picture");
  gyrus.showScans(shown.scans || []);
  if (gyrus.slices) trigger("look");
}

gyrus.showPicture = (value) => value && write(value); // the slice that an answer is about; it belongs to the image on show
document.addEventListener("gyrus-sides", face);
watch("value", show);
show();
