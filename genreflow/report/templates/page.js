(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const tracks = data.tracks;

  // ---- The player of the page, at its lower edge. Tracks that were started together follow each other.

  const player = document.getElementById("player");
  const audio = document.getElementById("audio");
  const playing = document.getElementById("playing");
  const near = document.getElementById("near");
  const steps = { [-1]: document.getElementById("previous"), 1: document.getElementById("next") };
  let loaded = null;
  let queue = [];

  function hasClip(id) {
    return id in data.clips;
  }

  function titleOf(id) {
    return tracks[id] ? tracks[id].title : data.titles[id] || id;
  }

  function answerOf(track) {
    return track.wrong ? `${track.true}, predicted as ${track.predicted}` : `${track.true}, predicted correctly`;
  }

  function counted(number, noun) {
    return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  }

  /** Return the tracks that a track sounds most like, as list items. */
  function nearestTo(id) {
    return (data.near[id] || []).map(([other, percent]) => {
      const words = make("div", {}, make("bdi", { className: "title", textContent: titleOf(other) }));
      words.append(make("span", { className: "told", textContent: `similarity ${percent} %` }));
      return make("li", {}, hasClip(other) ? playButton(other) : make("span", { className: "mute" }), words);
    });
  }

  function play(id) {
    if (loaded === id && !audio.paused) {
      audio.pause();
      return;
    }
    if (loaded !== id) {
      loaded = id;
      audio.src = data.clips[id].url;
      const track = tracks[id];
      playing.textContent = track ? `${track.title}: ${answerOf(track)}` : titleOf(id);
      const others = nearestTo(id);
      near.hidden = !others.length;
      near.querySelector("ol").replaceChildren(...others);
      player.hidden = false;
      document.body.classList.add("playing");
      if (!queue.includes(id)) queue = [];
      const place = queue.indexOf(id);
      for (const button of Object.values(steps)) button.hidden = queue.length < 2;
      if (queue.length > 1) playing.textContent = `${place + 1} of ${queue.length}: ${playing.textContent}`;
    }
    audio.play().catch((error) => {
      if (error.name !== "AbortError") playing.textContent = `${titleOf(id)}: this browser cannot play the excerpt (${error.name}).`;
    });
  }

  function showState() {
    for (const button of document.querySelectorAll("button.play")) {
      const on = button.dataset.track === loaded && !audio.paused;
      button.setAttribute("aria-pressed", String(on));
    }
  }

  function showPlace() {
    const second = loaded === null ? -1 : data.clips[loaded].begin + audio.currentTime;
    for (const bar of document.querySelectorAll(".strip")) {
      const slices = bar.dataset.track === loaded ? [...bar.children] : [];
      let now = -1;
      slices.forEach((slice, number) => { if (Number(slice.dataset.begin) <= second) now = number; });
      [...bar.children].forEach((slice, number) => slice.classList.toggle("now", number === now && !audio.paused));
    }
  }

  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => { showState(); showPlace(); });
  audio.addEventListener("timeupdate", showPlace);

  /** Play the track that comes so many places later in the queue. */
  function skip(places) {
    const next = queue[queue.indexOf(loaded) + places];
    if (next !== undefined) play(next);
  }

  function playAll(ids) {
    queue = ids;
    loaded = null;
    play(ids[0]);
  }

  audio.addEventListener("ended", () => skip(1));
  for (const [places, button] of Object.entries(steps)) button.addEventListener("click", () => skip(Number(places)));
  document.addEventListener("keydown", (event) => {
    const places = { n: 1, p: -1 }[event.key.toLowerCase()];
    const isTyping = event.target.closest("input[type=search], select, textarea");
    if (places && !player.hidden && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) skip(places);
  });
  document.getElementById("close-player").addEventListener("click", () => {
    audio.pause();
    player.hidden = true;
    document.body.classList.remove("playing");
    const button = [...document.querySelectorAll("button.play")].find((each) => each.dataset.track === loaded);
    if (button) button.focus();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.play");
    if (button) play(button.dataset.track);
  });

  function playButton(id) {
    const button = make("button", { type: "button", className: "play" });
    button.dataset.track = id;
    return setAttributes(button, { "aria-label": `Play ${titleOf(id)}`, "aria-pressed": "false" });
  }

  for (const place of document.querySelectorAll("[data-playable]")) {
    if (hasClip(place.dataset.playable)) place.append(playButton(place.dataset.playable));
  }

  // ---- Labels that a listener finds wrong or right, kept by the browser and written to a file.

  const RIGHT = "right";
  const place = `genreflow corrections ${data.dataset}`;
  let marks = {};
  try { marks = JSON.parse(recall(place)) || {}; } catch { /* written by something else */ }
  const collected = make("button", { type: "button", className: "collected", hidden: true });

  function showMarks() {
    const number = Object.keys(marks).filter((id) => tracks[id]).length;
    collected.hidden = !number;
    collected.textContent = `Download corrections.csv (${counted(number, "track")})`;
  }

  /** Return a menu that takes a listener's verdict on the label of a track; null where a label is not one class. */
  function marker(id) {
    const track = tracks[id];
    if (!track.slices.length || id.includes("/")) return null; // of another collection
    const menu = make("select", { className: "mark" });
    const choices = [["", "Label …"], [RIGHT, `is right: ${track.true}`]];
    for (const name of data.classes) if (name !== track.true) choices.push([`= ${name}`, `should be: ${name}`]);
    for (const [value, text] of choices) menu.append(make("option", { value, textContent: text }));
    menu.value = marks[id] || "";
    setAttributes(menu, { "aria-label": `Verdict on the label of ${track.title}` });
    menu.addEventListener("change", () => {
      if (menu.value) marks[id] = menu.value; else delete marks[id];
      keep(place, JSON.stringify(marks));
      showMarks();
    });
    return menu;
  }

  collected.addEventListener("click", () => {
    const rows = Object.entries(marks).filter(([id]) => tracks[id]).map(([id, mark]) => {
      const { title, true: label } = tracks[id];
      return [title, label, mark === RIGHT ? label : mark.slice(2), id];
    });
    rows.sort(([a], [b]) => (a < b ? -1 : 1));
    save("corrections.csv", csv([["path", "label", "corrected", "track_id"], ...rows]), "text/csv");
  });

  // ---- Cells of confusion matrices, and their tracks.

  function strip(id, track) {
    const bar = make("span", { className: "strip" });
    bar.dataset.track = id;
    setAttributes(bar, { role: "img", "aria-label": stripInWords(track) });
    for (const [begin, predicted, percent] of track.slices) {
      const name = data.classes[predicted];
      const slice = make("i", { title: `from ${begin.toFixed(1)} s: ${name}, ${percent} %` });
      slice.dataset.begin = begin;
      slice.className = name === track.true ? "right" : name === track.predicted ? "wrong" : "other";
      slice.style.opacity = String(0.3 + 0.7 * percent / 100);
      bar.append(slice);
    }
    return bar;
  }

  function stripInWords(track) {
    const counts = new Map();
    for (const [, predicted] of track.slices) {
      counts.set(data.classes[predicted], (counts.get(data.classes[predicted]) || 0) + 1);
    }
    const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${count} ${name}`);
    return `${counted(track.slices.length, "slice")}: ${parts.join(", ")}`;
  }

  function entry(id, percent) {
    const track = tracks[id];
    const item = make("li", {}, hasClip(id) ? playButton(id) : make("span", { className: "mute" }));
    const words = make("div", {}, make("bdi", { className: "title", textContent: track.title }));
    words.append(make("span", { className: "told", textContent: `${track.true} → ${track.predicted}, ${percent} %` }));
    if (track.slices.length) {
      words.append(strip(id, track), make("span", { className: "told", textContent: stripInWords(track) }));
    }
    const menu = marker(id);
    if (menu) words.append(menu);
    item.append(words);
    return item;
  }

  function open(button) {
    const panel = data.panels[button.dataset.panel];
    const place = document.getElementById(`tracks-${button.dataset.panel}`);
    const cell = panel.cells[button.dataset.cell];
    const same = button.getAttribute("aria-expanded") === "true";
    for (const other of button.closest("table").querySelectorAll("button")) other.setAttribute("aria-expanded", "false");
    if (same) {
      address("");
      place.replaceChildren(make("p", { className: "note", textContent: panel.hint }));
      return;
    }
    button.setAttribute("aria-expanded", "true");
    address(`#cell-${button.dataset.panel}-${button.dataset.cell.replace(",", "-")}`);
    const heading = make("h3", { textContent: button.getAttribute("aria-label") });
    const list = make("ol", { className: "tracks" }, ...cell.tracks.map(([id, percent]) => entry(id, percent)));
    const heard = cell.tracks.map(([id]) => id).filter(hasClip);
    const all = make("button", { type: "button", className: "all", textContent: "Play all" });
    setAttributes(all, { title: "N plays the next track, P the one before" });
    all.addEventListener("click", () => playAll(heard));
    place.replaceChildren(heading, ...(heard.length > 1 ? [all] : []), list);
    const more = cell.count - cell.tracks.length;
    if (more > 0) place.append(make("p", { className: "note", textContent: `… and ${more} more, in tracks.csv.` }));
    const silent = cell.tracks.filter(([id]) => !hasClip(id)).length;
    if (silent) place.append(make("p", { className: "note", textContent: `${counted(silent, "track")} without an excerpt; this report has ${counted(Object.keys(data.clips).length, "excerpt")}.` }));
    showState();
  }

  function address(fragment) {
    try { history.replaceState(null, "", fragment || location.pathname + location.search); } catch { /* a data URL */ }
  }

  /** Open the cell that the address names. */
  function openNamed() {
    const [, panel, row, column] = /^#cell-(\d+)-(\d+)-(\d+)$/.exec(location.hash) || [];
    const button = panel && document.querySelector(`button[data-panel="${panel}"][data-cell="${row},${column}"]`);
    if (!button) return;
    if (button.getAttribute("aria-expanded") !== "true") open(button);
    unfold(button);
    button.scrollIntoView({ block: "center" });
    button.focus({ preventScroll: true });
  }

  const FOUND = 20;

  /** Return a field that finds tracks of a panel by their titles, and a list of those that it finds. */
  function finder(number) {
    const own = Object.entries(data.panels[number].cells).flatMap(([, cell]) => cell.tracks);
    const field = make("input", { type: "search", placeholder: "Find a track" });
    const list = make("ol", { className: "tracks found" });
    setAttributes(field, { "aria-label": "Find a track by its title" });
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      const hits = wanted ? own.filter(([id]) => tracks[id].title.toLowerCase().includes(wanted)) : [];
      const rest = make("li", {}, `${hits.length ? `… and ${hits.length - FOUND} more` : "No track of this report has such a title."}`);
      list.replaceChildren(...hits.slice(0, FOUND).map(([id, percent]) => entry(id, percent)));
      if (wanted && (!hits.length || hits.length > FOUND)) list.append(rest);
    });
    const wrong = [...new Set(own.map(([id]) => id))].filter((id) => tracks[id].wrong && hasClip(id));
    const all = make("button", { type: "button", className: "all", textContent: `Play all mistakes (${wrong.length})`, hidden: wrong.length < 2 });
    setAttributes(all, { title: "N plays the next track, P the one before" });
    all.addEventListener("click", () => playAll(wrong));
    return [make("div", { className: "filter" }, field, all, collected), list];
  }

  /** Return a choice of what the cells of a matrix show: tracks, shares of their rows, or slices. */
  function unitChoice(number, table) {
    const cells = [...table.tBodies[0].rows].map((row) => [...row.cells].filter((cell) => cell.tagName === "TD"));
    const { cells: known, slices } = data.panels[number];
    const tracksOf = (name) => (known[name] ? known[name].count : 0);
    const units = { Tracks: tracksOf, "Share of row (%)": tracksOf };
    if (slices) units.Slices = (name) => slices[name] || 0;

    function fill(unit) {
      cells.forEach((row, r) => {
        const values = row.map((_, c) => units[unit](`${r},${c}`));
        const total = values.reduce((sum, value) => sum + value, 0);
        row.forEach((cell, c) => {
          const share = total ? values[c] / total : 0;
          cell.firstElementChild.textContent = unit.startsWith("Share") ? Math.round(100 * share) : values[c].toLocaleString("en");
          cell.className = `share-${values[c] ? Math.round(10 * share) : "none"}${cell.classList.contains("right") ? " right" : ""}`;
        });
      });
    }

    const choices = Object.keys(units).map((unit, place) => {
      const choice = make("input", { type: "radio", name: `unit-${number}`, checked: place === 0 });
      choice.addEventListener("change", () => fill(unit));
      return make("label", {}, choice, ` ${unit}`);
    });
    return make("fieldset", { className: "projections" }, make("legend", { textContent: "Cells show" }), ...choices);
  }

  for (const tools of document.querySelectorAll(".tools")) {
    const number = tools.dataset.panel;
    if (tools === document.querySelector(".tools")) tools.append(...finder(number));
    const table = document.querySelector(`table.matrix:not(.rows) button[data-panel="${number}"]`)?.closest("table");
    if (table && !("rows" in data.panels[number])) tools.append(unitChoice(number, table));
  }
  showMarks();
  window.addEventListener("hashchange", openNamed);

  /** Add a menu of rows to a large matrix; the cells of the selected row replace the largest mistakes. */
  function chooser(table) {
    const number = table.dataset.panel;
    const panel = data.panels[number];
    const body = table.tBodies[0];
    const first = [...body.rows];
    const cells = new Map();
    for (const [name, cell] of Object.entries(panel.cells)) {
      const [row, column] = name.split(",").map(Number);
      if (!cells.has(row)) cells.set(row, []);
      cells.get(row).push([name, column, cell]);
    }

    function line(row, [name, column, cell]) {
      const [before, between] = panel.prefixes;
      const words = `${cell.count} ${cell.count === 1 ? "track" : "tracks"}: ${before}${panel.rows[row]}, ${between}${panel.columns[column]}`;
      const button = make("button", { type: "button", textContent: cell.count });
      Object.assign(button.dataset, { panel: number, cell: name });
      setAttributes(button, { "aria-expanded": "false", "aria-controls": `tracks-${number}`, "aria-label": words });
      const shade = Math.round(10 * cell.count / panel.totals[row]);
      const heading = (text) => setAttributes(make("th", {}, make("bdi", { textContent: text })), { scope: "row" });
      return make("tr", {}, heading(panel.rows[row]), heading(panel.columns[column]),
        make("td", { className: `share-${shade}${cell.right ? " right" : ""}` }, button));
    }

    function linesOf(row) {
      const mine = (cells.get(row) || []).sort((a, b) => b[2].count - a[2].count);
      const rest = mine.reduce((left, [, , cell]) => left - cell.count, panel.totals[row]);
      const more = make("td", { colSpan: 3, textContent: `… and ${rest} more tracks, in tracks.csv` });
      return [...mine.map((each) => line(row, each)), ...(rest > 0 ? [make("tr", {}, more)] : [])];
    }

    const choice = make("select", {}, make("option", { value: -1, textContent: "all: the largest mistakes" }));
    panel.rows.forEach((name, row) => choice.append(make("option", { value: row, textContent: `${name} (${panel.totals[row]})` })));
    choice.addEventListener("change", () => {
      const row = Number(choice.value);
      body.replaceChildren(...(row < 0 ? first : linesOf(row)));
      for (const button of body.querySelectorAll("button")) button.setAttribute("aria-expanded", "false");
    });
    table.before(make("label", { className: "choose" }, `${panel.title} `, choice));
  }

  for (const table of document.querySelectorAll("table.matrix.rows")) chooser(table);

  function step(button, [down, right]) {
    const cell = button.closest("td");
    const rows = [...cell.closest("tbody").rows];
    let row = rows.indexOf(cell.parentElement);
    let column = cell.cellIndex;
    for (;;) {
      row += down;
      column += right;
      const next = rows[row] && rows[row].cells[column];
      if (!next || next.tagName !== "TD") return;
      const target = next.querySelector("button");
      if (target) {
        target.focus();
        return;
      }
    }
  }

  for (const matrix of document.querySelectorAll("table.matrix")) {
    matrix.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-cell]");
      if (button) open(button);
    });
    matrix.addEventListener("keydown", (event) => {
      const button = event.target.closest("button[data-cell]");
      if (button && event.key in STEPS) {
        event.preventDefault();
        step(button, STEPS[event.key]);
      }
    });
  }

  // ---- The map of the library.

  const SHAPES = [
    (pen, x, y, r) => pen.arc(x, y, r, 0, 2 * Math.PI),
    (pen, x, y, r) => pen.rect(x - r, y - r, 2 * r, 2 * r),
    (pen, x, y, r) => { pen.moveTo(x, y - 1.3 * r); pen.lineTo(x + 1.2 * r, y + r); pen.lineTo(x - 1.2 * r, y + r); pen.closePath(); },
    (pen, x, y, r) => { pen.moveTo(x, y - 1.4 * r); pen.lineTo(x + 1.4 * r, y); pen.lineTo(x, y + 1.4 * r); pen.lineTo(x - 1.4 * r, y); pen.closePath(); },
  ];
  const COLORS = 7;
  const LOOKS = COLORS * SHAPES.length;

  function drawMap(place) {
    const map = data.map;
    const canvas = place.querySelector("canvas");
    const said = place.querySelector(".said");
    const alike = place.querySelector(".near");
    // The most common classes come first and have their own color and shape; the others are one group.
    const named = map.classes.length > LOOKS ? LOOKS - 1 : map.classes.length;
    const groupOf = (label) => Math.min(label, named);
    const groups = map.classes.slice(0, named);
    if (named < map.classes.length) groups.push(`the other ${map.classes.length - named} classes`);
    const shown = new Set(groups.keys());
    let only = -1;
    let picture = 0;
    let current = -1;
    let points = [];

    function color(name) {
      return getComputedStyle(place).getPropertyValue(name);
    }

    function mark(pen, label, x, y, radius) {
      pen.beginPath();
      if (named < map.classes.length && label === named) {
        pen.arc(x, y, 0.7 * radius, 0, 2 * Math.PI);
        pen.fillStyle = color("--quiet");
        pen.fill();
        return;
      }
      SHAPES[Math.floor(label / COLORS) % SHAPES.length](pen, x, y, radius);
      pen.fillStyle = color(`--class-${label % COLORS}`);
      pen.fill();
    }

    function paint() {
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      const { x, y } = map.pictures[picture];
      const radius = map.tracks.length > 1000 ? 2.5 : 4;
      points = [];
      map.tracks.forEach((id, number) => {
        const label = map.labels[number];
        if (x[number] === null || (only < 0 ? !shown.has(groupOf(label)) : label !== only)) return;
        const place = [14 + x[number] / 1000 * (width - 28), 14 + (1 - y[number] / 1000) * (height - 28)];
        points.push([number, ...place]);
        mark(pen, groupOf(label), ...place, radius);
        if (tracks[id] && tracks[id].wrong) {
          pen.strokeStyle = color("--ink");
          pen.lineWidth = 1.2;
          pen.stroke();
        }
      });
      const here = points.find(([number]) => number === current);
      if (here) {
        pen.beginPath();
        pen.arc(here[1], here[2], radius + 5, 0, 2 * Math.PI);
        pen.strokeStyle = color("--accent");
        pen.lineWidth = 2.5;
        pen.stroke();
      }
    }

    function tell(number) {
      current = number;
      paint();
      if (number < 0) return;
      const id = map.tracks[number];
      const answer = tracks[id] ? answerOf(tracks[id]) : map.classes[map.labels[number]];
      said.textContent = `${titleOf(id)}: ${answer}${hasClip(id) ? "" : " (no excerpt)"}`;
      const others = nearestTo(id);
      alike.replaceChildren(...(others.length ? [make("h3", { textContent: "Sounds like this" }), make("ol", { className: "tracks" }, ...others)] : []));
    }

    function nearest(x, y, most) {
      let best = -1;
      let least = most * most;
      for (const [number, px, py] of points) {
        const distance = (px - x) ** 2 + (py - y) ** 2;
        if (distance < least) [best, least] = [number, distance];
      }
      return best;
    }

    /** Return the nearest point in a direction, or the current one. */
    function towards([down, right]) {
      const here = points.find(([number]) => number === current) || points[0];
      let best = here[0];
      let least = Infinity;
      for (const [number, x, y] of points) {
        const along = (x - here[1]) * right + (y - here[2]) * down;
        const across = Math.abs((x - here[1]) * down) + Math.abs((y - here[2]) * right);
        if (number !== here[0] && along > 0 && along + 2 * across < least) [best, least] = [number, along + 2 * across];
      }
      return best;
    }

    canvas.addEventListener("pointermove", (event) => {
      const number = nearest(event.offsetX, event.offsetY, 16);
      canvas.classList.toggle("over", number >= 0);
      if (number >= 0 && number !== current) tell(number);
    });
    canvas.addEventListener("click", (event) => {
      const number = nearest(event.offsetX, event.offsetY, 16);
      if (number < 0) return;
      tell(number);
      if (hasClip(map.tracks[number])) play(map.tracks[number]);
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.key in STEPS && points.length) {
        event.preventDefault();
        tell(towards(STEPS[event.key]));
      } else if ((event.key === "Enter" || event.key === " ") && current >= 0) {
        event.preventDefault();
        if (hasClip(map.tracks[current])) play(map.tracks[current]);
      }
    });

    map.pictures.forEach(({ name }, number) => {
      const choice = make("input", { type: "radio", name: "projection", checked: number === 0 });
      choice.addEventListener("change", () => { picture = number; paint(); });
      place.querySelector(".projections").append(make("label", {}, choice, ` ${name}`));
    });
    if (groups.length < map.classes.length) {
      const choice = make("select", {}, make("option", { value: -1, textContent: "all" }));
      const sorted = [...map.classes.entries()].sort(([, a], [, b]) => (a < b ? -1 : 1));
      for (const [label, name] of sorted) choice.append(make("option", { value: label, textContent: name }));
      choice.addEventListener("change", () => { only = Number(choice.value); paint(); });
      place.querySelector(".legend").before(make("label", { className: "choose" }, "Class ", choice));
    }
    groups.forEach((name, label) => {
      const box = make("input", { type: "checkbox", checked: true });
      const key = make("canvas", { width: 32, height: 32, className: "key" });
      key.setAttribute("aria-hidden", "true");
      box.addEventListener("change", () => {
        if (box.checked) shown.add(label); else shown.delete(label);
        paint();
      });
      place.querySelector(".legend").append(make("li", {}, make("label", {}, box, key, make("bdi", { textContent: name }))));
    });
    function paintAll() {
      paint();
      place.querySelectorAll("canvas.key").forEach((key, label) => {
        const pen = key.getContext("2d");
        pen.clearRect(0, 0, 32, 32);
        mark(pen, label, 16, 16, 9);
      });
    }
    new ResizeObserver(paint).observe(canvas);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintAll);
    document.addEventListener("theme", paintAll);
    paintAll();
  }

  for (const place of document.querySelectorAll(".map")) drawMap(place);

  for (const place of document.querySelectorAll(".charts")) drawCharts(place, data.charts[place.dataset.figure]);

  openNamed();
  document.documentElement.classList.add("ready");
})();
