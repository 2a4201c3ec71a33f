// Runs in gradio.HTML with element, trigger, props and upload. Takes one file, sends it as it is, and reports
// "start", "upload", "refuse" or "fail". The newest file wins: `ticket` tells an overtaken upload to keep quiet.
const { gyrus } = window;
const input = element.querySelector("input[type=file]");
let ticket = 0;

function forget() {
  ticket += 1;
  gyrus.image = null;
  gyrus.again = false;
  gyrus.unlock("uploading");
  return ticket;
}

async function take(file, thenSubmit = false) {
  const mine = forget();
  gyrus.lock("uploading");
  props.value = null;
  trigger("start");
  try {
    if (file.size > props.max_bytes) {
      trigger("refuse");
      return;
    }
    const { path, url } = await upload(file);
    if (mine !== ticket) return;
    gyrus.image = path;
    props.value = {
      path, url, orig_name: file.name, size: file.size, mime_type: file.type, is_stream: false,
      meta: { _type: "gradio.FileData" },
    };
    trigger("upload");
  } catch (error) {
    if (mine === ticket) trigger("fail");
    return;
  } finally {
    if (mine === ticket) gyrus.unlock("uploading");
  }
  if (thenSubmit) gyrus.whenFree(() => mine === ticket && document.querySelector("#submit").click());
}

input.addEventListener("change", () => {
  if (input.files.length) take(input.files[0]);
  input.value = ""; // so that the same file can be chosen again
});
document.addEventListener("gyrus-example", (event) => take(event.detail, true));
document.addEventListener("click", (event) => event.target.closest("#clear") && forget(), true);

const hasFiles = (transfer) => transfer && Array.from(transfer.types).includes("Files");
let depth = 0;
const dragging = (on) => document.body.classList.toggle("dragging-file", on);
document.addEventListener("dragenter", (event) => {
  if (hasFiles(event.dataTransfer)) { depth += 1; dragging(true); }
});
document.addEventListener("dragleave", (event) => {
  if (hasFiles(event.dataTransfer)) { depth = Math.max(0, depth - 1); dragging(depth > 0); }
});
document.addEventListener("dragover", (event) => {
  if (hasFiles(event.dataTransfer)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  depth = 0;
  dragging(false);
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const files = event.clipboardData ? event.clipboardData.files : [];
  if (!files.length) return;
  event.preventDefault();
  take(files[0]);
});
