/* Turn a plain text area into a comfortable SQL editor: line numbers, indenting, inserting names, Ctrl+Enter. */
"use strict";

function sqlEditor(area) {
  const box = area.closest(".oc-editor");
  const gutter = document.createElement("div");
  gutter.className = "oc-gutter";
  gutter.setAttribute("aria-hidden", "true");
  box.prepend(gutter);
  let wrong = Number(box.dataset.errorLine) || 0;
  let leaving = false;

  const number = () => {
    const lines = area.value.split("\n").length;
    gutter.replaceChildren();
    for (let line = 1; line <= lines; line += 1) {
      const mark = document.createElement(line === wrong ? "mark" : "span");
      mark.textContent = line;
      gutter.append(mark, "\n");
    }
    gutter.scrollTop = area.scrollTop;
  };

  const insert = (text) => {
    area.focus();
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const shift = (back) => {
    const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
    const end = area.selectionEnd;
    const block = area.value.slice(start, end);
    const moved = back ? block.replace(/^ {1,4}/gm, "") : block.replace(/^/gm, "    ");
    area.setRangeText(moved, start, end, "select");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  area.addEventListener("input", () => { wrong = 0; number(); });
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  area.addEventListener("blur", () => { leaving = false; });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { leaving = true; return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.getElementById("query-preview")?.click();
    } else if (event.key === "Tab" && !leaving) {
      event.preventDefault();
      if (event.shiftKey || area.value.slice(area.selectionStart, area.selectionEnd).includes("\n")) shift(event.shiftKey);
      else insert("    ");
    }
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    event.preventDefault();
    const name = button.dataset.insert;
    insert(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
  });

  // An answer that names a line marks it.
  document.addEventListener("htmx:afterSettle", (event) => {
    const found = event.target.querySelector?.("[data-line]");
    if (found) { wrong = Number(found.dataset.line); number(); }
  });

  number();
}

document.querySelectorAll("[data-sql-editor]").forEach(sqlEditor);
