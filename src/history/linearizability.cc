#include "history/linearizability.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <utility>

namespace ccbench {

void LinearizabilityCheck::RankSet::clear(std::size_t ranks) {
  words_.assign((ranks + 63) / 64, 0);
  full_ = end_ = 0;
}

void LinearizabilityCheck::RankSet::add(Rank rank) {
  const std::size_t word = rank / 64;
  words_[word] |= std::uint64_t{1} << rank % 64;
  end_ = std::max(end_, word + 1);
  while (full_ < end_ && words_[full_] == ~std::uint64_t{0}) ++full_;
}

void LinearizabilityCheck::RankSet::remove(Rank rank) {
  const std::size_t word = rank / 64;
  words_[word] &= ~(std::uint64_t{1} << rank % 64);
  full_ = std::min(full_, word);
  while (end_ > full_ && words_[end_ - 1] == 0) --end_;
}

LinearizabilityCheck::Rank LinearizabilityCheck::RankSet::first_missing() const {
  const int in_word = full_ < end_ ? std::countr_one(words_[full_]) : 0;
  return static_cast<Rank>(full_ * 64 + static_cast<std::size_t>(in_word));
}

void LinearizabilityCheck::RankSet::append_to(std::vector<std::uint64_t>& key) const {
  key.push_back(full_);
  key.push_back(end_);
  key.insert(key.end(), words_.begin() + static_cast<std::ptrdiff_t>(full_),
             words_.begin() + static_cast<std::ptrdiff_t>(end_));
}

std::size_t LinearizabilityCheck::HashKey::operator()(const std::vector<std::uint64_t>& key) const {
  std::uint64_t hash = key.size();
  for (const std::uint64_t word : key) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return hash;
}

Linearization LinearizabilityCheck::operator()(std::span<const Operation> history, std::int64_t initial,
                                               Step step, const LinearizationLimit& limit) {
  constexpr std::uint64_t kMoreForEach = 100;
  constexpr std::uint64_t kBetweenLooksAtTheClock = 1024;
  prepare(history);
  state_ = initial;
  const std::uint64_t most = limit.steps + kMoreForEach * history.size();
  Linearization result;
  const auto ended = [&](Linearization::Answer answer) {
    result.answer = answer;
    result.steps = steps_;
    return result;
  };
  std::uint64_t look_at_the_clock = kBetweenLooksAtTheClock;
  for (Rank tried = kNone; left_ > 0;) {
    if (steps_ > most) return ended(Linearization::Answer::unknown);
    if (limit.deadline && steps_ > look_at_the_clock) {
      if (std::chrono::steady_clock::now() > *limit.deadline) return ended(Linearization::Answer::unknown);
      look_at_the_clock = steps_ + kBetweenLooksAtTheClock;
    }
    const Choice choice = next_choice(tried, step);
    if (choice.rank != kNone) {
      place(choice);
      tried = kNone;
      if (failed_.empty() || !failed_.contains(key())) continue;
    } else {
      keep_longest(result);
    }
    const std::optional<Rank> other = back_to_a_choice();
    if (!other) return ended(Linearization::Answer::not_linearizable);
    tried = *other;
  }
  return ended(Linearization::Answer::linearizable);
}

void LinearizabilityCheck::prepare(std::span<const Operation> history) {
  history_ = history;
  entries_.clear();
  groups_.clear();
  path_.clear();
  if (!failed_.empty()) failed_.clear();
  steps_ = 0;
  required_ = 0;
  for (std::uint32_t i = 0; i < history.size(); ++i) {
    const bool ended = history[i].response != kNoResponse;
    if (!ended && history[i].deed.looks) continue;  // Whether it took effect makes no difference.
    if (ended) ++required_;
    entries_.push_back(
        {.call = history[i].call, .group = group_of(history[i].deed), .slot = 0, .operation = i});
    ++groups_[entries_.back().group].size;
  }
  left_ = required_;
  std::ranges::sort(entries_, {}, [&](const Entry& entry) {
    return std::tuple(history[entry.operation].response, entry.call, entry.operation);
  });
  deal_slots();
  by_call_.resize(entries_.size());
  std::iota(by_call_.begin(), by_call_.end(), Rank{0});
  std::ranges::sort(by_call_, {}, [&](Rank rank) { return std::pair(entries_[rank].call, rank); });
  ordered_.clear(required_);
  extra_.clear(entries_.size() - required_);
  called_ = 0;
  open_and_close_by_call();
}

/// Words of its own for each group, so that none has to look at the bits of another.
void LinearizabilityCheck::deal_slots() {
  std::uint32_t words = 0;
  for (Group& group : groups_) {
    group.begin = group.end = group.low = words;
    words += (group.size + 63) / 64;
    group.size = 0;
  }
  open_.assign(words, 0);
  rank_of_slot_.resize(std::size_t{words} * 64);
  for (Rank rank = 0; rank < entries_.size(); ++rank) {
    Entry& entry = entries_[rank];
    Group& group = groups_[entry.group];
    entry.slot = group.begin * 64 + group.size++;
    group.end = entry.slot / 64 + 1;
    rank_of_slot_[entry.slot] = rank;
  }
}

std::uint32_t LinearizabilityCheck::group_of(const Deed& deed) {
  const auto found = std::ranges::find(groups_, deed, &Group::deed);
  if (found != groups_.end()) return static_cast<std::uint32_t>(found - groups_.begin());
  groups_.push_back({.deed = deed});
  return static_cast<std::uint32_t>(groups_.size() - 1);
}

LinearizabilityCheck::Rank LinearizabilityCheck::first_candidate(Group& group) const {
  while (group.low < group.end && open_[group.low] == 0) ++group.low;
  if (group.low == group.end) return kNone;
  return rank_of_slot_[group.low * 64 + static_cast<std::uint32_t>(std::countr_zero(open_[group.low]))];
}

void LinearizabilityCheck::open(Rank rank) {
  const Entry& entry = entries_[rank];
  open_[entry.slot / 64] |= std::uint64_t{1} << entry.slot % 64;
  groups_[entry.group].low = std::min(groups_[entry.group].low, entry.slot / 64);
}

void LinearizabilityCheck::close(Rank rank) {
  open_[entries_[rank].slot / 64] &= ~(std::uint64_t{1} << entries_[rank].slot % 64);
}

/// Who was called after a response comes after it: candidates are those that were called before the first
/// response of what is not in the order yet.
void LinearizabilityCheck::open_and_close_by_call() {
  if (left_ == 0) return;
  const std::int64_t due = history_[entries_[ordered_.first_missing()].operation].response;
  for (; called_ < by_call_.size() && entries_[by_call_[called_]].call <= due; ++called_)
    open(by_call_[called_]);
  for (; called_ > 0 && entries_[by_call_[called_ - 1]].call > due; --called_) close(by_call_[called_ - 1]);
}

/// The first by rank of those that come after `tried`, of which each group has one.
LinearizabilityCheck::Choice LinearizabilityCheck::next_choice(Rank tried, Step step) {
  Choice best;
  for (Group& group : groups_) {
    ++steps_;
    const Rank rank = first_candidate(group);
    if (rank == kNone || (tried != kNone && rank <= tried)) continue;
    if (rank > best.rank && !group.deed.looks) continue;
    const std::optional<std::int64_t> state = step(state_, group.deed);
    if (!state) continue;
    if (group.deed.looks) return {.rank = rank, .state = state_, .forced = true};
    best = {.rank = rank, .state = *state};
  }
  return best;
}

void LinearizabilityCheck::place(const Choice& choice) {
  close(choice.rank);
  set_of(choice.rank).add(rank_in_set(choice.rank));
  path_.push_back({.rank = choice.rank, .forced = choice.forced, .before = state_});
  state_ = choice.state;
  if (choice.rank < required_) --left_;
  open_and_close_by_call();
}

LinearizabilityCheck::Placed LinearizabilityCheck::take_back() {
  const Placed last = path_.back();
  path_.pop_back();
  open(last.rank);
  set_of(last.rank).remove(rank_in_set(last.rank));
  state_ = last.before;
  if (last.rank < required_) ++left_;
  open_and_close_by_call();
  return last;
}

/// Nothing follows from where the order is. Takes it back to where another choice may be left, and answers
/// what was tried there; nothing: there is no such place.
std::optional<LinearizabilityCheck::Rank> LinearizabilityCheck::back_to_a_choice() {
  for (;;) {
    remember_failure();
    if (path_.empty()) return std::nullopt;
    const Placed last = take_back();
    if (!last.forced) return last.rank;
  }
}

const std::vector<std::uint64_t>& LinearizabilityCheck::key() {
  key_.clear();
  key_.push_back(std::bit_cast<std::uint64_t>(state_));
  ordered_.append_to(key_);
  extra_.append_to(key_);
  return key_;
}

void LinearizabilityCheck::remember_failure() {
  steps_ += key().size();
  failed_.insert(key_);
}

void LinearizabilityCheck::keep_longest(Linearization& result) const {
  const std::size_t ordered = required_ - left_;
  if (ordered <= result.ordered && !failed_.empty()) return;
  result.ordered = ordered;
  result.state = state_;
  result.unexplained = entries_[ordered_.first_missing()].operation;
}

}  // namespace ccbench
