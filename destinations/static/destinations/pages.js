// Pages for credentials and destinations: copy a link, search plugins, offer what TikTok knows for settings.
(() => {
  const field = (name) => document.querySelector(`[name="${name}"]`);
  const source = () => field("setting_event_source");

  function copy(button) {
    const input = document.querySelector(button.dataset.copy);
    input.select();
    const done = () => { button.textContent = "Copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(input.value).then(done, () => document.execCommand("copy") && done());
    else if (document.execCommand("copy")) done();
  }

  function filter(input) {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const card of document.querySelectorAll(`${input.dataset.filter} [data-words]`)) {
      card.hidden = !card.dataset.words.includes(wanted);
      card.style.display = card.hidden ? "none" : "";
      shown += card.hidden ? 0 : 1;
    }
    document.querySelector("[data-nothing]").hidden = shown > 0;
  }

  // Settings that have no meaning for the chosen event source are not shown; the plugin drops their values.
  function fit() {
    const kind = source()?.value || "";
    for (const widget of document.querySelectorAll("[data-only-for]")) {
      const row = widget.closest(".field-line, .form-row, .group");
      if (row) row.style.display = !kind || widget.dataset.onlyFor.split(" ").includes(kind) ? "" : "none";
    }
  }

  function press(name) {
    const value = field(`setting_${name}`)?.value;
    for (const choice of document.querySelectorAll(`[data-choices-for="${name}"] .dst-choice`))
      choice.setAttribute("aria-pressed", String(choice.dataset.value === value));
  }

  async function offer() {
    const place = document.querySelector("#destination-options");
    if (!place || !field("credential")) return;
    const names = ["credential", "setting_advertiser_id", "setting_event_source"];
    const query = new URLSearchParams(names.map((name) => [name, field(name)?.value || ""]));
    const answer = await fetch(`${place.dataset.url}?${query}`, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    if (!answer.ok) return;
    place.innerHTML = await answer.text();
    for (const template of place.querySelectorAll("template")) {
      const name = template.dataset.options;
      const target = document.querySelector(`[data-choices-for="${name}"]`);
      if (!target) continue;
      target.className = "dst-choices";
      target.replaceChildren(...[...template.content.children]);
      press(name);
    }
  }

  function choose(choice) {
    const name = choice.closest("[data-choices-for]").dataset.choicesFor;
    field(`setting_${name}`).value = choice.dataset.value;
    if (choice.dataset.name && field("setting_event_set_name")) field("setting_event_set_name").value = choice.dataset.name;
    press(name);
    if (name === "advertiser_id") offer();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], .dst-choice");
    if (button?.dataset.copy) copy(button);
    else if (button) choose(button);
  });
  document.addEventListener("input", (event) => {
    if (event.target.dataset.filter) filter(event.target);
    if (event.target.name?.startsWith("setting_")) press(event.target.name.replace("setting_", ""));
  });
  document.addEventListener("change", (event) => {
    if (["credential", "setting_advertiser_id", "setting_event_source"].includes(event.target.name)) { fit(); offer(); }
  });
  document.addEventListener("DOMContentLoaded", () => { fit(); offer(); });
})();
