// Runs in gradio.HTML with element, props and watch. Shows a volume in three planes with NiiVue, which is fetched from this
// server when the first volume comes. It is linked with plot and strip by slice indices: `affine` leads from (column, row,
// slice) of the slices as they were read to millimetres, `inverse` back.
const { gyrus } = window;
const stage = element.querySelector(".viewer");
const message = element.querySelector(".viewer-message");
let viewer = null; // of NiiVue
let loading = null;
let open = null; // the value that is shown
let heat = ""; // of the answer, in base64
let colors = [];
let busy = Promise.resolve(); // one thing at a time is done with the viewer

const apply = (matrix, [x, y, z]) =>
  [0, 4, 8].map((row) => matrix[row] * x + matrix[row + 1] * y + matrix[row + 2] * z + matrix[row + 3]);

function fetchViewer() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = gyrus.address(props.source);
    script.onload = resolve;
    script.onerror = () => {
      loading = null;
      reject(new Error("The viewer could not be fetched."));
    };
    document.head.append(script);
  });
  return loading;
}

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

function hide() {
  open = null;
  stage.hidden = true;
  say("");
}

const isCurrent = ({ image, scan }) => image && image === gyrus.image && scan === gyrus.scan;

async function start() {
  await fetchViewer();
  viewer = new window.niivue.Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [0.37, 0.81, 0.77, 0.8],
    crosshairWidth: 1,
    crosshairGap: 6,
    fontColor: [0.75, 0.79, 0.83, 1],
    multiplanarPadPixels: 6,
    showAllOrientationMarkers: true,
    sagittalNoseLeft: true, // as in the picture
    multiplanarShowRender: 0, // SHOW_RENDER.NEVER
    dragAndDropEnabled: false, // a file that is dropped here is for the page
    scrollRequiresFocus: true, // the wheel scrolls the page until the viewer is clicked
    viewModeHotKey: "",
    clipPlaneHotKey: "",
    loadingText: "",
    logLevel: "error",
  });
  viewer.onLocationChange = ({ mm }) => {
    if (open) gyrus.select(Math.max(0, Math.min(open.slices - 1, Math.round(apply(open.inverse, mm)[2]))), "viewer");
  };
  await viewer.attachToCanvas(element.querySelector("canvas"), false);
}

async function show(value) {
  if (!isCurrent(value)) return;
  if (!document.createElement("canvas").getContext("webgl2")) {
    say(props.words.none);
    return;
  }
  stage.hidden = false; // before it starts, because it asks for its size
  try {
    if (!viewer) await start();
    viewer.volumes.slice().forEach((volume) => viewer.removeVolume(volume));
    face(value);
    const { NVImage } = window.niivue;
    viewer.addVolume(await NVImage.loadFromBase64({ base64: value.voxels, name: "volume.nii.gz", cal_min: 0, cal_max: 255 }));
  } catch (error) {
    hide();
    say(props.words.none);
    return;
  }
  if (!isCurrent(value)) {
    stage.hidden = true;
    return;
  }
  open = value;
  say(value.placed ? "" : props.words.unplaced);
  if (!heat) gyrus.slice = Math.floor(value.slices / 2);
  await showHeat();
  go({ index: gyrus.slice });
  stage.dataset.shown = value.slices;
}

function face({ placed, radiological }) { // what does not say where its sides are is shown as it was read, without letters
  viewer.opts.isRadiologicalConvention = placed ? gyrus.convention === "radiological" : radiological;
  viewer.opts.isOrientationTextVisible = placed;
  stage.dataset.convention = placed ? gyrus.convention : "";
}

async function showHeat() {
  if (!open) return;
  viewer.volumes.slice(1).forEach((volume) => viewer.removeVolume(volume));
  if (heat) {
    const channel = (index) => colors.map((color) => color[index]);
    const levels = colors.map((_, index) => Math.round((255 * index) / (colors.length - 1)));
    viewer.addColormap("evidence", { R: channel(0), G: channel(1), B: channel(2), A: channel(3), I: levels });
    const map = await window.niivue.NVImage.loadFromBase64({
      base64: heat, name: "heat.nii.gz", colormap: "evidence", cal_min: 0, cal_max: 255,
    });
    viewer.addVolume(map);
    viewer.setModulationImage(map.id, map.id, 1); // otherwise the weakest evidence hides as much as the strongest
  }
  fade();
}

function fade() {
  viewer.overlayAlphaShader = gyrus.heat.visible ? gyrus.heat.opacity : 0;
  viewer.drawScene();
  stage.dataset.heat = viewer.volumes.length > 1 ? String(viewer.overlayAlphaShader) : "";
}

function go({ index, point }) {
  if (!open) return;
  const [column, row] = point || apply(open.inverse, viewer.frac2mm(viewer.scene.crosshairPos));
  viewer.scene.crosshairPos = viewer.mm2frac(apply(open.affine, [column, row, index]));
  viewer.drawScene();
  stage.dataset.slice = index + 1;
}

function next(task) {
  busy = busy.then(task, task);
}

watch("value", () => {
  const { value } = props;
  if (!value.image) hide();
  else if (value.voxels) next(() => show(value));
  else if (isCurrent(value)) say(value.message || "");
});
document.addEventListener("gyrus-answer", ({ detail: { volume } }) => {
  const before = heat;
  heat = (volume && volume.heat) || "";
  colors = (volume && volume.colors) || [];
  if (heat !== before) next(showHeat);
});
document.addEventListener("gyrus-slice", ({ detail }) => {
  if (detail.by !== "viewer") go(detail);
  else stage.dataset.slice = detail.index + 1;
});
document.addEventListener("gyrus-sides", () => {
  if (!open) return;
  face(open);
  viewer.setRadiologicalConvention(viewer.opts.isRadiologicalConvention); // draws anew
});
document.addEventListener("gyrus-heat", () => {
  if (open) fade();
});
