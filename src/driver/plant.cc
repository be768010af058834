#include "driver/plant.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "driver/clock.h"

namespace ccbench {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Returns after `deadline`, and when that was. Whoever is slow on purpose does not stand still: that the
/// request is in the guard is said again and again.
Nanos pass_time_until(Nanos deadline, const Request& request) {
  constexpr Nanos kWorthSleeping = kMillisecond;
  constexpr Nanos kWakesLate = 200 * kMicrosecond;
  constexpr Nanos kLongestSleep = 5 * kMillisecond;
  Nanos now = steady_now();
  for (; deadline - now > kWorthSleeping; now = steady_now()) {
    sleep_until(std::min(deadline - kWakesLate, now + kLongestSleep));
    request.waits_for(request.key);
  }
  while (now < deadline) now = steady_now();
  return now;
}

class PlantedGuard final : public AnyGuard {
 public:
  PlantedGuard(std::unique_ptr<AnyGuard> guard, const Plant& plant, const PlantGround& ground)
      : guard_(std::move(guard)),
        added_(plant.factor - 1),
        every_(plant.every),
        arrivals_(ground.arrivals),
        workers_(ground.threads),
        lines_(ground.keys) {}

  Result run(const Request& request, Section section) override {
    Worker& worker = workers_[request.worker];
    if (worker.inside) return guard_->run(request, section);
    Line& line = lines_[lines_.size() > 1 ? request.key : 0];
    const Nanos came = arrivals_ || worker.back == 0 ? steady_now() : worker.back;
    bool entered = false;
    const auto prolonged = [&](const Entry& entry) {
      entered = true;
      const Prolongation after(*this, request, worker, line, came);
      return section(entry);
    };
    const Result result = guard_->run(request, prolonged);
    if (!entered) worker.back = steady_now();
    return result;
  }

 private:
  /// The sections of one key, or of all. Whoever is inside writes, which may be several.
  struct alignas(64) Line {
    std::atomic<Nanos> left{0};              ///< when the last one ended, its prolongation included
    std::atomic<std::uint64_t> sections{0};  ///< since one was prolonged
    std::atomic<Nanos> owed{0};              ///< what is yet to be passed; less than 0: too much was
  };

  /// Of one thread alone.
  struct alignas(64) Worker {
    bool inside = false;
    Nanos back = 0;  ///< when it left the guard the last time; 0: never yet
  };

  /// Prolongs a section, on its way out whether it returns or throws.
  class Prolongation {
   public:
    Prolongation(const PlantedGuard& plant, const Request& request, Worker& worker, Line& line, Nanos came)
        : plant_(plant),
          request_(request),
          worker_(worker),
          line_(line),
          since_(std::max(came, line.left.load(std::memory_order_relaxed))) {
      worker.inside = true;
    }
    Prolongation(const Prolongation&) = delete;
    Prolongation& operator=(const Prolongation&) = delete;
    ~Prolongation() {
      worker_.inside = false;
      worker_.back = plant_.prolong(request_, line_, since_);
      line_.left.store(worker_.back, std::memory_order_relaxed);
    }

   private:
    const PlantedGuard& plant_;
    const Request& request_;
    Worker& worker_;
    Line& line_;
    const Nanos since_;
  };

  /// Answers when it was over. The clock is looked at in steps that are longer than some guards need, and a
  /// thread may lose its CPU meanwhile: what was passed too much is taken off the next ones, so that their
  /// sum is right.
  Nanos prolong(const Request& request, Line& line, Nanos since) const {
    const Nanos now = steady_now();
    if (!is_due(line)) return now;
    const Nanos owed =
        line.owed.load(std::memory_order_relaxed) + std::llround(added_ * static_cast<double>(now - since));
    const Nanos end = owed > 0 ? pass_time_until(now + owed, request) : now;
    Nanos left = owed - (end - now);
    // But where single sections are to be slow, one that lost its CPU must not spare the others.
    if (every_ > 1) left = std::max(left, -kClockSteps);
    line.owed.store(left, std::memory_order_relaxed);
    return end;
  }

  /// Where several are inside a count may be lost: then the next section is the one.
  bool is_due(Line& line) const {
    const std::uint64_t sections = line.sections.load(std::memory_order_relaxed) + 1;
    const bool due = sections >= every_;
    line.sections.store(due ? 0 : sections, std::memory_order_relaxed);
    return due;
  }

  static constexpr Nanos kClockSteps = kMicrosecond;

  const std::unique_ptr<AnyGuard> guard_;
  const double added_;
  const std::uint64_t every_;
  const bool arrivals_;
  std::vector<Worker> workers_;
  std::vector<Line> lines_;
};

}  // namespace

std::optional<Plant> parse_plant(std::string_view text) {
  const auto slash = text.find('/');
  const auto factor = parse_number<double>(text.substr(0, slash));
  const auto every = slash == std::string_view::npos ? std::optional<std::uint64_t>(1)
                                                     : parse_number<std::uint64_t>(text.substr(slash + 1));
  if (!factor || !every) return std::nullopt;
  const bool in_range = *factor >= 1 && *factor <= kMostPlanted && *every >= 1 && *every <= kRarestPlanted;
  return in_range ? std::optional(Plant{.factor = *factor, .every = *every}) : std::nullopt;
}

std::string to_text(const Plant& plant) {
  return plant.every == 1 ? fmt::format("{}", plant.factor) : fmt::format("{}/{}", plant.factor, plant.every);
}

std::unique_ptr<AnyGuard> planted(std::unique_ptr<AnyGuard> guard, const Plant& plant,
                                  const PlantGround& ground) {
  return std::make_unique<PlantedGuard>(std::move(guard), plant, ground);
}

}  // namespace ccbench
