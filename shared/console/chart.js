/** A chart over time, by uPlot. A table beside it has the same numbers, so it is hidden from screen readers. */

import uPlot from "./uplot.js";
import { card, make } from "./dom.js";

const HEIGHT = 220;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Make a card with a chart that fits its width.
 *
 * `starts`: when each bucket begins, in milliseconds. `lines`: [label, the custom property of its colour, values].
 */
export function chart(title, starts, lines, { words = String, signal }) {
  const place = make("div", { class: "chart", "aria-hidden": "true" });
  const axis = () => ({ stroke: colour("--ink-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } });
  const shown = (_, value) => (value === null || value === undefined ? "–" : words(value));
  const series = () => lines.map(([label, name]) => ({
    label, stroke: colour(name), width: 2, value: shown, points: { show: starts.length < 60 },
  }));
  let plot = null;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot({
      width: place.clientWidth, height: HEIGHT, axes: [axis(), { ...axis(), size: 72, values: (_, ticks) => ticks.map(words) }],
      scales: { y: { range: (_, low, high) => [0, Math.max(high, low, 0) || 1] } },
      series: [{ value: (_, at) => (at ? new Date(at * 1000).toLocaleString() : "–") }, ...series()],
    }, [starts.map((at) => at / 1000), ...lines.map(([, , values]) => values)], place);
  };
  const watch = new ResizeObserver(([one]) => (plot ? plot.setSize({ width: one.contentRect.width, height: HEIGHT }) : draw()));
  watch.observe(place);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", draw, { signal });
  signal.addEventListener("abort", () => { watch.disconnect(); plot?.destroy(); });
  return card(make("h2", {}, title), place);
}
