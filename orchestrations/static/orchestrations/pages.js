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

// The theme draws its pictures once, on load, all that have its class; those that come with a fragment are drawn here.
function draw() {
  const canvases = [...document.querySelectorAll("canvas.chart")];
  const drawn = canvases.filter((each) => Chart.getChart(each));
  if (canvases.length === drawn.length) return;
  drawn.forEach((each) => each.classList.remove("chart"));
  renderCharts();
  drawn.forEach((each) => each.classList.add("chart"));
}

// What a fragment takes the place of: pictures are let go, and tables that somebody has opened stay open.
let opened = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  event.detail.target.querySelectorAll("canvas.chart").forEach((each) => Chart.getChart(each)?.destroy());
  opened = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
});

// What a run has to say is said once, and not with every fragment.
function say() {
  const [from, to] = [document.querySelector("[data-say]"), document.getElementById("run-said")];
  if (from && to && to.textContent !== from.dataset.say) to.textContent = from.dataset.say;
}

document.addEventListener("htmx:afterSettle", () => {
  opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  if (typeof renderCharts === "function") draw();
  say();
});
