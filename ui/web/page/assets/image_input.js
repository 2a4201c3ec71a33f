// Runs in gradio.HTML with element, trigger, props and upload. Takes one file, sends it as it is, and reports
// "start", "upload", "refuse" or "fail". The newest file wins: an upload with an older number than `newest` keeps quiet.
// Several files, such as a series, are sent as the zip archive that they would be (without compression).
const { gyrus } = window;
const input = element.querySelector("input[type=file]");
let newest = 0;
let held = null; // the file that the page shows and the path of its upload, which the server keeps for so long

// The server removes an upload of which it hears nothing for 15 minutes, and one that it is told to forget at once.
const KEEP_MS = 4 * 60 * 1000;
const drop = (path) => navigator.sendBeacon(gyrus.address("/page/forget"), path);
const keep = async (path) => {
  const answer = await fetch(gyrus.address("/page/keep"), { method: "POST", body: path });
  return !answer.ok || (await answer.json()).kept;
};
async function check() { // after a long sleep the upload may be gone: it is sent again
  const mine = held;
  if (!mine) return;
  const kept = await keep(mine.path).catch(() => true);
  if (!kept && held === mine) take([mine.file]);
}
window.setInterval(check, KEEP_MS);
window.addEventListener("pageshow", (event) => event.persisted && check());
window.addEventListener("pagehide", (event) => held && !event.persisted && drop(held.path));

function forget() {
  newest += 1;
  if (held) drop(held.path);
  held = null;
  gyrus.image = null;
  gyrus.scan = 1;
  gyrus.again = false;
  gyrus.unlock("uploading");
  return newest;
}

const CRC = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function checksum(bytes) {
  let value = -1;
  for (const byte of bytes) value = CRC[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

function numbers(...pairs) { // of so many bytes each, the lowest first
  return Uint8Array.from(pairs.flatMap(([size, value]) => Array.from({ length: size }, (_, at) => (value >>> (8 * at)) & 255)));
}

async function pack(files) { // https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3
  const entries = [];
  const directory = [];
  let offset = 0;
  for (const [index, file] of files.entries()) {
    const taken = files.slice(0, index).some((other) => other.name === file.name);
    const name = new TextEncoder().encode(taken ? `${index + 1}-${file.name}` : file.name);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const about = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, checksum(bytes)], [4, bytes.length], [4, bytes.length], [2, name.length], [2, 0]];
    entries.push(numbers([4, 0x04034b50], ...about), name, bytes);
    directory.push(numbers([4, 0x02014b50], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), name);
    offset += 30 + name.length + bytes.length;
  }
  const size = directory.reduce((sum, record) => sum + record.length, 0);
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]);
  return new File([...entries, ...directory, end], `${files.length} files.zip`);
}

async function take(given, thenSubmit = false) {
  const mine = forget();
  gyrus.lock("uploading");
  props.value = null;
  trigger("start");
  const files = Array.from(given);
  try {
    if (files.reduce((sum, one) => sum + one.size, 0) > props.max_bytes) {
      trigger("refuse");
      return;
    }
    const file = files.length > 1 ? await pack(files) : files[0];
    if (mine !== newest) return;
    const { path, url } = await upload(file);
    if (mine === newest) await keep(path);
    if (mine !== newest) {
      drop(path);
      return;
    }
    held = { file, path };
    gyrus.image = path;
    props.value = {
      path, url, orig_name: file.name, size: file.size, mime_type: file.type, is_stream: false,
      meta: { _type: "gradio.FileData" },
    };
    trigger("upload");
  } catch (error) {
    if (mine === newest) trigger("fail");
    return;
  } finally {
    if (mine === newest) gyrus.unlock("uploading");
  }
  if (thenSubmit) gyrus.whenFree(() => mine === newest && document.querySelector("#submit").click());
}

input.addEventListener("change", () => {
  if (input.files.length) take(input.files);
  input.value = ""; // so that the same file can be chosen again
});
document.addEventListener("gyrus-example", (event) => take([event.detail], true));
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
  if (event.dataTransfer.files.length) take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const files = event.clipboardData ? event.clipboardData.files : [];
  if (!files.length) return;
  event.preventDefault();
  take(files);
});
