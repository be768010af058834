// What was explored, as people and scripts read it.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "explore/search.h"

namespace ccbench::explore {

/// OK, and nothing was left out, but for what is known to be equal.
bool is_exhaustive(const SearchResult& result);

/// `VIOLATION`, `HUNG (deadlock)`, `OK (exhaustive: 128 classes, sequentially consistent, symmetric)`.
std::string verdict_in_words(const SearchResult& result);

std::string_view name_of(SearchStrategy strategy);

/// One row for each guard. All columns but the last are the same in every run with the same settings, unless
/// a --budget of time ended it.
void write_csv(std::span<const SearchResult> results, std::ostream& out);

/// `ccbench.explore/1`.
void write_json(std::span<const SearchResult> results, std::ostream& out);

struct ExplorePage {
  std::string command;   ///< that repeats all of it
  std::string settings;  ///< flags that repeat it, but for the guard
  std::vector<std::string> left_out;
};

/// One page, in the look of a run's report: the verdicts of all guards, and of every failure the steps that
/// lead to it, as a picture and as a table.
void write_html(std::span<const SearchResult> results, const ExplorePage& page, std::ostream& out);

struct ExploreText {
  std::string settings;  ///< flags that repeat it, but for the guard
  std::vector<std::string> left_out;
  bool color = false;
  bool quiet = false;  ///< the table alone
  std::size_t width = 110;
};

void write_text(std::span<const SearchResult> results, const ExploreText& text, std::ostream& out);

}  // namespace ccbench::explore
