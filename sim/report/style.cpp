// SPDX-License-Identifier: Apache-2.0
#include "sim/report/page.hpp"

namespace aisle::sim::report {
namespace {

// Colours are written out: a figure is drawn without the page too.
constexpr std::string_view kFigureStyle = R"css(
svg text { fill: #17202c; }
svg .small { font-size: 11.5px; fill: #5b6776; }
svg .tiny { font-size: 9.5px; fill: #ffffff; }
svg .inside { font-size: 13px; font-weight: 600; fill: #ffffff; }
svg .dark { fill: #17202c; }
svg .rank { font-size: 12.5px; font-weight: 600; paint-order: stroke; stroke: #ffffff;
  stroke-width: 5px; }
svg .halo { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
svg .grid { stroke: #dde3ea; stroke-width: 1; }
svg .axis { stroke: #17202c; stroke-width: 1; }
svg .capacity { stroke: #b3402b; stroke-width: 1.6; stroke-dasharray: 5 3; }
svg .bound { fill: #e4ebe7; }
svg .idle { fill: #8193a8; fill-opacity: .12; }
svg .span { stroke: #ffffff; stroke-width: .5; }
)css";

constexpr std::string_view kStyle = R"css(
:root { --ink: #17202c; --soft: #5b6776; --line: #dde3ea; --paper: #ffffff; --wash: #f4f6f9;
  --accent: #24507f; --good: #2d7d5a; --bad: #b3402b; }
* { box-sizing: border-box; }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { margin: 0; background: var(--wash); color: var(--ink);
  font: 15px/1.5 "Inter", "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 36px 40px 48px; background: var(--paper); }
header { border-top: 6px solid var(--accent); padding-top: 18px; }
.product { color: var(--accent); font-weight: 600; letter-spacing: .08em; font-size: 12px;
  text-transform: uppercase; }
h1 { font-size: 29px; line-height: 1.2; margin: 6px 0 6px; letter-spacing: -.01em; }
.question { color: var(--soft); font-size: 17px; margin: 0 0 16px; }
h2 { font-size: 19px; margin: 40px 0 4px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 14px; margin: 18px 0 4px; color: var(--soft); font-weight: 600; }
p { margin: 6px 0 10px; }
.note, figcaption { color: var(--soft); font-size: 13px; }
dl.setup { display: grid; grid-template-columns: 92px 1fr; gap: 3px 12px; margin: 0 0 18px;
  font-size: 14px; }
dl.setup dt { color: var(--soft); }
dl.setup dd { margin: 0; }
.answer { background: #eaf1f8; border-left: 4px solid var(--accent); padding: 12px 18px;
  font-size: 16px; margin: 0 0 18px; }
.refused { background: #fbecea; border-left: 4px solid var(--bad); padding: 12px 18px;
  margin: 0 0 18px; }
.refused strong { color: var(--bad); font-size: 18px; display: block; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin-top: 18px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px 10px;
  break-inside: avoid; }
.card .label { color: var(--soft); font-size: 13px; }
.card .value { font-size: 27px; font-weight: 650; line-height: 1.25; letter-spacing: -.01em; }
.card .unit { font-size: 14px; font-weight: 500; color: var(--soft); letter-spacing: 0; }
.card .range { color: var(--soft); font-size: 12.5px; white-space: nowrap; }
.basis { white-space: nowrap; font-size: 12.5px; color: var(--soft); }
.basis::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%;
  margin-right: 6px; background: var(--dot, #999); }
.measured { --dot: #2d7d5a; } .calibrated { --dot: #7fb069; } .vendor { --dot: #e8b84a; }
.extrapolated { --dot: #e08a3c; } .assumed { --dot: #b3402b; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 8px 0; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 8px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 13px; margin: 8px 0; }
.good { color: var(--good); font-weight: 600; white-space: nowrap; }
.bad { color: var(--bad); font-weight: 600; white-space: nowrap; }
.scroll { overflow-x: auto; }
figure { margin: 12px 0 4px; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; }
svg.error { width: 110px; height: 13px; margin-top: 4px; }
svg text { font-family: inherit; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 6px;
  padding: 12px 16px; font: 12.5px/1.45 "JetBrains Mono", "DejaVu Sans Mono", Menlo, monospace;
  overflow-x: auto;
  white-space: pre-wrap; }
ul.caveats { padding-left: 20px; margin: 6px 0; } ul.caveats li { margin: 3px 0; }
footer { margin-top: 40px; border-top: 1px solid var(--line); padding-top: 10px; color: var(--soft);
  font-size: 12.5px; }
figcaption .basis { margin: 0 8px; }
@media (max-width: 860px) { main { padding: 20px 16px; } h1 { font-size: 24px; }
  .cards { grid-template-columns: repeat(2, 1fr); gap: 8px; } .card { padding: 10px; }
  .card .value { font-size: 21px; } .card .range { white-space: normal; }
  dl.setup { grid-template-columns: 1fr; } dl.setup dd { margin-bottom: 4px; }
  th, td { padding-right: 8px; } table { font-size: 13px; }
  figure svg { min-width: 600px; } .many table { min-width: 720px; } }
@media print { body { background: #fff; font-size: 12px; } main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; } .scroll { overflow: visible; }
  .card .value { font-size: 20px; } @page { margin: 14mm; } }
)css";

}  // namespace

std::string_view figure_style() {
  return kFigureStyle;
}

std::string_view style() {
  return kStyle;
}

}  // namespace aisle::sim::report
