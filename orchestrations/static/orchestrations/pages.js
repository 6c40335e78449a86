/* Small helps for the pages of this app: confirmations, pictures after a swap, sessions that ended. */
"use strict";

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// A fragment that is answered with the log-in page means that the session has ended: show that page as a whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  const url = event.detail.xhr.responseURL;
  if (url && new URL(url).pathname.endsWith("/login/")) {
    event.detail.shouldSwap = false;
    window.location.reload();
  }
});

// The theme draws its pictures once, on load; those that come with a fragment are drawn here.
document.addEventListener("htmx:afterSettle", () => {
  const canvases = [...document.querySelectorAll("canvas.chart")];
  if (canvases.length && typeof renderCharts === "function" && canvases.every((each) => !Chart.getChart(each))) renderCharts();
});
