"use strict";
// What all pages share: their head, and tables that can be sorted, filtered and saved.

/** Return a new element with properties and children; text is never parsed as markup. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Return what the browser has kept under a name, or null; it may refuse to keep anything. */
function recall(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* kept until the page is left */ }
}

function save(name, text, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Return rows as CSV. A spreadsheet would take some texts for formulas (CWE-1236); numbers stay as they are. */
function csv(rows) {
  const cell = (text) => {
    const safe = /^[=+@\t\r\n]|^-(?![\d.])/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

// ---- The head of the page: its date, and its theme.

const written = new Date(document.lastModified);
if (!Number.isNaN(written.getTime())) {
  document.getElementById("date").textContent = ` · ${written.toISOString().slice(0, 10)}`;
}

const THEMES = { automatic: "(prefers-color-scheme: dark)", light: "not all", dark: "all" };
const darkRules = [...document.styleSheets[0].cssRules].filter((rule) => rule.media && rule.media.mediaText === THEMES.automatic);
const theme = make("button", { type: "button", id: "theme" });

function show(name) {
  for (const rule of darkRules) rule.media.mediaText = THEMES[name];
  document.documentElement.style.colorScheme = name === "automatic" ? "" : name;
  theme.textContent = `Theme: ${name}`;
  document.dispatchEvent(new Event("theme"));
}

theme.addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme.textContent.slice(7)) + 1) % names.length];
  keep("genreflow theme", next);
  show(next);
});
document.querySelector(".eyebrow").append(theme);
const chosenTheme = recall("genreflow theme");
show(Object.hasOwn(THEMES, chosenTheme) ? chosenTheme : "automatic");

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// ---- Tables: sorting, and filtering of long ones.

const UNITS = { h: 3600, min: 60, s: 1 };

function sortable(text) {
  const value = text.trim().replace(/,/g, "").replace(/\u2212/g, "-");
  if (value === "–" || value === "") return [2, 0];
  const durations = [...value.matchAll(/([\d.]+) (h|min|s)\b/g)];
  if (durations.length) return [0, durations.reduce((sum, [, value, unit]) => sum + value * UNITS[unit], 0)];
  const number = parseFloat(value);
  return Number.isNaN(number) ? [1, value.toLowerCase()] : [0, number];
}

function order(table, column, heading) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const numeric = heading.classList.contains("number");
  const key = (row) => numeric ? sortable(row.cells[column].textContent) : [0, row.cells[column].textContent.trim().toLowerCase()];
  const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => {
    if (a[0] !== b[0]) return a[0] - b[0];
    const sign = a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
    return ascending ? sign : -sign;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

/** Make buttons one stop of the Tab key; the arrow keys move between them. */
function roving(buttons) {
  buttons.forEach((button, place) => {
    button.tabIndex = place === 0 ? 0 : -1;
    button.addEventListener("keydown", (event) => {
      const next = event.key in STEPS && buttons[place + STEPS[event.key][1]];
      if (!next) return;
      event.preventDefault();
      button.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  });
}

/** Add a button that saves a table as it is shown. */
function saver(table) {
  const button = make("button", { type: "button", className: "save", textContent: "Save as CSV" });
  const title = table.caption.textContent;
  setAttributes(button, { "aria-label": `Save as CSV: ${title}` });
  button.addEventListener("click", () => {
    const rows = [...table.tHead.rows, ...table.tBodies[0].rows].map((row) =>
      [...row.cells].filter((cell) => !cell.matches("[data-playable], thead td")).map((cell) => cell.textContent.trim()));
    save(`${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}.csv`, csv(rows), "text/csv");
  });
  table.parentElement.after(button);
}

const LONG = 12;

/** Show the first rows of a long table; a button shows them all. Without scripts, and in print, all are shown. */
function shortened(table) {
  const all = table.tBodies[0].rows.length;
  const button = make("button", { type: "button", className: "save more" });
  function show(few) {
    table.classList.toggle("short", few);
    button.textContent = few ? `Show all ${all} rows` : "Show fewer rows";
    button.setAttribute("aria-expanded", String(!few));
  }
  button.addEventListener("click", () => show(!table.classList.contains("short")));
  show(true);
  table.parentElement.after(button);
  return show;
}

for (const table of document.querySelectorAll("table.data")) {
  const rows = table.tBodies[0].rows;
  if (rows.length) saver(table);
  if (rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if (heading.tagName !== "TH") return;
    const name = heading.querySelector("span");
    const button = make("button", { type: "button", className: "sort" });
    button.append(...name.childNodes);
    name.append(button);
    button.addEventListener("click", () => order(table, column, heading));
  });
  roving([...table.tHead.querySelectorAll("button.sort")]);
  if (rows.length <= LONG) continue;
  const showFew = shortened(table);
  const field = make("input", { type: "search", placeholder: "Filter rows" });
  const said = make("span", { className: "note" });
  said.setAttribute("aria-live", "polite");
  field.setAttribute("aria-label", `Filter rows of: ${table.caption.textContent}`);
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      shown += row.hidden ? 0 : 1;
    }
    if (wanted) showFew(false);
    said.textContent = wanted ? `${shown} of ${rows.length} rows` : "";
  });
  table.parentElement.before(make("div", { className: "filter" }, field, said));
}

// ---- A page that contains its figures has each once; a script makes the link to save it.

for (const image of document.querySelectorAll("figure img[src^='data:']")) {
  const figure = image.closest("figure");
  const name = `${figure.id.replace(/^figure-/, "")}.svg`;
  figure.querySelector("figcaption").append(make("a", { href: image.src, download: name, textContent: "Download the figure" }));
}

// ---- Links lead into what is folded.

/** Open everything around an element, and bring it into view. */
function unfold(element) {
  for (let each = element; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  element.scrollIntoView();
}

function unfoldNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named && named.closest("details")) unfold(named);
}

window.addEventListener("hashchange", unfoldNamed);
unfoldNamed();
