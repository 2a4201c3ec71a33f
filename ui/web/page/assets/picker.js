// Runs in gradio.HTML with element, trigger and props. Offers props.choices, pairs of name and words, and reports "choose".
// The panels of each model are there from the start; the chosen one's are shown.
const { gyrus } = window;
const select = element.querySelector("select");

select.replaceChildren(...props.choices.map(([name, words]) => new Option(words, name)));
select.value = props.value;
select.addEventListener("change", () => {
  const name = select.value;
  props.value = name;
  gyrus.model = name;
  gyrus.again = true;
  document.title = gyrus.states[name].title;
  document.querySelectorAll("[data-of-model]").forEach((panel) => { panel.hidden = panel.dataset.ofModel !== name; });
  gyrus.lock("loading"); // until verdict.js hears that the server has the model
  trigger("choose");
});
