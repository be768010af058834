// How a guard's or a scenario's file makes it known: one static object.
#pragma once

#include <memory>

#include "core/registry.h"
#include "sync/std_sync.h"

namespace ccbench {

/// Takes the template, not an instance of it, so that another `Sync` can be added here without a
/// change to any guard's file.
template <template <class> class G>
struct RegisterGuard {
  RegisterGuard() {
    guards().add(
        {.info = G<StdSync>::kInfo, .make = [] { return std::make_unique<ErasedGuard<G<StdSync>>>(); }});
  }
};

template <template <class> class S>
struct RegisterScenario {
  RegisterScenario() {
    scenarios().add({.info = S<StdSync>::kInfo,
                     .make =
                         [](const TrialContext& context) {
                           return std::make_unique<ErasedScenario<S<StdSync>>>(context);
                         },
                     .check = &S<StdSync>::check,
                     .expected_success = &S<StdSync>::expected_success});
  }
};

}  // namespace ccbench
