// Runs in gradio.HTML with element, trigger, props and watch. Offers the scans of an archive; reports "choose".
const { gyrus } = window;
const box = element.querySelector(".scan");
const select = element.querySelector("select");

gyrus.showScans = (names) => {
  box.hidden = names.length < 2;
  select.replaceChildren(...names.map((name, index) => new Option(name, index + 1)));
  select.value = String(gyrus.scan);
};
select.addEventListener("change", () => {
  gyrus.scan = Number(select.value);
  props.value = gyrus.scan;
  trigger("choose");
});
watch("value", () => { select.value = String(props.value); });
