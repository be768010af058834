#include "snapshot/signalled_stack.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <system_error>

namespace ccbench {
namespace {

// What the handler works on. Written before the handler is installed, and never again.
std::span<SignalledStack> g_stacks;
std::span<const WorkerSlot> g_slots;

/// What a signal carries.
struct Question {
  std::uint32_t worker;
  std::uint32_t number;
};
static_assert(sizeof(Question) <= sizeof(sigval));

sigval value_of(Question question) {
  sigval value{};
  std::memcpy(&value, &question, sizeof question);
  return value;
}

Question question_of(const sigval& value) {
  Question question{};
  std::memcpy(&question, &value, sizeof question);
  return question;
}

/// One that the C library leaves to programs, and that few programs use.
int the_signal() { return SIGRTMIN + 7; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CCBENCH_UNCHECKED __attribute__((no_sanitize("address", "thread", "undefined")))
#endif
#endif
#if !defined(CCBENCH_UNCHECKED) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__))
#define CCBENCH_UNCHECKED __attribute__((no_sanitize("address", "thread", "undefined")))
#endif
#if !defined(CCBENCH_UNCHECKED)
#define CCBENCH_UNCHECKED
#endif

/// A stack is full of places that a sanitizer forbids to read, and memcpy would be checked.
CCBENCH_UNCHECKED void copy_words(const volatile std::uint64_t* from, std::byte* to, std::size_t words) {
  auto* target = reinterpret_cast<volatile std::uint64_t*>(to);
  for (std::size_t i = 0; i < words; ++i) target[i] = from[i];
}

CCBENCH_UNCHECKED void answer(int /*signal*/, siginfo_t* info, void* context) {
  const Question question = question_of(info->si_value);
  const std::size_t worker = question.worker;
  if (worker >= g_stacks.size()) return;
  const mcontext_t& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  SignalledStack& stack = g_stacks[worker];
#if defined(__x86_64__)
  stack.program_counter = static_cast<std::uint64_t>(machine.gregs[REG_RIP]);
  stack.stack_pointer = static_cast<std::uint64_t>(machine.gregs[REG_RSP]);
  stack.frame_pointer = static_cast<std::uint64_t>(machine.gregs[REG_RBP]);
#elif defined(__aarch64__)
  stack.program_counter = machine.pc;
  stack.stack_pointer = machine.sp;
  stack.frame_pointer = machine.regs[29];
#endif
  const std::uint64_t end = g_slots[worker].stack_end.load(std::memory_order_relaxed);
  const std::uint64_t begin = stack.stack_pointer;
  stack.size = 0;
  if (begin < end && begin % sizeof(std::uint64_t) == 0) {
    const std::uint64_t words =
        std::min<std::uint64_t>(end - begin, stack.bytes.size()) / sizeof(std::uint64_t);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a stack pointer is a number until it is read.
    copy_words(reinterpret_cast<const volatile std::uint64_t*>(begin), stack.bytes.data(), words);
    stack.size = words * sizeof(std::uint64_t);
  }
  stack.answered.store(question.number, std::memory_order_release);
}

}  // namespace

void answer_signals(std::span<SignalledStack> stacks, std::span<const WorkerSlot> slots) {
  g_stacks = stacks;
  g_slots = slots;
  struct sigaction action{};
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(the_signal(), &action, nullptr) != 0)
    throw std::system_error(errno, std::generic_category(), "sigaction");
}

bool ask_for_stack(pid_t process, pid_t thread, std::uint32_t worker, std::uint32_t question) {
  siginfo_t info{};
  info.si_signo = the_signal();
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value = value_of({.worker = worker, .number = question});
  // To the thread and not to the process: a masked signal must not reach another thread.
  return syscall(SYS_rt_tgsigqueueinfo, process, thread, the_signal(), &info) == 0;
}

}  // namespace ccbench
