// Pages for credentials and destinations: copy a link, search plugins, offer what TikTok knows for settings.
(() => {
  const field = (name) => document.querySelector(`[name="${name}"]`);
  const ASKED = ["credential", "setting_advertiser_id", "setting_advertiser_ids", "setting_event_source", "setting_transport"];
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

  // A list is typed with commas; its choices are pressed one by one.
  const chosen = (input) => input.dataset.list === undefined ? [input.value] : input.value.split(",").map((item) => item.trim()).filter(Boolean);

  function press(name) {
    const input = field(`setting_${name}`);
    for (const choice of document.querySelectorAll(`[data-choices-for="${name}"] .dst-choice`))
      choice.setAttribute("aria-pressed", String(Boolean(input) && chosen(input).includes(choice.dataset.value)));
  }

  async function offer() {
    const place = document.querySelector("#destination-options");
    if (!place || !field("credential")) return;
    const query = new URLSearchParams(ASKED.map((name) => [name, field(name)?.value || ""]));
    const answer = await fetch(`${place.dataset.url}?${query}`, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    if (!answer.ok) return;
    place.innerHTML = await answer.text();
    for (const template of place.querySelectorAll("template")) {
      const name = template.dataset.options;
      for (const target of document.querySelectorAll(`[data-choices-for="${name}"], [data-choices-for="${name}s"]`)) {
        target.className = "dst-choices";
        target.replaceChildren(...template.content.cloneNode(true).children);
        press(target.dataset.choicesFor);
      }
    }
  }

  function choose(choice) {
    const name = choice.closest("[data-choices-for]").dataset.choicesFor;
    const input = field(`setting_${name}`);
    const other = input.dataset.list || [...document.querySelectorAll("[data-list]")].find((list) => list.dataset.list === name)?.name.replace("setting_", "");
    if (input.dataset.list === undefined) input.value = choice.dataset.value;
    else if (chosen(input).includes(choice.dataset.value)) input.value = chosen(input).filter((item) => item !== choice.dataset.value).join(", ");
    else input.value = [...chosen(input), choice.dataset.value].join(", ");
    if (other && field(`setting_${other}`)) { field(`setting_${other}`).value = ""; press(other); }
    if (choice.dataset.name && field("setting_event_set_name")) field("setting_event_set_name").value = choice.dataset.name;
    press(name);
    if (ASKED.includes(`setting_${name}`)) offer();
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
    if (ASKED.includes(event.target.name)) { fit(); offer(); }
  });
  document.addEventListener("DOMContentLoaded", () => { fit(); offer(); });
})();
