// Light or dark on pages without the theme's scripts: what the person chose in the theme, else what the system says.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return JSON.parse(localStorage.getItem("adminTheme")) || "auto"; } catch { return "auto"; } };
  const apply = () => document.documentElement.classList.toggle("dark", chosen() === "dark" || (chosen() === "auto" && dark.matches));
  dark.addEventListener("change", apply);
  apply();
})();
