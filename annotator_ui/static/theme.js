/** Light or dark: the system's choice unless the person made one, kept in this browser. */

const KEY = "vau/theme";
const CHOICES = ["auto", "light", "dark"];

export function chosenTheme() {
  const stored = localStorage.getItem(KEY);
  return CHOICES.includes(stored) ? stored : "auto";
}

/** Applies the choice to the page around, too, and to its changes. */
export function applyTheme() {
  const choice = chosenTheme();
  const isDark = choice === "dark" || (choice === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.vauTheme = isDark ? "dark" : "light";
  document.body?.classList.toggle("dark", isDark);
  return choice;
}

export function nextTheme() {
  const next = CHOICES[(CHOICES.indexOf(chosenTheme()) + 1) % CHOICES.length];
  localStorage.setItem(KEY, next);
  window.dispatchEvent(new Event("vau-theme"));
  return next;
}

export function followTheme(paint, signal) {
  const apply = () => paint(applyTheme());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply, { signal });
  window.addEventListener("vau-theme", apply, { signal });
  window.addEventListener("storage", apply, { signal });
  apply();
}
