// Which files there are, in which order, and which go together in one request. The order is that of `python -m inference`
// on the same folder: of each folder the files by name, then its DICOM files, then the folders below it.
const CHUNK_FILES = 16; // the server classifies so many pictures together
const CHUNK_BYTES = 16 * 2 ** 20;
const LOOK_AT_ONCE = 64;

const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));
const compare = (a, b) => (a < b ? -1 : Number(a > b));
const folderOf = (path) => path.slice(0, path.lastIndexOf("/") + 1);

function compareFolders(a, b) { // a folder stands before those below it
  const [left, right] = [a.split("/"), b.split("/")];
  const index = left.findIndex((piece, position) => piece !== right[position]);
  return index < 0 ? left.length - right.length : compare(left[index], right[index] ?? "");
}

function compareEntries(a, b) {
  return compareFolders(folderOf(a.path), folderOf(b.path)) || a.dicom - b.dicom || compare(a.path, b.path);
}

// True also for a few files that are no DICOM files: the server looks closer, and where it is wrong only the order differs.
function mayBeDicom(head) {
  if (head.length < 132) return false;
  if (String.fromCharCode(...head.slice(128, 132)) === "DICM") return true;
  const isText = head[4] >= 65 && head[4] <= 90 && head[5] >= 65 && head[5] <= 90;
  if (head[0] === 0 && head[1] === 8) return isText;
  return (head[0] === 2 || head[0] === 8) && head[1] === 0 && (isText || (head[4] <= 64 && !head[5] && !head[6] && !head[7]));
}

async function look(entry) {
  try {
    entry.dicom = mayBeDicom(new Uint8Array(await entry.file.slice(0, 132).arrayBuffer()));
  } catch (error) {
    entry.sent = false; // it is gone, or may not be read; its row says so
  }
}

async function hash(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Copies are sent once, under all their names. Only files of one size can be copies. A page that came over plain HTTP
// from another machine has no crypto.subtle: there, copies are answered one by one.
async function joinCopies(entries) {
  if (!window.crypto.subtle) return entries;
  const bySize = Map.groupBy
    ? Map.groupBy(entries, (entry) => entry.file.size)
    : entries.reduce((map, entry) => map.set(entry.file.size, [...(map.get(entry.file.size) ?? []), entry]), new Map());
  const copies = new Set();
  for (const same of bySize.values()) {
    const firsts = new Map();
    for (const entry of same.length > 1 ? same : []) {
      if (entry.dicom || !entry.sent || !entry.file.size) continue;
      const digest = await hash(entry.file).catch(() => null);
      const first = digest && firsts.get(digest);
      if (first) {
        first.copies.push(entry);
        copies.add(entry);
      } else if (digest) firsts.set(digest, entry);
    }
  }
  return entries.filter((entry) => !copies.has(entry));
}

// Of files that were chosen or dropped, `{path, file}`, the requests that are to be sent, in order.
async function plan(found, begin) {
  const entries = found.map(({ path, file }) => ({
    path, file, dicom: false, sent: file.size <= props.max_bytes, copies: [], position: 0,
  }));
  for (let at = 0; at < entries.length; at += LOOK_AT_ONCE) await Promise.all(entries.slice(at, at + LOOK_AT_ONCE).map(look));
  entries.sort(compareEntries);
  entries.forEach((entry, index) => {
    const before = entries[index - 1];
    const together = before && entry.dicom && before.dicom && folderOf(entry.path) === folderOf(before.path);
    entry.position = together ? before.position : begin + index; // series come in the server's order
  });
  const requests = [];
  let open = null;
  for (const entry of await joinCopies(entries)) {
    const bytes = entry.sent ? entry.file.size : 0;
    const together = entry.dicom ? `${entry.position}` : "";
    const isFull = !open || open.together !== together
      || (!entry.dicom && (open.entries.length >= CHUNK_FILES || open.bytes + bytes > CHUNK_BYTES));
    if (isFull) {
      open = { together, entries: [], bytes: 0, files: 0, done: false };
      requests.push(open);
    }
    open.entries.push(entry);
    open.bytes += bytes;
    open.files += 1 + entry.copies.length;
  }
  return requests;
}

function buildBody(request) {
  const { entries } = request;
  if (entries[0].dicom && (request.bytes > props.max_request_bytes || entries.length > props.max_request_files)) {
    const names = [folderOf(entries[0].path).replace(/\/$/, "") || "These files"];
    const item = { names, size_bytes: request.bytes, sent: false, files: Math.max(entries.length, 2) };
    return new Blob([`${JSON.stringify({ items: [item] })}\n`]);
  }
  const items = entries.map(({ path, file, sent, copies }) => ({
    names: [path, ...copies.map((copy) => copy.path)], size_bytes: file.size, sent,
  }));
  return new Blob([`${JSON.stringify({ items })}\n`, ...entries.filter(({ sent }) => sent).map(({ file }) => file)]);
}

async function readEntry(entry, found) { // of what was dropped; a folder gives its entries a hundred at a time
  if (entry.isFile) {
    const file = await new Promise((resolve) => { entry.file(resolve, () => resolve(null)); });
    if (file) found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => { reader.readEntries(resolve, () => resolve([])); });
    if (!some.length || found.length > props.max_files) return;
    for (const one of some) await readEntry(one, found);
  }
}

async function readTransfer(transfer) {
  const items = Array.from(transfer.items).filter((item) => item.kind === "file");
  const entries = items.map((item) => (item.webkitGetAsEntry ? item.webkitGetAsEntry() : null)); // now, not after a wait
  const files = Array.from(transfer.files);
  const found = [];
  if (!entries.some(Boolean)) return files.map((file) => ({ path: file.name, file }));
  for (const entry of entries) if (entry) await readEntry(entry, found);
  return found;
}
