#include "driver/calibration.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "driver/child_process.h"

namespace ccbench {
namespace {

TEST(Calibrate, FindsWhatTheClockAndARequestCost) {
  const Interruption interruption;
  const Calibration calibration = calibrate(interruption);
  ASSERT_TRUE(calibration.clock_read.has_value());
  ASSERT_TRUE(calibration.harness.has_value());
  EXPECT_GT(*calibration.clock_read, 1);
  // Every request has four times: start, entry, leaving, end.
  EXPECT_GT(*calibration.harness, 3 * *calibration.clock_read);
  EXPECT_TRUE(children().empty());
}

TEST(Calibrate, StopsWhenInterrupted) {
  const Interruption interruption;
  raise(SIGINT);
  EXPECT_EQ(calibrate(interruption).harness, std::nullopt);
}

TEST(Calibrate, LeavesASnapshotThatWasAskedForToTheRun) {
  const Interruption interruption;
  raise(SIGQUIT);
  EXPECT_TRUE(calibrate(interruption).harness.has_value());
  EXPECT_EQ(interruption.snapshots_asked(), 1);
}

/// Allows this process that many file descriptors, none if 0, until it ends.
class FewFiles {
 public:
  explicit FewFiles(rlim_t most) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{.rlim_cur = most, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewFiles() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewFiles(const FewFiles&) = delete;
  FewFiles& operator=(const FewFiles&) = delete;

 private:
  rlimit before_{};
};

TEST(Calibrate, IsEmptyWhereNoTrialCanBeCarriedOut) {
  const Interruption interruption;
  const FewFiles few(0);
  const Calibration calibration = calibrate(interruption);
  EXPECT_TRUE(calibration.clock_read.has_value());
  EXPECT_EQ(calibration.harness, std::nullopt);
}

}  // namespace
}  // namespace ccbench
