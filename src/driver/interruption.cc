#include "driver/interruption.h"

#include <unistd.h>

#include <atomic>

namespace ccbench {
namespace {

std::atomic<int> noted{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler must not take a lock");

void note(int signal) {
  int none = 0;
  if (!noted.compare_exchange_strong(none, signal)) _exit(128 + signal);
}

}  // namespace

Interruption::Interruption() {
  noted = 0;
  struct sigaction action{};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_before_);
  sigaction(SIGTERM, &action, &terminate_before_);
}

Interruption::~Interruption() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
}

int Interruption::signal() const { return noted.load(); }

Interruption::Held::Held() {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  sigprocmask(SIG_BLOCK, &both, &outside_);
}

Interruption::Held::~Held() { sigprocmask(SIG_SETMASK, &outside_, nullptr); }

}  // namespace ccbench
