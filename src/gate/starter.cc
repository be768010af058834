#include "gate/starter.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "gate/arm.h"

namespace ccbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWorkflowPath = ".github/workflows/ccbench.yml";
constexpr std::string_view kPagePath = ".github/ccbench.md";

// In all texts below, @NAME@ is replaced.

constexpr std::string_view kHead =
    R"(# Does a change make a guard wrong or slower? Written by `ccbench gate init`, and yours to change.
#
# The job is red if the candidate does not hold (exit codes 3, 6 and 9) or is slower (4), and if that cannot be
# known (5 and 7). What is inconclusive about times alone is a warning. Annotations and the summary of the run come
# from ccbench itself, which knows where it runs.
name: ccbench
on:
  pull_request:
  workflow_dispatch:
permissions:
  contents: read
)";

constexpr std::string_view kEnvironmentOfSources = R"(env:
  # Where ccbench's sources stand in this repository.
  SOURCES: "@SOURCES@"
  # What is compared: guards that the base has, too.
  GUARDS: "@GUARDS@"
  # A run of another day to compare with, if there is one.
  BASELINE: "@BASELINE@"
  RESULTS: ccbench-results
)";

constexpr std::string_view kEnvironmentOfInstalled = R"(env:
  # The program.
  CCBENCH: ccbench
  # The run of another day to compare with.
  BASELINE: "@BASELINE@"
  RESULTS: ccbench-results
)";

constexpr std::string_view kJob = R"(
jobs:
  gate:
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    defaults:
      run:
        shell: bash
    steps:
      - uses: actions/checkout@v4
        with:
          # The base is built from the history.
          fetch-depth: 0
          persist-credentials: false
)";

constexpr std::string_view kBuild = R"(
      - name: Install what ccbench is built with
        run: |
          "$SOURCES/scripts/setup.sh" run

      - name: Build the candidate
        id: candidate
        run: |
          cmake -S "$SOURCES" --preset release
          cmake --build "$SOURCES/build/release" --target ccbench
          echo "CCBENCH=$PWD/$SOURCES/build/release/ccbench" >>"$GITHUB_ENV"

      - name: Build the base
        run: |
          base=HEAD^
          if [[ -n ${GITHUB_BASE_REF:-} ]]; then
            base=$(git merge-base HEAD "origin/$GITHUB_BASE_REF")
          fi
          git worktree add --detach "$RUNNER_TEMP/base" "$base"
          cmake -S "$RUNNER_TEMP/base/$SOURCES" --preset release
          cmake --build "$RUNNER_TEMP/base/$SOURCES/build/release" --target ccbench
          echo "BASE=$RUNNER_TEMP/base/$SOURCES/build/release/ccbench" >>"$GITHUB_ENV"
)";

constexpr std::string_view kFind = R"(
      - name: Find ccbench
        id: candidate
        run: |
          if ! command -v "$CCBENCH"; then
            echo "::error title=ccbench::there is no $CCBENCH: install it in a step before this one"
            exit 7
          fi
)";

constexpr std::string_view kSelfTest = R"(
      # A gate that cannot go red here is not to be believed when it is green.
      - name: Test the gate itself
        run: |
          "$CCBENCH" gate --self-test
)";

constexpr std::string_view kCompareWithBase = R"(
      - name: Compare with the base
        run: |
          mkdir -p "$RESULTS"
          "$CCBENCH" gate --base="$BASE" --guard="$GUARDS" \
            --json="$RESULTS/gate.json" --csv="$RESULTS/trials.csv" \
            --junit="$RESULTS/gate.xml" --markdown="$RESULTS/gate.md"
)";

constexpr std::string_view kIfThereIsOne = R"(
          if [[ ! -e $BASELINE ]]; then
            echo "there is no $BASELINE to compare with"
            exit 0
          fi)";

constexpr std::string_view kCompareWithBaseline = R"(
      - name: Compare with the baseline
        if: ${{ !cancelled() && steps.candidate.outcome == 'success' }}
        run: |@IF_THERE_IS_ONE@
          mkdir -p "$RESULTS"
          "$CCBENCH" gate --baseline="$BASELINE" \
            --json="$RESULTS/baseline.json" \
            --junit="$RESULTS/baseline.xml" --markdown="$RESULTS/baseline.md"
)";

constexpr std::string_view kKeep = R"(
      - name: Keep the results
        if: ${{ !cancelled() }}
        uses: actions/upload-artifact@v4
        with:
          name: ccbench-gate
          path: ${{ env.RESULTS }}
          if-no-files-found: ignore
)";

constexpr std::string_view kPage = R"(# The gate of this repository

[.github/workflows/ccbench.yml](workflows/ccbench.yml) runs `ccbench gate` on every pull request. @WHAT@

## Read the result

The summary of the workflow's run has the table, and its artifact `ccbench-gate` the files: `gate.xml` and
`baseline.xml` are JUnit's XML, `trials.csv` has every trial. Exit codes:

| code | meaning |
| --- | --- |
| 0 | every guard holds and none is slower by more than the threshold |
| 3, 6, 9 | a guard does not hold: an invariant is broken, a trial hangs, a trial crashes |
| 4 | a guard is slower by more than the threshold |
| 5 | whether a guard holds is not known, because trials without a guard held, too |
| 7 | something is missing or unusable, and nothing was compared |

