// What the page's widgets share: which image and which model are current, and why Submit has to wait. They tell one another
// by events: "gyrus-answer" (an answer is shown, or withdrawn), "gyrus-heat" (switch or slider moved), "gyrus-slice",
// "gyrus-picture" (another picture is shown) and "gyrus-sides" (another convention was chosen).
window.gyrus = {
  image: null, // the path of the upload that the page shows, or null; an answer for another one is out of date
  model: null, // the name of the chosen model; an answer of another one is out of date
  scan: 1, // which of an archive's scans; an answer for another one is out of date
  slices: 0, // how many the scan has, if it is a volume
  slice: 0, // the index of the one that viewer, plot and strip show
  convention: "radiological", // or "neurological", which mirrors what has the patient's right and left at its sides
  orientation: null, // of the picture that is shown, as the server sent it: the letters of its left, right, top and bottom edge
  heat: { visible: true, opacity: 0.6 },
  again: false, // the image was there before the model was chosen
  states: {}, // by model, what stands where the answer will be; verdict.js fills it
  reasons: new Set(),
  waiting: [],

  address(path) { // of a route of this server, which may stand behind a proxy's path
    const root = new URL(window.gradio_config?.root ?? ".", window.location.href).pathname.replace(/\/$/, "");
    return `${root}${path}`;
  },
  lock(reason) {
    this.reasons.add(reason);
    this.update();
  },
  unlock(reason) {
    this.reasons.delete(reason);
    this.update();
  },
  update() {
    const locked = this.reasons.size > 0;
    document.body.dataset.locks = Array.from(this.reasons).join(" ");
    const submit = document.querySelector("#submit"); // not "disabled", which would take the keyboard's focus away
    if (submit) submit.setAttribute("aria-disabled", String(locked));
    if (!locked) this.waiting.splice(0).forEach((task) => task());
  },
  isMirrored() {
    return this.convention === "neurological" && Boolean(this.orientation) && "RL".includes(this.orientation.left);
  },
  still() {
    const { idle, again, loading } = this.states[this.model];
    if (this.reasons.has("loading")) return loading;
    return this.image && this.again ? again : idle;
  },
  showHeat() {}, // heat.js puts its own here
  showPicture() {}, // picture.js
  showScans() {}, // scan.js
  tell(name, detail) {
    document.dispatchEvent(new CustomEvent(`gyrus-${name}`, { detail }));
  },
  select(index, by, point) { // index from 0; point: column and row to go to in the slice, if any
    if (index === this.slice && by === "viewer") return;
    this.slice = index;
    this.tell("slice", { index, by, point });
  },
  whenFree(task) {
    this.waiting.push(task);
    this.update();
  },
};
window.addEventListener("click", (event) => {
  if (!window.gyrus.reasons.size || !event.target.closest("#submit")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
// Gradio's tabs lack the arrow keys that a list of tabs has (WAI-ARIA Authoring Practices).
window.addEventListener("keydown", (event) => {
  const tab = event.target.closest('[role="tab"]');
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
  if (!tab || step === undefined) return;
  const tabs = Array.from(tab.closest('[role="tablist"]').querySelectorAll('[role="tab"]'));
  const position = tabs.indexOf(tab) + step;
  const next = Number.isFinite(step) ? tabs.at(position % tabs.length) : tabs.at(step < 0 ? 0 : -1);
  event.preventDefault();
  next.focus();
  next.click();
});
