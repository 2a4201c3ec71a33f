// Runs in gradio.HTML with element. Narrows the list of classes down to those that hold what was typed.
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

element.addEventListener("input", (event) => {
  const panel = event.target.closest(".classes");
  const items = Array.from(panel.querySelectorAll("li"));
  const typed = fold(event.target.value.trim());
  items.forEach((item) => { item.hidden = !fold(item.textContent).includes(typed); });
  const found = items.filter((item) => !item.hidden).length;
  panel.querySelector(".found").textContent = `${found.toLocaleString("en")} of ${items.length.toLocaleString("en")}`;
});
