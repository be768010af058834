// The flags of `ccbench run` that do not belong to a scenario.
#pragma once

#include <array>
#include <string_view>

namespace ccbench {

struct Flag {
  std::string_view name;
  std::string_view value;    ///< what stands behind it in `--help`; empty: a switch
  std::string_view initial;  ///< the default as a user would type it; empty: none
  std::string_view group;
  std::string_view about;
  /// Part of what identifies a cell in trials.csv, and without a column of its own there.
  bool param = false;
};

inline constexpr std::string_view kExperimentGroup = "What to run";
inline constexpr std::string_view kControlGroup = "How to run it";
inline constexpr std::string_view kScenarioGroup = "Settings of the scenarios";
inline constexpr std::string_view kSnapshotGroup = "Snapshots";
inline constexpr std::string_view kOutputGroup = "Output";

inline constexpr std::array<Flag, 31> kFlags = {{
    {"scenario", "NAME", "lotto-purchase", kExperimentGroup, "what one request does; see ccbench list"},
    {"guard", "NAME[,NAME...]|all", "none", kExperimentGroup, "several: one interleaved comparison"},
    {"requests", "N", "20", kExperimentGroup, "requests released together, 1 to 2000000"},
    {"threads", "N", "", kExperimentGroup, "1 to 100000 [as many as requests]; fewer: a pool"},
    {"keys", "K", "1", kExperimentGroup, "1 to 1000000; requests are spread evenly over them"},
    {"key-skew", "zipf:S", "", kExperimentGroup, "draw keys from a Zipf distribution, S from 0 to 10", true},
    {"reenter", "K", "0", kExperimentGroup, "the section asks its guard again, K deep, 0 to 100", true},

    {"trials", "R", "1", kControlGroup, "trials per guard, shuffled within each round, 1 to 100000"},
    {"seed", "S", "", kControlGroup, "decides every random choice; drawn and printed if not given"},
    {"start", "aligned|latch", "aligned", kControlGroup,
     "release all at one deadline, or as a plain latch does", true},
    {"control", "auto|always|never", "auto", kControlGroup,
     "trials without a guard: was the race there to be lost?", true},
    {"inconclusive", "ok|fail", "fail", kControlGroup, "ok: INCONCLUSIVE does not fail the command"},
    {"timeout", "D", "60s", kControlGroup, "hard limit of a trial, 1ms to 24h", true},
    {"stall", "D", "2s", kControlGroup,
     "end a trial that has not moved for its longest step and this, 1ms to 24h", true},

    {"time-scale", "F", "1", kScenarioGroup, "multiplies every delay below, 0 to 1000", true},

    {"snapshot", "D[,D...]|never", "500ms", kSnapshotGroup, "when to look where every worker is, 0 to 24h",
     true},
    {"snapshot-every", "D", "0", kSnapshotGroup, "look again and again, 1ms to 24h; 0: off", true},
    {"snapshot-at", "COND[,COND...]", "", kSnapshotGroup,
     "look once 'blocked|inside|finished OP N' holds, OP one of < <= > >= == !=", true},
    {"snapshot-full", "", "", kSnapshotGroup,
     "signal every thread for its stack, also those that run; perturbs the trial", true},

    {"csv", "FILE", "", kOutputGroup, "one row per trial; - is standard output"},
    {"requests-csv", "FILE", "", kOutputGroup, "one row per request"},
    {"snapshots-csv", "FILE", "", kOutputGroup, "one row per thread and snapshot"},
    {"thread-dump", "FILE", "", kOutputGroup,
     "every snapshot as text: who waits for what, who holds it, and stacks"},
    {"json", "FILE", "", kOutputGroup, "everything"},
    {"out", "DIR", "", kOutputGroup, "all of these files, in a folder that is made if need be"},
    {"quiet", "", "", kOutputGroup, "the table alone"},
    {"no-color", "", "", kOutputGroup, "else on a terminal only, and not where NO_COLOR is set"},
    {"no-progress", "", "", kOutputGroup, "else on a terminal only"},
    {"config", "FILE", "", kOutputGroup, "read flags from a file (name = value); the command line wins"},
    {"help", "", "", kOutputGroup, "this text"},
    {"version", "", "", kOutputGroup, "version, compiler and build type"},
}};

}  // namespace ccbench
