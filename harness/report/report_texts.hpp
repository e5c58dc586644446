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

/// What to keep in mind, in HTML.
inline constexpr std::string_view kCaveats = R"html(<ul>
<li><strong>One seed in the paper.</strong> The published figures show one run of each arm, without
error bars. Here every arm has as many runs as the table below lists.</li>
<li><strong>Two learning rates in Experiments 1 to 3.</strong> As published, <code>none</code> learns with 5e-4 and all
other arms with 1e-4. <code>none_matched</code> is <code>none</code> with 1e-4.</li>
<li><strong>manual_l2 changes three things at once:</strong> no centring, no gain and bias, and
radius 1 where layernorm has &radic;C. Radius 1 bounds the logits, so a high loss may be temperature
rather than missing expression. <code>sphere</code> has radius &radic;C and no gain and bias.</li>
<li><strong>Raw sharpness depends on the scale of the weights</strong>
(<a href="https://arxiv.org/abs/1703.04933">Dinh et al. 2017</a>), and an arm with a lower loss has a
flatter slice in absolute terms. The filter-normalized slice
(<a href="https://arxiv.org/abs/1712.09913">Li et al. 2018</a>) takes the scale out.</li>
<li><strong>Accumulated slice.</strong> In Experiments 2 and 3 the published program adds each step
to the weights without taking the last one off: what is drawn against &alpha; is a walk along the
direction to &minus;5.13 and back. The protocol <code>accumulated</code> repeats that walk;
<code>published</code> is what the paper describes.</li>
<li><strong>Spectra are not centred.</strong> They mix the mean direction into anisotropy, and
layernorm&rsquo;s last singular value is near zero by construction.</li>
<li><strong>The task of Experiments 1 to 3 is a copy.</strong> The answer to every sequence is its own last token, so
nothing has to be recalled, and the task has no low-rank structure.</li>
<li><strong>Experiment 4: how much was trained.</strong> Each verdict says on which rows and for how
long. On 4,096 texts a model of this size can learn them by heart; what it does on 120,000
may differ.</li>
<li><strong>Experiment 4: padding.</strong> Texts fill less than half of the 128 positions, and with
no positions and no mask every [PAD] of a text has the same activation: over half of the rows of a
published spectrum repeat one vector a text, which alone makes it look collapsed, in every arm. The
protocols <code>no_padding</code> leave these rows out; they do not undo that [PAD] takes part in
attention, and so mixes into every other row. <code>masked</code> trains without.</li>
<li><strong>Experiment 4: accuracy is that of training</strong> in the paper, counted while the last
epoch runs. <code>held_out</code> is counted after it, on texts of the test split.</li>
<li><strong>Experiment 4: the radius.</strong> Six blocks of <code>manual_l2</code> keep activations at
length 1 where layernorm&rsquo;s have &radic;C; an accuracy below layernorm&rsquo;s is a sign of
missing expression only as far as <code>sphere</code> shares it.</li>
</ul>
)html";

}  // namespace harness
