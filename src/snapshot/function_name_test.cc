#include "snapshot/function_name.h"

#include <gtest/gtest.h>

namespace ccbench {
namespace {

TEST(FunctionName, IsWhatAPersonWouldCallIt) {
  EXPECT_EQ(readable_name("pthread_mutex_lock"), "pthread_mutex_lock");
  EXPECT_EQ(readable_name("pthread_cond_wait@@GLIBC_2.3.2"), "pthread_cond_wait");
  // ccbench::ErasedGuard<ccbench::(anonymous namespace)::CasGuard<ccbench::StdSync> >::run(ccbench::Request
  // const&)
  EXPECT_EQ(
      readable_name("_ZN7ccbench11ErasedGuardINS_12_GLOBAL__N_18CasGuardINS_7StdSyncEEEE3runERKNS_7RequestE"),
      "ErasedGuard<CasGuard<StdSync>>::run");
  // int ccbench::(anonymous namespace)::nested<1>(int) [clone .isra.0]
  EXPECT_EQ(readable_name("_ZN7ccbench12_GLOBAL__N_16nestedILi1EEEii.isra.0"), "nested<1>");
  // ccbench::Probe::operator()(int) const
  EXPECT_EQ(readable_name("_ZNK7ccbench5ProbeclEi"), "Probe::operator()");
  // ccbench::Probe::operator bool() const
  EXPECT_EQ(readable_name("_ZNK7ccbench5ProbecvbEv"), "Probe::operator bool");
}

TEST(FunctionName, ToldApartFromTheHarness) {
  EXPECT_TRUE(is_harness("Trial::carry"));
  EXPECT_TRUE(is_harness("std::_Function_handler<void , Trial::run::{lambda#1}>::_M_invoke"));
  EXPECT_TRUE(is_harness("WorkerThreads::enter"));
  EXPECT_TRUE(is_harness("start_thread"));
  EXPECT_FALSE(is_harness("ErasedGuard<CasGuard<StdSync>>::run"));
  EXPECT_FALSE(is_harness("ErasedScenario<LottoPurchase<StdSync>>::handle"));
  EXPECT_FALSE(is_harness("restart_thread"));
}

}  // namespace
}  // namespace ccbench
