/* Copy what an element says, and say so on the button. */
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const place = document.querySelector(button.dataset.copies);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(place.textContent);
  } else {
    window.getSelection().selectAllChildren(place);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
});
