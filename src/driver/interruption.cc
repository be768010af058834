#include "driver/interruption.h"

#include <unistd.h>

#include <atomic>

namespace ccbench {
namespace {

std::atomic<int> noted{0};
std::atomic<int> snapshots_wanted{0};
std::atomic<bool> at_once{false};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not take a lock");

void note(int signal) {
  if (signal == SIGQUIT) {
    ++snapshots_wanted;
    return;
  }
  if (at_once) _exit(128 + signal);
  int none = 0;
  noted.compare_exchange_strong(none, signal);
}

}  // namespace

Interruption::Interruption() {
  noted = 0;
  snapshots_wanted = 0;
  at_once = false;
  struct sigaction action{};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &before_[i]);
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int Interruption::signal() const { return noted; }
int Interruption::snapshots_asked() const { return snapshots_wanted; }
void Interruption::end_at_once() { at_once = true; }

Interruption::Held::Held() {
  sigset_t all;
  sigemptyset(&all);
  for (const int signal : kSignals) sigaddset(&all, signal);
  sigprocmask(SIG_BLOCK, &all, &outside_);
}

Interruption::Held::~Held() { sigprocmask(SIG_SETMASK, &outside_, nullptr); }

}  // namespace ccbench
