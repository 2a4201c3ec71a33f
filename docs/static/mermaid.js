// Draws the pictures that pages hold as Mermaid text; without the library the text stays.
if (window.mermaid) {
  for (const block of document.querySelectorAll(".highlight-mermaid")) {
    const picture = document.createElement("pre");
    picture.className = "mermaid";
    picture.textContent = block.textContent.trim();
    block.replaceWith(picture);
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  window.mermaid.initialize({ startOnLoad: true, securityLevel: "strict", theme: dark ? "dark" : "neutral" });
}
