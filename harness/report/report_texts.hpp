#pragma once

#include <string_view>

// The fixed parts of the report's page.

namespace harness {

inline constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #565c64; --paper: #ffffff;
  --line: #d5d9de; --shade: #f4f5f7; --link: #0b5cad; --alarm: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a5acb5; --paper: #16181b;
  --line: #3a3f46; --shade: #202328; --link: #7db8f5; --alarm: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
a { color: var(--link); }
code { font: .9em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
pre { padding: .75rem 1rem; overflow-x: auto; background: var(--shade);
  border: 1px solid var(--line); border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: 0 0 .5rem; }
th, td { padding: .4rem .6rem; text-align: left; vertical-align: top; font-weight: normal;
  border-top: 1px solid var(--line); }
thead th { font-weight: 600; vertical-align: bottom; border-top: 0;
  border-bottom: 2px solid var(--line); }
td.number, th.number { text-align: right; }
.runs td, .environments td { white-space: nowrap; }
.runs code { overflow-wrap: normal; }
.environments td.long { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
.claim { min-width: 15rem; }
.claim q { display: block; color: var(--soft); margin-top: .2rem; }
.id { font-weight: 600; }
.regime { display: block; color: var(--soft); font-size: .85em; margin-top: .2rem;
  overflow-wrap: anywhere; }
.interval { white-space: nowrap; }
.soft { color: var(--soft); }
.alarm { color: var(--alarm); font-weight: 600; }
.word { display: inline-block; padding: .05rem .5rem; border-radius: 3px; color: #ffffff;
  font-size: .9em; font-weight: 600; letter-spacing: .02em; white-space: nowrap;
  background: #3d434a; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.supported { background: #1a7f37; }
.contradicted { background: #b3261e; }
.negligible { background: #0b5cad; }
.fragile { background: #8a5a00; }
.inconclusive { background: #57606a; }
.unchecked { background: #000000; outline: 1px solid var(--soft); }
figure { margin: 0 0 2rem; break-inside: avoid; }
.picture { background: #ffffff; padding: .75rem; border: 1px solid var(--line);
  border-radius: 4px; }
.picture svg { display: block; width: 100%; height: auto; max-width: 60rem; margin: 0 auto; }
figcaption { font-size: .9rem; color: var(--soft); margin-top: .5rem; max-width: 60rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin: 1rem 0; }
dd { margin: 0; }
li { margin-bottom: .4rem; max-width: 60rem; }
@media print { @page { size: A4 landscape; margin: 12mm; }
  :root { color-scheme: light; --ink: #000000; --soft: #444444; --paper: #ffffff;
    --line: #bbbbbb; --shade: #ffffff; --link: #000000; --alarm: #b3261e; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  table { font-size: 7.5pt; } th, td { padding: .2rem .35rem; } .wide { overflow: visible; }
  tr, pre, dl { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .runs td.number { white-space: normal; } }
)css";

/// Caveats about every study, in HTML.
inline constexpr std::string_view kCaveats =
    R"html(<li><strong>One seed in the paper.</strong> The published figures show one run of each arm, without
error bars. Here every arm has as many runs as the table below lists.</li>
)html";

}  // namespace harness
