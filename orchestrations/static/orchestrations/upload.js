/* Suggest a table name from the chosen file, and say that a large file is on its way. */
"use strict";

(() => {
  const file = document.querySelector('input[type="file"][name="file"]');
  const name = document.querySelector('input[name="name"]');
  const state = document.getElementById("upload-state");
  if (!file) return;
  let suggested = "";

  file.addEventListener("change", () => {
    const stem = (file.files[0]?.name || "").split(".")[0].toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
    if (!name || (name.value && name.value !== suggested)) return;
    suggested = !stem || /^[a-z_]/.test(stem) ? stem : `t_${stem}`;
    name.value = suggested;
  });

  file.form.addEventListener("submit", () => {
    if (file.files.length && state) state.textContent = "Uploading and reading the file. Large files take a while; keep this page open.";
  });
})();
