// Runs in gradio.HTML with element, props and watch. Shows the value that `picture_value` in parts.py lays out, unless
// it was made of an image that the page no longer shows.
const figure = element.querySelector("figure");
const img = figure.querySelector("img");
const caption = figure.querySelector("figcaption");
const message = element.querySelector(".picture-message");
let shown = props.value;

function show() {
  if (props.value.image && props.value.image !== window.gyrus.image) {
    props.value = shown;
    return;
  }
  shown = props.value;
  figure.dataset.state = shown.state;
  img.hidden = !shown.src;
  if (shown.src) img.src = shown.src;
  else img.removeAttribute("src");
  img.alt = shown.alt;
  caption.textContent = shown.caption;
  message.textContent = shown.message;
}

watch("value", show);
show();
