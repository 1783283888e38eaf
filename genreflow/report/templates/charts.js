// ---- Interactive charts, drawn by Chart.js from the data of the page.

const CHART_COLORS = 7;
const chartsDrawn = [];

function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesColor(series) {
  return themed(`--class-${series.color === undefined ? 0 : series.color % CHART_COLORS}`);
}

/** Draw the intervals of all shown series, which Chart.js has no part for. */
const whiskers = {
  id: "whiskers",
  afterDatasetsDraw(chart) {
    const pen = chart.ctx;
    chart.data.datasets.forEach((dataset, number) => {
      const { low, high, kind } = dataset.series;
      if (!low || kind === "line" || !chart.isDatasetVisible(number)) return;
      pen.save();
      pen.strokeStyle = themed("--ink");
      pen.lineWidth = 1.4;
      chart.getDatasetMeta(number).data.forEach((element, place) => {
        if (low[place] == null || high[place] == null) return;
        const [from, to] = [low[place], high[place]].map((value) => chart.scales.y.getPixelForValue(value));
        pen.beginPath();
        for (const y of [from, to]) { pen.moveTo(element.x - 5, y); pen.lineTo(element.x + 5, y); }
        pen.moveTo(element.x, from);
        pen.lineTo(element.x, to);
        pen.stroke();
      });
      pen.restore();
    });
  },
};

/** Draw the band of each line from its lowest to its highest value. */
const bands = {
  id: "bands",
  beforeDatasetsDraw(chart) {
    const pen = chart.ctx;
    const { left, top, width, height } = chart.chartArea;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    chart.data.datasets.forEach((dataset, number) => {
      const { low, high, kind } = dataset.series;
      if (!low || kind !== "line" || !chart.isDatasetVisible(number)) return;
      const points = chart.getDatasetMeta(number).data.map((element, place) => [element.x, low[place], high[place]])
        .filter(([, from, to]) => from != null && to != null);
      const y = (value) => chart.scales.y.getPixelForValue(value);
      pen.beginPath();
      for (const [x, , to] of points) pen.lineTo(x, y(to));
      for (const [x, from] of points.reverse()) pen.lineTo(x, y(from));
      pen.globalAlpha = 0.15;
      pen.fillStyle = seriesColor(dataset.series);
      pen.fill();
    });
    pen.restore();
  },
};

function datasetOf(series, names) {
  const isBar = series.kind === "bar";
  return {
    type: isBar ? "bar" : "line",
    label: series.name,
    series,
    data: series.x.map((x, place) => ({ x, y: series.y[place] })),
    showLine: series.kind === "line",
    borderDash: series.dashed ? [6, 4] : [],
    borderWidth: 2,
    pointRadius: series.kind === "point" ? 4.5 : names && series.dashed ? 0 : 3,
    pointStyle: series.name.startsWith("Published") ? "rectRot" : "circle",
    pointHitRadius: 8,
    maxBarThickness: 70,
    order: isBar ? 2 : 1,
  };
}

/** Return what a value says: its name, the value with its interval, and on how much it rests. */
function reading(chart, series, place) {
  const written = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
  const at = chart.names ? series.x[place] : `${chart.x_title} ${written(series.x[place])}`;
  const low = series.low && series.low[place], high = series.high && series.high[place];
  const interval = low == null || high == null ? "" : ` (${written(low)} to ${written(high)})`;
  const note = series.notes && series.notes[place] ? `; ${series.notes[place]}` : "";
  return `${series.name}, ${at}: ${written(series.y[place])}${interval}${note}`;
}

