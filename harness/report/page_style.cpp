#include <fmt/format.h>

#include "harness/report/html.hpp"
#include "harness/report/page_parts.hpp"

namespace harness {

// Colours first, for light and dark; then the page from top to bottom, small screens, paper.
const std::string_view kPageStyle = R"css(
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #565c64; --paper: #ffffff;
  --line: #d5d9de; --shade: #f1f3f5; --link: #0b5cad; --alarm: #b3261e;
  --supported: #1a7f37; --contradicted: #b3261e; --negligible: #0b5cad; --fragile: #8a5a00;
  --inconclusive: #57606a; --unchecked: #000000; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a5acb5; --paper: #16181b;
  --line: #3a3f46; --shade: #24282d; --link: #7db8f5; --alarm: #ff8f85;
  --supported: #5cc878; --contradicted: #ff8f85; --negligible: #7db8f5; --fragile: #e5b04d;
  --inconclusive: #a5acb5; --unchecked: #ffffff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1rem 4rem; max-width: 80rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.0625rem; margin: 1.25rem 0 .5rem; }
p, li, dd { max-width: 60rem; }
p { margin: .5rem 0; }
li { margin-bottom: .4rem; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--link);
  outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .25rem .5rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
pre { padding: .75rem 1rem; overflow-x: auto; background: var(--shade);
  border: 1px solid var(--line); border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .8125rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: .5rem 0; }
th, td { padding: .3rem .5rem; text-align: left; vertical-align: top; font-weight: normal;
  border-top: 1px solid var(--line); }
thead th { font-weight: 600; vertical-align: bottom; border-top: 0;
  border-bottom: 2px solid var(--line); }
td.number, th.number { text-align: right; }
.runs td, .environments td, td.effect { white-space: nowrap; }
.runs code { overflow-wrap: normal; }
.environments td.long { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
summary { cursor: pointer; color: var(--link); padding: .25rem 0; }
.soft, .scope { color: var(--soft); }
.alarm { color: var(--alarm); font-weight: 600; }

/* An outcome has its colour as background of its verdict, and as ink elsewhere. */
.supported { --own: var(--supported); } .contradicted { --own: var(--contradicted); }
.negligible { --own: var(--negligible); } .fragile { --own: var(--fragile); }
.inconclusive { --own: var(--inconclusive); } .unchecked { --own: var(--unchecked); }
.word { display: inline-block; padding: 0 .45em; border-radius: 3px; color: var(--paper);
  background: var(--own); font-size: .85em; font-weight: 600; letter-spacing: .02em;
  white-space: nowrap; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.finding { color: var(--own); font-weight: 600; }

/* The first screen. */
header { display: grid; grid-template-columns: minmax(0, 1fr) auto; column-gap: 1.5rem;
  align-items: start; }
h1, .matrix, header nav { grid-column: 1 / -1; }
.found { grid-column: 1; grid-row: 2; line-height: 1.5; }
.found p { margin: 0 0 .4rem; }
.provenance { color: var(--soft); font-size: .8125rem; }
.thumbnails { grid-column: 2; grid-row: 2; display: grid; gap: .4rem;
  grid-template-columns: repeat(2, 9.5rem); }
.thumbnails a { display: block; font-size: .75rem; line-height: 1.3; }
.thumbnail { display: block; width: 100%; height: auto; background: #ffffff;
  border: 1px solid var(--line); border-radius: 3px; }
.matrix { margin-top: .5rem; table-layout: fixed; font-size: .78125rem; line-height: 1.3; }
.matrix th:nth-child(1) { width: 24%; } .matrix th:nth-child(2) { width: 8%; }
.matrix th:nth-child(3) { width: 21.5%; } .matrix th:nth-child(4) { width: 30.5%; }
.matrix th:nth-child(5) { width: 10%; } .matrix th:nth-child(6) { width: 6%; }
.matrix th, .matrix td { padding: .15rem .4rem; }
.matrix th[scope=row] a { font-weight: 600; margin-right: .25em; }
.matrix td.asked, .axes { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.counts { font-size: .96em; }
.squares i { display: inline-block; width: 5px; height: 10px; margin-right: 1px;
  background: var(--own); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.squares .published { width: 10px; margin-right: 3px; }
.axes { display: block; color: var(--soft); }
.turn { font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .75rem;
  font-size: .875rem; }

/* A claim's section. */
.claim { margin-bottom: 2.5rem; scroll-margin-top: 1rem; }
.bars { margin-top: .75rem; max-width: 62rem; }
.bars th[scope=row] { width: 22%; min-width: 9rem; overflow-wrap: anywhere; }
.bars td:nth-child(2) { width: 45%; padding: 0 .5rem; }
.bars tbody th, .bars tbody td { border-top: 0; vertical-align: middle; }
.bars .control th { padding-left: 1.5rem; color: var(--soft); }
.bars svg { display: block; width: 100%; height: 1.7rem; overflow: visible; }
.bars .ticks { height: 1rem; }
.bars tbody td, .bars tbody th { padding-top: 0; padding-bottom: 0; }
.bars .finding { white-space: nowrap; }
.bar .margin { fill: var(--line); opacity: .55; }
.bar .zero, .ticks line { stroke: var(--soft); stroke-width: 1; }
.bar .interval { stroke: var(--own); stroke-width: 2.5; }
.bar circle { fill: var(--own); stroke: var(--own); stroke-width: 1.5; }
.bar.control circle { fill: var(--paper); }
.bar.control .interval { stroke-width: 1.5; }
.ticks text { fill: var(--soft); font-size: 11px; }
.axis td { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin: 1rem 0; }
dd { margin: 0; }

/* What is not on the screen is laid out later: the page opens in half the time. */
figure, .claim { content-visibility: auto; contain-intrinsic-size: auto 50rem; }
figure { margin: 0 0 2rem; break-inside: avoid; scroll-margin-top: 1rem; }
.picture { background: #ffffff; padding: .75rem; border: 1px solid var(--line);
  border-radius: 4px; overflow-x: auto; }
.picture svg { display: block; width: 100%; height: auto; max-width: 60rem; margin: 0 auto; }
/* Figures of two studies. */
.beside { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
figcaption { font-size: .875rem; color: var(--soft); max-width: 60rem; }
/* Pictures are drawn on white; turned round, they keep their hues. */
@media (prefers-color-scheme: dark) { .picture svg, .thumbnail {
  filter: invert(.92) hue-rotate(180deg); } .picture { background: #141414; } }

@media (max-width: 60rem) {
  body { padding: .75rem .75rem 3rem; }
  header { display: block; }
  .thumbnails { grid-template-columns: repeat(2, minmax(0, 1fr)); margin-top: 1rem; }
  .beside { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .bars thead { display: none; }
  .bars tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; padding: .2rem 0; }
  .bars th[scope=row], .bars td:nth-child(2) { width: auto; grid-column: 1 / -1; }
  .bars th, .bars td { padding: 0 .25rem; } .bars svg { height: 1.2rem; }
}
@media (max-width: 40rem) {
  h1 { font-size: 1.0625rem; margin-bottom: .3rem; }
  .found { font-size: .8125rem; line-height: 1.35; }
  .provenance { font-size: .6875rem; line-height: 1.25; }
  .matrix thead, .matrix .asked, .matrix .axes, .matrix .more:not(:has(.turn)),
  .matrix .more > :not(.turn) { display: none; }
  .matrix tr { display: block; position: relative; padding: .15rem 0; line-height: 1.2;
    font-size: .6875rem; border-top: 1px solid var(--line); }
  .matrix th, .matrix td { border: 0; padding: 0; }
  .matrix th[scope=row] { display: block; width: auto; padding-right: 4rem; font-size: .75rem;
    line-height: 1.2; }
  .matrix tr:not(:has(.verdict .fragile)) th { padding-right: 7rem; }
  .matrix .verdict { position: absolute; right: 0; top: .15rem; text-align: right; }
  .matrix .definitions, .matrix .more { display: inline; }
  .matrix .turn { margin-left: .5em; white-space: nowrap; } .matrix .word { font-size: .625rem; }
  .squares i { height: 8px; }
  dl { grid-template-columns: 1fr; }
  .picture { padding: .25rem; }
  .picture svg { min-width: 34rem; }
}
@media print { @page { size: A4 landscape; margin: 12mm; }
  :root { color-scheme: light; --ink: #000000; --soft: #444444; --paper: #ffffff; --line: #bbbbbb;
    --shade: #ffffff; --link: #000000; --alarm: #b3261e; --supported: #1a7f37;
    --contradicted: #b3261e; --negligible: #0b5cad; --fragile: #8a5a00; --inconclusive: #57606a;
    --unchecked: #000000; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  .picture svg, .thumbnail { filter: none; } .picture { background: #ffffff; }
  table, .matrix { font-size: 7.5pt; } th, td { padding: .2rem .35rem; }
  .wide, .picture { overflow: visible; } figure, .claim { content-visibility: visible; }
  /* A claim's numbers unfold on paper; the table of every result is wider than paper. */
  .claim details::details-content { content-visibility: visible; display: block; }
  .numbers td, .numbers th { white-space: normal; overflow-wrap: anywhere; }
  header nav, .skip { display: none; }
  tr, pre, dl { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .runs td.number { white-space: normal; } }
)css";

std::string page_start(const std::string& title, std::string_view skip_to) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n"
      "<a class=\"skip\" href=\"#{2}\">Skip to the {2}</a>\n",
      escape(title), kPageStyle, skip_to);
}

}  // namespace harness
