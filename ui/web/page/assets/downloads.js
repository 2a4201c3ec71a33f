// Runs in gradio.HTML with element, trigger, props and watch. Reports "save" for the kind of file that is wanted, and hands
// over what the server made of it: nothing is kept there, so the file is a Blob of this page.
const { gyrus } = window;
const box = element.querySelector(".downloads");
const buttons = Array.from(element.querySelectorAll("button"));
const status = element.querySelector(".saved");
let waiting = false;

function wait(on) {
  waiting = on;
  buttons.forEach((button) => button.setAttribute("aria-disabled", String(on)));
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-kind]");
  if (!button || waiting) return;
  wait(true);
  status.textContent = props.words.busy;
  props.value = { image: gyrus.image, kind: button.dataset.kind };
  trigger("save");
});

watch("value", () => {
  const { image, content, sentence, file_name: name, media_type: type } = props.value;
  if (content === undefined || !waiting) return; // the wish itself, or an answer that was withdrawn
  wait(false);
  status.textContent = sentence;
  if (!content || image !== gyrus.image) return;
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  status.textContent = props.words.saved[name];
  props.value = { image };
});

document.addEventListener("gyrus-answer", ({ detail: { saves = [] } }) => {
  wait(false);
  status.textContent = "";
  box.hidden = !saves.length;
  buttons.forEach((button) => { button.hidden = !saves.includes(button.dataset.kind); });
});
