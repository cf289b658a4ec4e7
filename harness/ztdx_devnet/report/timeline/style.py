"""The look of the page. Ink is the chain, the accent is the product, amber is what was injected,
red is only ever what is wrong; nothing is said by colour alone."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --panel: light-dark(#ffffff, #14171b); --sunk: light-dark(#f3f4f7, #1a1e24);
  --line: light-dark(#e3e6eb, #262b33); --line2: light-dark(#c6cbd4, #3d4550);
  --ink: light-dark(#15181d, #eceef1); --ink2: light-dark(#454c59, #b8bec9);
  --ink3: light-dark(#5f6775, #949dab); --accent: light-dark(#1d55d6, #8ab0ff);
  --warn: light-dark(#855000, #e6b058); --bad: light-dark(#b91c2b, #ff8a8c);
  --bad-soft: light-dark(#fdeeee, #34191c); --on-bad: light-dark(#ffffff, #1d0708);
  --sans: ui-sans-serif, -apple-system, BlinkMacSystemFont, "Segoe UI", Inter, Roboto,
    "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--panel); color: var(--ink); font: 14px/21px var(--sans);
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h1, h2, h3, p, dl, dd, ol, figure { margin: 0; padding: 0; }
ol { list-style: none; }
a { color: var(--accent); text-underline-offset: 2.5px; }
code, .mono { font-family: var(--mono); font-size: .94em; }
b { font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.vh { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.dim { color: var(--ink3); }
.top { display: flex; flex-wrap: wrap; gap: 2px 20px; align-items: center; padding: 10px 24px;
  border-bottom: 1px solid var(--line); }
.top b { font-size: 15px; }
.top nav { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.top nav a { color: var(--ink2); text-decoration: none; padding: 3px 0; }
.top nav a:hover { text-decoration: underline; }
main { max-width: 1232px; margin: 0 auto; padding: 28px 24px 48px; }
section { padding-bottom: 28px; margin-bottom: 24px; border-bottom: 1px solid var(--line); }
section:last-child { border: 0; margin: 0; }
h2 { font-size: 17px; line-height: 24px; font-weight: 600; margin-bottom: 14px; }
h2.second { margin-top: 28px; }
h2 .dim { font-weight: 400; font-size: 14px; margin-left: 8px; }
h3 { font-size: 14px; font-weight: 600; }
.stamp { display: inline-flex; align-items: center; height: 32px; padding: 0 14px;
  border-radius: 4px; background: var(--bad); color: var(--on-bad); font-size: 16px;
  font-weight: 600; }
.stamp.held { background: var(--ink); color: var(--panel); }
.stamp.maybe { background: none; box-shadow: inset 0 0 0 1.5px var(--warn); color: var(--warn); }
h1 { font-size: 34px; line-height: 42px; font-weight: 600; letter-spacing: -.015em;
  margin: 14px 0 4px; }
.rule { font-size: 18px; line-height: 27px; color: var(--ink2); }
.meta { display: flex; flex-wrap: wrap; gap: 6px 28px; margin-top: 18px; }
.meta div { display: flex; gap: 8px; min-width: 0; max-width: 100%; }
.meta .wide { flex-basis: 100%; }
.meta dt { color: var(--ink3); white-space: nowrap; }
.meta dd { font-weight: 600; min-width: 0; }
.meta dd.mono { font-weight: 400; }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) 56px minmax(0, 1fr); }
.side { border: 1px solid var(--line2); border-left: 4px solid var(--ink); border-radius: 4px;
  padding: 14px 16px; }
.side.seen { border-left-color: var(--bad); }
.side h3 { color: var(--ink3); font-weight: 400; }
.side p { font-size: 18px; line-height: 27px; font-weight: 600; }
.maybe .side.seen { border-left-color: var(--warn); }
.maybe .neq { color: var(--warn); }
.ended { margin-top: 12px; }
.neq { display: grid; place-items: center; font-size: 30px; color: var(--bad); }
.figbox { overflow-x: auto; scrollbar-width: thin; padding-bottom: 6px; }
.figbox { direction: rtl; position: relative; }
.drawing { direction: ltr; display: flex; width: max-content; margin-right: auto; }
.names { position: sticky; left: 0; flex: none; background: var(--panel); }
.fig { display: block; font: 13px/1 var(--sans); font-variant-numeric: tabular-nums; }
.fig text { fill: var(--ink2); }
.fig path, .fig .ring { fill: none; }
.fig .lane, .fig .strong { fill: var(--ink); font-weight: 600; }
.fig .sub, .fig .num, .fig .off { fill: var(--ink3); }
.fig .inv { fill: var(--panel); }
.fig .wrongt { fill: var(--bad); font-weight: 600; }
.fig .warnt { fill: var(--warn); }
.fig .acc { fill: var(--accent); font-weight: 600; }
.fig .zone { fill: var(--sunk); }
.fig .badcol { fill: var(--bad-soft); }
.fig .link { stroke: var(--ink3); stroke-width: 1.5; }
.fig .orphan { stroke-dasharray: 2 2.5; }
.fig .block { fill: var(--panel); stroke: var(--ink2); stroke-width: 1.5; }
.fig .block.final { fill: var(--ink2); stroke: none; }
.fig .block.head { stroke: var(--ink); stroke-width: 2.5; }
.fig .block.orphan { stroke: var(--ink3); }
.fig .fold { fill: var(--panel); stroke: var(--ink3); stroke-width: 1.25; }
.fig .press, .fig .break { stroke: var(--ink3); }
.fig .finalline { stroke: var(--ink); stroke-width: 1.25; stroke-dasharray: 4 3; }
.fig .dep { fill: var(--ink); }
.fig .dep.inv { fill: var(--panel); }
.fig .dep.off { fill: var(--panel); stroke: var(--ink3); stroke-width: 1.25; }
.fig .rail { stroke: var(--accent); stroke-width: 3; }
.fig .rail.todo { stroke: var(--ink3); stroke-width: 1.5; stroke-dasharray: 1.5 4; }
.fig .cursor { stroke: var(--accent); stroke-width: 2; }
.fig .cursor.wrong { stroke: var(--bad); }
.fig .tie { stroke: var(--ink3); }
.fig .tie.wrong { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
.fig .mark.credited { fill: var(--accent); }
.fig .mark.reversed, .fig .moved { fill: var(--panel); stroke: var(--accent); stroke-width: 1.5; }
.fig .wrong circle { fill: var(--bad); }
.fig .wrong path { stroke: var(--on-bad); stroke-width: 2; }
.fig .guide { stroke: var(--line); }
.fig .bar { stroke: var(--ink); stroke-width: 2; }
.fig .cross { stroke: var(--ink); stroke-width: 2; }
.fig .sent { fill: var(--panel); stroke: var(--ink2); stroke-width: 1.5; }
.fig .held { fill: var(--panel); stroke: var(--warn); stroke-width: 1.5; }
.fig .armed { stroke: var(--warn); stroke-width: 2; }
.fig .fired { fill: var(--warn); }
.fig .unfired { fill: var(--panel); stroke: var(--warn); stroke-width: 1.5; }
.fig .narrow { display: none; }
.figbox + .dim { margin-top: 6px; }
table { width: 100%; border: 1px solid var(--line); border-radius: 4px; border-spacing: 0;
  border-collapse: separate; table-layout: fixed; }
th, td { padding: 6px 12px; text-align: left; vertical-align: top; font-size: 13px;
  line-height: 19px; font-weight: 400; border-top: 1px solid var(--line); }
thead th { border: 0; background: var(--sunk); color: var(--ink2); font-weight: 600; }
td.time, th.time { white-space: nowrap; }
.banner td, .skip td { background: var(--sunk); color: var(--ink2); }
.banner td, .skip td { padding-top: 3px; padding-bottom: 3px; }
col.time { width: 9.5em; }
.first td { background: var(--bad-soft); }
.tone-quiet { color: var(--ink3); }
.tone-fault { color: var(--warn); }
.tone-wrong { color: var(--bad); font-weight: 600; }
.codebox { position: relative; border: 1px solid var(--line); border-radius: 4px;
  background: var(--sunk); overflow-x: auto; padding: 10px 0; }
.code { font: 13px/21px var(--mono); min-width: max-content; }
.code li { white-space: pre; padding-right: 16px; color: var(--ink2); }
.code .no { display: inline-block; width: 48px; padding-right: 12px; margin-right: 12px;
  text-align: right; color: var(--ink3); border-right: 1px solid var(--line2); }
.code .hit { background: var(--bad-soft); box-shadow: inset 4px 0 var(--bad); color: var(--ink); }
.code .hit .no { color: var(--bad); font-weight: 600; }
.code .hit.maybe { background: var(--sunk); box-shadow: inset 4px 0 var(--warn); }
.code .hit.maybe .no { color: var(--warn); }
.cmd { padding: 12px 18px; border: 1px solid var(--line2); border-radius: 6px;
  background: var(--sunk); margin-bottom: 10px; font-size: 18px; line-height: 26px; }
@media (max-width: 900px) {
  .sides { grid-template-columns: minmax(0, 1fr); gap: 6px; }
  .neq { place-items: center start; padding-left: 16px; }
}
@media screen and (max-width: 720px) {
  main { padding: 18px 16px 40px; }
  .top { padding: 10px 16px; }
  h1 { font-size: 26px; line-height: 32px; }
  .fig .narrow { display: inline; }
  .fig .wide { display: none; }
  table, tbody, tr, td, th { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { border-top: 1px solid var(--line); padding: 6px 0; }
  td, tbody th { border: 0; padding: 1px 12px; }
  td:empty { display: none; }
  .banner, .skip { background: var(--sunk); }
  .first { background: var(--bad-soft); }
  td[data-is]::before { content: attr(data-is) ": "; color: var(--ink3); font-weight: 400; }
  .code { font-size: 12px; }
  .cmd { font-size: 15px; }
}
@page { size: landscape; margin: 12mm; }
@media print {
  :root { color-scheme: light; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .top { display: none; }
  main { max-width: none; padding: 0; }
  .figbox { overflow: visible; direction: ltr; break-inside: avoid; }
  .drawing { width: auto; align-items: flex-start; margin-right: 0; }
  .fig, .names { position: static; flex: 0 1 auto; min-width: 0; height: auto; }
  h2 { break-after: avoid; }
  td, th { font-size: 11px; line-height: 16px; }
  .codebox { overflow: visible; }
  .code { min-width: 0; }
  .code li { white-space: pre-wrap; }
  tr, .side { break-inside: avoid; }
}
@media (forced-colors: active) {
  .fig .block.final, .fig .mark.credited { fill: CanvasText; }
  .fig .inv { fill: Canvas; }
}
"""