function drawChart(spec, title) {
  const heading = make("h4", { textContent: spec.title });
  const canvas = make("canvas", { tabIndex: 0 });
  setAttributes(canvas, { role: "application", "aria-label": `${title}: ${spec.title}. The arrow keys move between values.` });
  const tip = make("div", { className: "tip", hidden: true });
  tip.setAttribute("aria-live", "polite");
  const frame = make("div", { className: "canvas" }, canvas, tip);
  const entries = make("ul", { className: "entries" });
  const part = make("div", { className: "chart" }, heading, frame, entries);
  const series = spec.diagonal
    ? [...spec.series, { name: "Right as often as predicted", kind: "line", color: 6, dashed: true, x: [0, 100], y: [0, 100] }]
    : spec.series;

  function say(chart, number, place) {
    const element = chart.getDatasetMeta(number).data[place];
    const words = reading(spec, series[number], place);
    if (tip.textContent !== words) tip.textContent = words;
    tip.hidden = false;
    const left = Math.min(Math.max(0, element.x - tip.offsetWidth / 2), frame.clientWidth - tip.offsetWidth);
    const above = element.y - tip.offsetHeight - 10;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 0 ? element.y + 12 : above}px`;
  }

  const chart = new Chart(canvas, {
    data: { labels: spec.names, datasets: series.map((each) => datasetOf(each, spec.names)) },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "nearest", intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: {
          enabled: false,
          external({ chart, tooltip }) {
            const [point] = tooltip.opacity ? tooltip.dataPoints || [] : [];
            if (point) say(chart, point.datasetIndex, point.dataIndex); else tip.hidden = true;
          },
        },
      },
      scales: {
        x: { type: spec.names ? "category" : "linear", max: spec.x_most, min: spec.x_most === undefined ? undefined : 0, title: { display: true, text: spec.x_title }, ticks: { precision: 0 } },
        y: { beginAtZero: true, max: spec.y_most, title: { display: true, text: spec.y_title } },
      },
    },
    plugins: [bands, whiskers],
  });

  function recolor() {
    const [ink, line] = [themed("--ink"), themed("--line")];
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = scale.title.color = ink;
      scale.grid = { color: line };
    }
    chart.data.datasets.forEach((dataset) => {
      const color = seriesColor(dataset.series);
      dataset.borderColor = color;
      dataset.backgroundColor = dataset.type === "bar" ? `${color}99` : dataset.pointStyle === "rectRot" ? themed("--paper") : color;
    });
    [...entries.querySelectorAll("button")].forEach((button, number) => button.style.setProperty("--of", seriesColor(series[number])));
    chart.update();
  }

  series.forEach((each, number) => {
    const button = make("button", { type: "button", className: `${each.kind}${each.dashed ? " dashed" : ""}` }, make("bdi", { textContent: each.name }));
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const shown = !chart.isDatasetVisible(number);
      chart.setDatasetVisibility(number, shown);
      button.setAttribute("aria-pressed", String(shown));
      tip.hidden = true;
      chart.update();
    });
    entries.append(make("li", {}, button));
  });
  roving([...entries.querySelectorAll("button")]);

  let here = null;
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    const visible = series.map((_, number) => number).filter((number) => chart.isDatasetVisible(number));
    if (!visible.length) return;
    const [down, right] = STEPS[event.key];
    if (here === null || !visible.includes(here[0])) here = [visible[0], 0];
    else {
      const row = visible[(visible.indexOf(here[0]) + down + visible.length) % visible.length];
      const last = series[row].x.length - 1;
      here = [row, Math.min(last, Math.max(0, here[1] + right))];
    }
    if (series[here[0]].y[here[1]] != null) say(chart, ...here);
  });
  canvas.addEventListener("blur", () => { tip.hidden = true; });
  chartsDrawn.push(recolor);
  recolor();
  return part;
}

/** Draw the charts of a figure in its place; the figure itself stays for print. */
function drawCharts(place, specs) {
  const figure = place.closest("figure");
  const title = figure.querySelector("h3").textContent;
  figure.classList.add("charted");
  for (const spec of specs) place.append(drawChart(spec, title));
}

function recolorCharts() {
  for (const recolor of chartsDrawn) recolor();
}

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolorCharts);
document.addEventListener("theme", recolorCharts);
