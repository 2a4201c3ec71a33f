// Runs in gradio.HTML with element and props. Offers the conventions; the choice redraws what is shown in the browser and asks
// nobody. It stands there where the patient's right and left are in the picture, or in one of a volume's three planes.
const { gyrus } = window;
const box = element.querySelector(".sides");
const select = element.querySelector("select");

function show() {
  const { orientation, slices } = gyrus;
  box.hidden = !orientation || !("RL".includes(orientation.left) || slices > 1);
}

gyrus.convention = props.value;
select.value = props.value;
select.addEventListener("change", () => {
  props.value = select.value; // a report that is saved shows the same
  gyrus.convention = select.value;
  gyrus.tell("sides");
});
document.addEventListener("gyrus-picture", show);
show();
