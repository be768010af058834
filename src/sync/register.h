// How a guard's or a scenario's file makes it known: one static object.
#pragma once

#include <memory>
#include <utility>

#include "core/registry.h"
#include "sync/explore_sync.h"
#include "sync/std_sync.h"

namespace ccbench {

/// Takes the template, not an instance of it: made of plain primitives for trials, and of the explorer's.
template <template <class> class G>
struct RegisterGuard {
  RegisterGuard() {
    GuardPlugin plugin{.info = G<StdSync>::kInfo, .make = [](const GuardContext& context) {
                         return std::make_unique<ErasedGuard<G<StdSync>>>(context);
                       }};
    if constexpr (requires(const GuardContext& context) { G<StdSync>::promises(context); }) {
      plugin.promised = &G<StdSync>::promises;
    }
    if constexpr (G<StdSync>::kInfo.not_explorable.empty()) {
      plugin.make_explored = [](const GuardContext& context) {
        return std::make_unique<ErasedGuard<G<ExploreSync>>>(context);
      };
    }
    guards().add(std::move(plugin));
  }
};

template <template <class> class S>
struct RegisterScenario {
  RegisterScenario() {
    ScenarioPlugin plugin{
        .info = S<StdSync>::kInfo,
        .make =
            [](const TrialContext& context) { return std::make_unique<ErasedScenario<S<StdSync>>>(context); },
        .check = &S<StdSync>::check,
        .expected_success = &S<StdSync>::expected_success};
    if constexpr (requires(const ParameterValues& values) { S<StdSync>::objection(values, 1, Key{1}); }) {
      plugin.objection = &S<StdSync>::objection;
    }
    if constexpr (requires(const ModelContext& context) { S<StdSync>::model(context); }) {
      plugin.model = &S<StdSync>::model;
    }
    plugin.make_explored = [](const TrialContext& context) {
      return std::make_unique<ErasedScenario<S<ExploreSync>>>(context);
    };
    scenarios().add(std::move(plugin));
  }
};

}  // namespace ccbench
