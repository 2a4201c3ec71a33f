// Runs in gradio.HTML with element. Lays the heat map that `heatmap_value` in widgets.py lays out over the picture. Switch
// and slider keep their positions from one answer to the next; they change the layer in the browser and ask nobody.
const section = element.querySelector(".heat");
const sentence = element.querySelector(".heat-sentence");
const visible = element.querySelector("#heat-switch");
const opacity = element.querySelector("#heat-opacity");
let src = "";
let words = {}; // by whether the picture is mirrored

function paint() {
  const layer = document.querySelector("#picture .layer");
  if (!layer) return;
  layer.hidden = !src || !visible.checked;
  layer.style.backgroundImage = src ? `url("${src}")` : "";
  layer.style.opacity = opacity.value / 100;
  section.style.setProperty("--heat-opacity", opacity.value / 100); // the colour bar shows what the layer shows
  opacity.disabled = !visible.checked;
  window.gyrus.heat = { visible: visible.checked, opacity: opacity.value / 100 };
  window.gyrus.tell("heat");
}

function word() {
  sentence.textContent = words[window.gyrus.isMirrored()] || "";
}

window.gyrus.showHeat = (heatmap) => {
  src = heatmap ? heatmap.src : "";
  section.hidden = !heatmap;
  section.classList.toggle("drawn", Boolean(src));
  words = heatmap ? { false: heatmap.sentence, true: heatmap.sentence_mirrored } : {};
  word();
  paint();
};
document.addEventListener("gyrus-sides", word);
visible.addEventListener("change", paint);
opacity.addEventListener("input", paint);
