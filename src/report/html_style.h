// How a report looks. Colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with
// any kind of colour vision tell apart, darker or lighter where the ground asks for it.
#pragma once

#include <string_view>

namespace ccbench {

inline constexpr std::string_view kStyle = R"css(
:root {
  --ground: #fff; --raised: #f5f6f8; --ink: #1b1f24; --faint: #626b76; --rule: #d4d9df;
  --good: #00785a; --bad: #b84300; --unsure: #8a6100;
  --blue: #0072b2; --red: #d55e00; --green: #009e73; --pink: #b9588f; --amber: #c78500; --sky: #3d9bd9; --brown: #7d6650;
  --grey: #8c949e; --wait: #e69f00; --on-bar: #fff;
  --early: #cfe4f3; --step0: #9ccbea; --step1: #0072b2; --step2: #5aa9d6; --step3: #004a75; --step4: #7fb9de; --step5: #2d86bd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --raised: #1e2329; --ink: #e6e9ed; --faint: #9aa4b0; --rule: #363d46;
    --good: #35c79b; --bad: #ff8a4c; --unsure: #e6b032;
    --blue: #4da3dc; --red: #f0803c; --green: #2fb98d; --pink: #e08fc0; --amber: #e6b032; --sky: #8fd0f5; --brown: #c9b299;
    --grey: #858e99; --wait: #d08f00; --on-bar: #0b0d10;
    --early: #23425a; --step0: #2c5d80; --step1: #4da3dc; --step2: #2f7fb3; --step3: #a9d7f5; --step4: #3b6e91; --step5: #76bce8;
  }
}
@media print {
  :root {
    --ground: #fff; --raised: #fff; --ink: #000; --faint: #4b535c; --rule: #bcc2ca;
    --good: #00785a; --bad: #b84300; --unsure: #8a6100;
    --blue: #0072b2; --red: #d55e00; --green: #009e73; --pink: #b9588f; --amber: #c78500; --sky: #3d9bd9; --brown: #7d6650;
    --grey: #8c949e; --wait: #e69f00; --on-bar: #fff;
    --early: #cfe4f3; --step0: #9ccbea; --step1: #0072b2; --step2: #5aa9d6; --step3: #004a75; --step4: #7fb9de; --step5: #2d86bd;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 1.2rem; margin: 48px 0 8px; padding-top: 12px; border-top: 1px solid var(--rule); }
h4 { font-size: .9rem; margin: 0; }
a { color: var(--blue); }
article + article { margin-top: 96px; border-top: 4px solid var(--rule); padding-top: 24px; }
p { margin: 8px 0; }
.note { color: var(--faint); font-size: .75rem; margin: 2px 0; }
.lead, .faint { color: var(--faint); }
.lead { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 8px; text-align: left; vertical-align: top; font-weight: normal; border-bottom: 1px solid var(--rule); }
thead th { color: var(--faint); vertical-align: bottom; line-height: 1.25; }
.guards { width: 100%; font-size: .8125rem; }
.guards th, .guards td { padding: 4px 7px; }
.guards tbody th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; }
td.number { white-space: nowrap; }
.interval { color: var(--faint); font-size: .9em; }
.verdict { font-weight: 600; white-space: nowrap; }
.verdict.good { color: var(--good); }
.verdict.bad { color: var(--bad); }
.verdict.unsure { color: var(--unsure); }
.verdict.faint { font-weight: normal; color: var(--faint); }
.overview { width: auto; }
.overview tbody + tbody { border-top: 2px solid var(--rule); }
.unranked td.number, .unranked .interval { color: var(--faint); }
.line td { border-top: 2px solid var(--ink); background: var(--raised); color: var(--faint); padding-top: 3px; padding-bottom: 3px; }
.noisy { color: var(--unsure); font-weight: normal; font-size: .75rem; }
.pairs { table-layout: fixed; width: 100%; }
.pairs th { width: 34%; color: var(--faint); }
.pairs th, .pairs td { overflow-wrap: anywhere; }
.trials { font-size: .75rem; white-space: nowrap; }
.trials th, .trials td { padding: 2px 8px; }
.same { font-size: .8125rem; color: var(--faint); overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; font-size: .875em; }
pre { background: var(--raised); padding: 10px 12px; margin: 8px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.flag { white-space: nowrap; }
.as-is { white-space: pre; font-size: .8125rem; line-height: 1.35; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 16px; margin: 8px 0; font-size: .9375rem; }
dt { grid-column: 1; color: var(--faint); }
dd { grid-column: 2; margin: 0; display: flex; flex-wrap: wrap; gap: 0 12px; }
dd b { font-weight: 600; min-width: 8em; }
dd b.again { visibility: hidden; }
dd span { flex: 1 1 18em; overflow-wrap: anywhere; white-space: pre-wrap; }
summary { cursor: pointer; padding: 4px 0; }
.configuration { border-bottom: 1px solid var(--rule); }
.configuration > summary b { margin-right: 1em; }
.configuration h3 { font-size: 1rem; margin: 28px 0 4px; }
.summed { margin-right: 1em; font-weight: normal; }
figure { margin: 8px 0 0; }
figcaption { color: var(--faint); font-size: .9375rem; max-width: 46rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 10px 0; padding: 0; font-size: .8125rem; }
.legend li { display: flex; align-items: center; gap: 7px; }
.sample { width: 22px; height: 12px; flex: none; }
.scroll > svg { display: block; width: 100%; min-width: 540px; max-width: 900px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 20px 24px; margin-top: 12px; }
.panel > svg { display: block; width: 100%; }
svg text { font-size: 12px; fill: var(--ink); }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .faint, svg .name { fill: var(--faint); }
svg .name, svg .small { font-size: 11px; }
svg .on-bar { fill: var(--on-bar); font-weight: 600; }
svg .grid { stroke: var(--rule); fill: none; stroke-width: 1; }
.success { --c: var(--green); } .shared { --c: var(--sky); } .refused { --c: var(--grey); }
.turned-away { --c: var(--amber); } .cancelled { --c: var(--pink); } .timed-out { --c: var(--brown); }
.errors { --c: var(--red); } .unfinished { --c: var(--ink); }
.waiting { --c: var(--wait); } .queued { --c: var(--pink); } .inside { --c: var(--blue); } .after { --c: var(--grey); }
.step0 { --c: var(--step0); } .step1 { --c: var(--step1); } .step2 { --c: var(--step2); }
.step3 { --c: var(--step3); } .step4 { --c: var(--step4); } .step5 { --c: var(--step5); }
.g0 { --c: var(--blue); } .g1 { --c: var(--red); } .g2 { --c: var(--green); } .g3 { --c: var(--pink); }
.g4 { --c: var(--amber); } .g5 { --c: var(--sky); } .g6 { --c: var(--brown); } .control { --c: var(--grey); }
.unranked { --c: var(--grey); }
.early { --c: var(--early); }
.heat { fill: var(--blue); } .h0 { fill: var(--raised); stroke: var(--rule); } .h1 { fill-opacity: .25; }
.h2 { fill-opacity: .4; } .h3 { fill-opacity: .7; } .h4 { fill-opacity: .85; }
.bar { fill: var(--c); }
.thick { stroke: var(--c); stroke-width: .9; }
.line { stroke: var(--c); fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.d1 { stroke-dasharray: 7 3; } .line.d2 { stroke-dasharray: 2 2; } .line.d3 { stroke-dasharray: 9 3 2 3; }
.line.d4 { stroke-dasharray: 14 4; } .line.d5 { stroke-dasharray: 1 4; } .line.d6 { stroke-dasharray: 9 3 2 3 2 3; }
.line.d7 { stroke-dasharray: 4 2; }
.line.control { stroke-width: 1.5; stroke-dasharray: 4 4; }
.area { fill: var(--c); fill-opacity: .25; }
.dot { fill: var(--c); stroke: var(--c); stroke-width: 1.5; }
.faint-dot { fill: var(--c); stroke: var(--c); stroke-width: 1; opacity: .3; }
.whisker { stroke: var(--c); stroke-width: 2; fill: none; }
.expected { stroke: var(--ink); stroke-width: 2; fill: none; }
.snapshot { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 2; fill: none; opacity: .7; }
.counted { fill: var(--ground); stroke: var(--c); stroke-width: 2; }
.sample path { stroke: var(--c); stroke-width: 11; }
.sample .line, .sample .snapshot { stroke-width: 2; }
.sample .dot { stroke-width: 1.5; }
.sample .snapshot { stroke: var(--ink); }
@media screen and (max-width: 572px) {
  figure > .scroll::before { content: "wider than the screen: scroll sideways →"; position: sticky; left: 0; display: inline-block; color: var(--faint); font-size: .75rem; }
}
@media (max-width: 600px) { dd b.again { display: none; } dd b { min-width: 100%; } }
@media print {
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  .scroll > svg { min-width: 0; }
  figure, .panel, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .as-is { white-space: pre-wrap; font-size: 6.5pt; }
  .guards { table-layout: auto; font-size: 7.5pt; }
  .guards th, .guards td { padding: 3px 4px; }
  .panels { grid-template-columns: 1fr 1fr; }
  .configuration::details-content { content-visibility: visible; block-size: auto; }
}
)css";

}  // namespace ccbench
