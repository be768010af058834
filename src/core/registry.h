// The guards and scenarios that this program was linked with.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/guard.h"
#include "core/scenario.h"
#include "core/sequential_model.h"

namespace ccbench {

struct GuardPlugin {
  GuardInfo info;
  std::function<std::unique_ptr<AnyGuard>(const GuardContext&)> make;
  std::function<Promises(const GuardContext&)> promised = {};  ///< empty: what `info` says, always
  /// The same for the explorer; empty: `info` says why it cannot.
  std::function<std::unique_ptr<AnyGuard>(const GuardContext&)> make_explored = {};

  Promises promises(const GuardContext& context) const {
    return promised ? promised(context) : info.promises;
  }
};

struct ScenarioPlugin {
  ScenarioInfo info;
  std::function<std::unique_ptr<AnyScenario>(const TrialContext&)> make;
  std::function<std::vector<Invariant>(const Tally&)> check;
  std::function<std::optional<std::uint64_t>(const Tally&)> expected_success;
  /// Empty: it never objects.
  std::function<std::string(const ParameterValues&, std::uint64_t requests, Key keys)> objection = {};
  /// The same for the explorer; empty where nobody explores it.
  std::function<std::unique_ptr<AnyScenario>(const TrialContext&)> make_explored = {};
  /// Empty, or answering nothing: histories of its requests say nothing.
  std::function<std::optional<SequentialModel>(const ModelContext&)> model = {};
};

/// Plug-ins in order of name. They enter while static objects are made, before `main`, and stay.
template <class Plugin>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  /// Throws std::logic_error on a name that is taken: two files would claim one flag value.
  void add(Plugin plugin);
  const std::vector<Plugin>& all() const { return plugins_; }
  /// Null if there is none of that name.
  const Plugin* find(std::string_view name) const;

 private:
  std::vector<Plugin> plugins_;
};

extern template class Registry<GuardPlugin>;
extern template class Registry<ScenarioPlugin>;

inline Registry<GuardPlugin>& guards() { return Registry<GuardPlugin>::instance(); }
inline Registry<ScenarioPlugin>& scenarios() { return Registry<ScenarioPlugin>::instance(); }

}  // namespace ccbench