`inconclusive` is a word about times: the pairs scatter too much to say that there is a regression, or that there is
none. The column `could see` has the least slow-down that would have been called one. `--inconclusive=fail` makes it red.

## Repeat it

@REPEAT@

The command behind `repeat` runs the trial again in which a guard failed.

## Keep a baseline

A baseline is the trials.csv of a run, kept in the repository. Counts, verdicts and the guards' times relative to one
another are compared with it; times themselves are not, because they are those of another day.

    @CCBENCH@ --scenario=counter --threads=4 --requests=20000 --guard=all --trials=20 --csv=@BASELINE@

Commit @BASELINE@, and record it anew in the pull request that is to change it.
)";

constexpr std::string_view kWhatOfSources =
    R"(It builds ccbench as it
is before and after the change, and runs both on one machine, trial by trial in turns. What is compared stands in `GUARDS`
in that file.)";
constexpr std::string_view kRepeatOfSources =
    R"text(    git worktree add --detach ../base "$(git merge-base HEAD origin/main)"
    (cd ../base@BELOW@ && cmake --preset release && cmake --build --preset release --target ccbench)
    (cd .@BELOW@ && cmake --preset release && cmake --build --preset release --target ccbench)
    @CCBENCH@ gate --base=../base@BELOW@/build/release/ccbench --guard=@GUARDS@)text";
constexpr std::string_view kWhatOfInstalled = R"(It holds the ccbench
that is installed there against a baseline; without one it is red.)";
constexpr std::string_view kRepeatOfInstalled = "    @CCBENCH@ gate --baseline=@BASELINE@";

std::string replaced(std::string text, std::span<const std::pair<std::string, std::string>> values) {
  for (const auto& [name, value] : values) {
    const std::string mark = "@" + name + "@";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  }
  return text;
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

/// Neither the shell nor YAML needs more than the quotes that stand in the texts.
void check(const StarterOptions& options) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,/+";
  for (const std::string& value : {options.sources, options.guards, options.baseline}) {
    if (value.find_first_not_of(kPlain) != std::string::npos)
      throw GateError(
          fmt::format("'{}' cannot stand in a workflow: only letters, digits and -_.,/+ can", value));
  }
}

fs::path path_of(const std::string& folder, const StarterFile& file) { return fs::path(folder) / file.path; }

/// Anything, also a link that leads nowhere.
bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

/// Refuses to replace a file that came in between.
void write_new(const fs::path& path, std::string_view text) {
  std::FILE* const file = std::fopen(path.c_str(), "wxe");
  if (file == nullptr)
    throw GateError(fmt::format("{} cannot be written: {}", path.string(), std::strerror(errno)));
  const bool all = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !all) {
    throw GateError(
        fmt::format("{} could not be written to its end: {}", path.string(), std::strerror(errno)));
  }
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw GateError(fmt::format("{} cannot be made: {}", path.string(), error.message()));
}

}  // namespace

StarterOptions starter_options_of(const std::string& folder) {
  std::error_code ignored;
  const bool has_sources = fs::exists(fs::path(folder) / "scripts" / "setup.sh", ignored) &&
                           fs::exists(fs::path(folder) / "src" / "gate", ignored);
  StarterOptions options;
  if (!has_sources) options.sources.clear();
  return options;
}

std::vector<StarterFile> starter_files(const StarterOptions& options) {
  check(options);
  const bool builds = !options.sources.empty();
  const std::string workflow =
      builds ? joined({kHead, kEnvironmentOfSources, kJob, kBuild, kSelfTest, kCompareWithBase,
                       kCompareWithBaseline, kKeep})
             : joined({kHead, kEnvironmentOfInstalled, kJob, kFind, kSelfTest, kCompareWithBaseline, kKeep});
  const std::string below = options.sources == "." ? "" : "/" + options.sources;
  const std::string program = builds ? "." + below + "/build/release/ccbench" : "ccbench";
  const std::vector<std::pair<std::string, std::string>> values = {
      {"WHAT", std::string(builds ? kWhatOfSources : kWhatOfInstalled)},
      {"REPEAT", std::string(builds ? kRepeatOfSources : kRepeatOfInstalled)},
      {"IF_THERE_IS_ONE", std::string(builds ? kIfThereIsOne : "")},
      {"SOURCES", options.sources},
      {"BELOW", below},
      {"GUARDS", options.guards},
      {"BASELINE", options.baseline},
      {"CCBENCH", program}};
  return {{std::string(kWorkflowPath), replaced(workflow, values)},
          {std::string(kPagePath), replaced(std::string(kPage), values)}};
}

void write_starter(const std::string& folder, std::span<const StarterFile> files) {
  for (const StarterFile& file : files) {
    if (is_there(path_of(folder, file)))
      throw GateError(
          fmt::format("{} is there already; nothing was written", path_of(folder, file).string()));
  }
  for (const StarterFile& file : files) {
    const fs::path path = path_of(folder, file);
    make_folder(path.parent_path());
    write_new(path, file.text);
  }
}

}  // namespace ccbench
