// The flags of `ccbench gate`, beside those of `run` that say what to run.
#pragma once

#include <array>

#include "cli/flags.h"

namespace ccbench {

inline constexpr std::string_view kGateGroup = "What to compare";
inline constexpr std::string_view kGateRulesGroup = "How to judge";
inline constexpr std::string_view kGateOutputGroup = "What CI reads";

inline constexpr std::array<Flag, 17> kGateFlags = {{
    {"base", "FILE", "", kGateGroup, "the old ccbench; this one is the candidate"},
    {"base-guard", "NAME", "", kGateGroup, "of this ccbench; against --candidate-guard"},
    {"candidate-guard", "NAME", "", kGateGroup, "the guard that is to be as good as --base-guard"},
    {"base-config", "FILE", "", kGateGroup, "flags of the base; against --candidate-config"},
    {"candidate-config", "FILE", "", kGateGroup, "flags of the candidate"},
    {"baseline", "FILE", "", kGateGroup,
     "trials.csv of another day: counts, verdicts and ratios are compared, times are not"},
    {"self-test", "", "", kGateGroup, "is the gate red where it must be, and only there? Exits 0 or 7"},

    {"threshold", "F", "10%", kGateRulesGroup,
     "slower by less is no regression, 0.1% to 1000%; --baseline: 50%"},
    {"metric", "NAME[,NAME...]", "", kGateRulesGroup,
     "columns of trials.csv without _ns, and lone_p99, the latency_p99 of one thread [wall,lone_p99; other "
     "workloads: wall,wait_p99; --duration: throughput,wait_p99; --rate: latency_p50,latency_p99]"},
    {"looks", "N[,N...]", "20,40,80", kGateRulesGroup, "pairs after which to judge, ascending, 6 to 10000"},
    {"alpha", "F", "0.5%", kGateRulesGroup,
     "probability of a false word to either side, per look, shared by the metrics, 0.0001% to 20%"},
    {"repeat", "N", "3", kGateRulesGroup, "trials of each arm in a pair, 1 to 99"},
    {"budget", "D", "6m", kGateRulesGroup, "no further look if it would take longer, 1s to 24h"},

    {"junit", "FILE", "", kGateOutputGroup, "JUnit XML: one case per invariant and per metric"},
    {"markdown", "FILE", "", kGateOutputGroup, "a table for a comment on a pull request"},
    {"bencher", "FILE", "", kGateOutputGroup, "Bencher Metric Format"},
    {"github-benchmark", "FILE", "", kGateOutputGroup, "for github-action-benchmark: customSmallerIsBetter"},
}};

}  // namespace ccbench
