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
inline constexpr std::string_view kGuardGroup = "Settings of the guards";
inline constexpr std::string_view kSnapshotGroup = "Snapshots";
inline constexpr std::string_view kOutputGroup = "Output";

/// Flags that take a list of values, for a sweep over all combinations; so does every setting of a scenario
/// or guard.
inline constexpr auto kSweepable =
    std::to_array<std::string_view>({"requests", "threads", "duration", "rate", "keys", "read-ratio",
                                     "reenter", "start", "window", "time-scale", "plant"});

inline constexpr std::array<Flag, 45> kFlags = {{
    {"scenario", "NAME", "lotto-purchase", kExperimentGroup, "what one request does; see ccbench list"},
    {"guard", "NAME[,NAME...]|all", "none", kExperimentGroup, "several: one interleaved comparison"},
    {"requests", "N", "20", kExperimentGroup, "requests released together, 1 to 10000000000"},
    {"threads", "N", "", kExperimentGroup,
     "1 to 100000 [as many as requests; a --duration: CPUs]; fewer: a pool"},
    {"duration", "D", "0", kExperimentGroup,
     "as many requests as a pool carries until then, 1ms to 24h; 0: off", true},
    {"rate", "R", "0", kExperimentGroup, "requests arrive at so many per second, 0.001 to 10000000; 0: off",
     true},
    {"arrivals", "even|poisson", "even", kExperimentGroup, "with --rate: evenly spaced, or at random", true},
    {"keys", "K", "1", kExperimentGroup, "1 to 1000000; requests are spread evenly over them"},
    {"key-skew", "zipf:S", "", kExperimentGroup, "draw keys from a Zipf distribution, S from 0 to 10", true},
    {"read-ratio", "F", "0", kExperimentGroup, "so much of the requests only read, 0 to 1", true},
    {"reenter", "K", "0", kExperimentGroup, "the section asks its guard again, K deep, 0 to 100", true},

    {"trials", "R", "1", kControlGroup, "trials per guard, shuffled within each round, 1 to 100000"},
    {"reference", "NAME", "", kControlGroup, "guard that others are measured against [the first that holds]"},
    {"until-fail", "", "", kControlGroup,
     "stop at the first trial in which a guard fails; --trials is the most [100000]"},
    {"shrink", "", "", kControlGroup,
     "and find the fewest requests and shortest window that still fail; one guard"},
    {"dry-run", "", "", kControlGroup, "say what would run and for how long, and run nothing"},
    {"seed", "S", "", kControlGroup, "decides every random choice; drawn and printed if not given"},
    {"start", "aligned|latch", "aligned", kControlGroup,
     "release all at one deadline, or as a plain latch does", true},
    {"control", "auto|always|never", "auto", kControlGroup,
     "trials without a guard: was the race there to be lost?", true},
    {"expect", "'METRIC OP VALUE'", "", kControlGroup,
     "exit 8 unless it is so: METRIC a column of trials.csv without _ns, OP one of < <= > >= == !=, in every "
     "trial ('success == 1', 'wait_p99{guard=cas} < 5ms'), or with _min, _p50, _max over a guard's trials "
     "('wall_p50 < 2s'); may be given again"},
    {"plant", "F[/N]", "", kControlGroup,
     "self-test: make guards F times as slow, 1 to 1000; /N: every Nth section of a key alone, 1 to 1000000",
     true},
    {"inconclusive", "ok|fail", "fail", kControlGroup, "ok: INCONCLUSIVE does not fail the command"},
    {"timeout", "D", "60s", kControlGroup, "hard limit of a trial once its requests have arrived, 1ms to 24h",
     true},
    {"stall", "D", "2s", kControlGroup,
     "end a trial that has not moved for its longest step and this, 1ms to 24h", true},

    {"window", "D", "0", kScenarioGroup, "pause between the scenario's check and its act, 0 to 24h", true},
    {"window-kind", "fixed|jittered", "fixed", kScenarioGroup,
     "the same pause always, or from 0 to twice that, by the seed", true},
    {"time-scale", "F", "1", kScenarioGroup, "multiplies every time below, 0 to 1000", true},

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
    {"html", "FILE", "", kOutputGroup, "a page of tables and pictures, for a browser"},
    {"trace", "FILE", "", kOutputGroup,
     "timelines of each guard's last trial, for ui.perfetto.dev and chrome://tracing"},
    {"out", "DIR", "", kOutputGroup, "all of these files, in a folder that is made if need be"},
    {"quiet", "", "", kOutputGroup, "the table alone"},
    {"no-color", "", "", kOutputGroup, "else on a terminal only, and not where NO_COLOR is set"},
    {"no-progress", "", "", kOutputGroup, "else on a terminal only"},
    {"config", "FILE", "", kOutputGroup, "read flags from a file (name = value); the command line wins"},
    {"help", "", "", kOutputGroup, "this text"},
    {"version", "", "", kOutputGroup, "version, compiler and build type"},
}};

}  // namespace ccbench
