// Runs in gradio.HTML with element. An example is taken like a file of the reader's own, and submitted at once.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-content]");
  if (!button) return;
  const bytes = Uint8Array.from(atob(button.dataset.content), (character) => character.charCodeAt(0));
  document.dispatchEvent(new CustomEvent("gyrus-example", { detail: new File([bytes], button.dataset.name) }));
});
