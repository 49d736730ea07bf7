// The crosshair. Everything else on the page works without this script.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const phases = JSON.parse(document.getElementById("phases").textContent);
  const live = document.getElementById("live");
  const figures = [...document.querySelectorAll("figure.chart")];

  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return parent.appendChild(element);
  };

  const digits = (value) => {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(3).replace("e+", "e");
    return value.toLocaleString("en", { maximumSignificantDigits: size >= 1e4 ? 7 : 4 });
  };
  const number = (value, unit) => {
    const short = ["1", "share", "reward", "reward²"].includes(unit) ? "" : " " + unit;
    return digits(value).replace("-", "−") + short;
  };
  const phase = (step) => (phases.find(([first, last]) => first <= step && step <= last) || [])[2] || "";

  // The index of the recorded step nearest to `step`.
  const nearest = (steps, step) => {
    let [low, high] = [0, steps.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle; else high = middle;
    }
    return Math.abs(steps[low] - step) <= Math.abs(steps[high] - step) ? low : high;
  };

  const charts = figures.map((figure) => {
    const svg = figure.querySelector(".plot > svg");
    const [left, top, right, bottom] = svg.dataset.area.split(" ").map(Number);
    const [first, last] = svg.dataset.steps.split(" ").map(Number);
    const cross = make("line", { class: "cross", y1: top, y2: bottom }, svg);
    const chart = { figure, svg, left, top, right, bottom, first, last, cross, step: null, chosen: null };
    chart.x = (step) => left + ((step - first) / (last - first)) * (right - left);
    // The script's own reading names the definition, so the browser's hint would be a second one.
    for (const title of svg.querySelectorAll("path > title")) title.remove();
    return chart;
  });

  // Data is parsed when a chart is first used.
  const load = (chart) => {
    if (chart.data) return;
    const { figure, svg } = chart;
    chart.data = JSON.parse(figure.querySelector("script.data").textContent);
    const { low, high, log } = chart.data;
    const share = (v) => log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
    chart.y = (value) => chart.bottom - share(value) * (chart.bottom - chart.top);
    chart.dots = chart.data.series.map((_, i) =>
      make("circle", { class: "at", r: 3.5, fill: `var(--s${i % 8})` }, svg));
    chart.definitions = [...figure.querySelectorAll(".legend .definition")].map((e) => e.textContent);
    chart.box = figure.appendChild(document.createElement("div"));
    chart.box.className = "reading";
    chart.steps = [...new Set(chart.data.series.flatMap((s) => s.steps))].sort((a, b) => a - b);
  };

  const hide = (chart) => {
    chart.step = null;
    chart.box?.classList.remove("show");
    chart.dots?.forEach((dot) => dot.classList.remove("show"));
    charts.forEach((other) => other.cross.classList.remove("show"));
  };

  const cell = (row, text) => { const td = row.insertCell(); td.textContent = text; return td; };

  // Shows the recorded numbers nearest to `step`; `pick` is the series whose definition is told.
  const show = (chart, step, pick, speak) => {
    load(chart);
    const { data, box, dots, definitions } = chart;
    chart.step = step;
    const reach = (chart.last - chart.first) / 40;
    const found = data.series.map((series) => {
      const index = nearest(series.steps, step);
      const near = Math.abs(series.steps[index] - step) <= reach;
      return near ? { step: series.steps[index], value: series.values[index] } : null;
    });
    for (const other of charts) {
      const x = other.x(step);
      other.cross.setAttribute("x1", x);
      other.cross.setAttribute("x2", x);
      other.cross.classList.add("show");
    }
    const chosen = pick(found);
    box.replaceChildren();
    const head = box.appendChild(document.createElement("h4"));
    head.appendChild(document.createElement("span")).textContent = "Step " + step.toLocaleString("en");
    head.appendChild(document.createElement("span")).textContent = phase(step);
    const table = box.appendChild(document.createElement("table"));
    data.series.forEach((series, i) => {
      const at = found[i];
      dots[i].classList.toggle("show", at !== null);
      if (at) {
        dots[i].setAttribute("cx", chart.x(at.step));
        dots[i].setAttribute("cy", chart.y(at.value));
      }
      const row = table.insertRow();
      if (i === chosen) row.className = "near";
      const swatch = document.createElement("i");
      swatch.style.background = `var(--s${i % 8})`;
      const elsewhere = at && at.step !== step ? ` (step ${at.step.toLocaleString("en")})` : "";
      cell(row, series.name + elsewhere).prepend(swatch);
      cell(row, at ? number(at.value, data.unit) : "–");
    });
    if (chosen !== null) box.appendChild(document.createElement("p")).textContent = definitions[chosen];
    place(chart, chart.x(step));
    if (speak) {
      const words = data.series.map((s, i) => found[i] ? `${s.name} ${number(found[i].value, data.unit)}` : "");
      live.textContent = [`Step ${step}`, phase(step), ...words].filter(Boolean).join(", ");
    }
  };

  // Beside the crosshair, on the side with more room.
  const place = (chart, x) => {
    const { box, figure, svg } = chart;
    const [outer, inner] = [figure.getBoundingClientRect(), svg.getBoundingClientRect()];
    const at = inner.left - outer.left + (x / svg.viewBox.baseVal.width) * inner.width;
    box.style.top = inner.top - outer.top + 8 + "px";
    const fits = outer.left + at + 16 + 250 < document.documentElement.clientWidth;
    box.style.left = (fits ? at + 14 : at - 264) + "px";
    box.classList.add("show");
  };

  const snap = (chart, step) => chart.steps[nearest(chart.steps, step)];

  for (const chart of charts) {
    const { figure, svg } = chart;
    svg.addEventListener("pointermove", (event) => {
      load(chart);
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      const share = Math.min(1, Math.max(0, (x - chart.left) / (chart.right - chart.left)));
      const step = snap(chart, chart.first + share * (chart.last - chart.first));
      show(chart, step, (found) => {
        const far = found.map((at) => at ? Math.abs(chart.y(at.value) - y) : Infinity);
        const least = Math.min(...far);
        return least < Infinity ? far.indexOf(least) : null;
      }, false);
    });
    svg.addEventListener("pointerleave", () => hide(chart));
    figure.addEventListener("blur", () => hide(chart));
    figure.addEventListener("keydown", (event) => {
      if (event.target !== figure) return;
      load(chart);
      const { steps } = chart;
      const index = chart.step === null ? -1 : nearest(steps, chart.step);
      const jump = event.shiftKey ? Math.max(1, Math.round(steps.length / 20)) : 1;
      const moves = { ArrowRight: index + jump, ArrowLeft: index < 0 ? steps.length - 1 : index - jump, Home: 0, End: steps.length - 1 };
      if (event.key === "Escape") return hide(chart);
      const count = chart.data.series.length;
      if (event.key === "ArrowDown" && index >= 0) chart.chosen = ((chart.chosen ?? -1) + 1) % count;
      else if (event.key === "ArrowUp" && index >= 0) chart.chosen = ((chart.chosen ?? count) + count - 1) % count;
      else if (!(event.key in moves)) return;
      event.preventDefault();
      const to = Math.min(steps.length - 1, Math.max(0, moves[event.key] ?? index));
      show(chart, steps[to], () => chart.chosen ?? 0, true);
    });
  }
})();
